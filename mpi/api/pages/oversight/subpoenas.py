"""Pages of subpoena cases: open one, record the notice, decide, release."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.oversight.case_texts import (
    find_system_name,
    format_fields,
    list_titled_fields,
    locate_error,
)
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import label_child
from mpi.api.pages.rendering.page_texts import title_fields
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, is_allowed_on, require_permission
from mpi.policy.cases.subpoena import (
    MAX_RECORDS,
    MAX_TEXT_LENGTH,
    RELEASABLE_FIELDS,
    CaseState,
    CounselDecision,
    CounselVerdict,
    Subpoena,
)
from mpi.service.core.index import Index
from mpi.service.legal.own_sources import list_own_sources
from mpi.service.legal.subpoena_cases import (
    SubpoenaView,
    decide_case,
    list_cases,
    open_case,
    record_notice,
    show_case,
)
from mpi.service.legal.subpoena_release import ReleasedRecord, SubpoenaRelease, release_case
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.statements.boundary_orders import MAX_REFERENCE_LENGTH

_ACTIONS = (Action.SUBPOENA_MANAGE, Action.SUBPOENA_DECIDE)
router = APIRouter(include_in_schema=False, route_class=PageRoute)
_TYPED = ("source", "court", "reference", "served_by", "received", "due", "local_ids", "counsel", "reason")
"""Fields of forms whose text is shown again after an error."""


@dataclass(frozen=True, slots=True)
class _ReleasedCard:
    """A released record as the page shows it.

    Args:
        local_id: its local ID.
        values: texts by title of the field.
        withheld: titles of decided fields that are withheld.
    """

    local_id: str
    values: tuple[tuple[str, tuple[str, ...]], ...]
    withheld: tuple[str, ...]


@router.get("/subpoenas")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the cases that the viewer handles, the earliest due day first."""
    return _render_list(index, visit)


@router.post("/subpoenas")
def open_page(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Open the case of a subpoena.

    Local IDs come in the request body, because they belong in no address.
    """
    require_permission(visit.viewer, Action.SUBPOENA_MANAGE)
    try:
        subpoena = Subpoena(
            source=form.text("source"),
            court=form.text("court"),
            reference=form.text("reference"),
            served_by=form.text("served_by"),
            received=form.day("received"),
            due=form.day("due"),
            notice_forbidden=form.is_checked("notice_forbidden"),
        )
        code = open_case(index, visit.viewer, subpoena, form.text("local_ids").split(), form.texts("field"))
    except (InputError, NotFoundError) as error:
        return _render_list(index, visit, error, form)
    return RedirectResponse(f"/subpoenas/{quote(code)}?done=subpoena_opened", HTTPStatus.SEE_OTHER)


@router.get("/subpoenas/{code}")
def show(index: IndexDep, visit: VisitDep, code: str) -> Response:
    """Show one case with what may be done next."""
    return _render_case(index, visit, code)


@router.post("/subpoenas/{code}")
def act(index: IndexDep, visit: VisitDep, code: str, form: FormDep) -> Response:
    """Record the notice, decide as counsel, or release what is decided."""
    try:
        outcome = _apply(index, visit, code, form)
    except (InputError, ConflictError) as error:
        return _render_case(index, visit, code, error, form)
    if isinstance(outcome, SubpoenaRelease):
        return _render_release(index, visit, outcome)
    return RedirectResponse(f"/subpoenas/{quote(code)}?done={outcome}", HTTPStatus.SEE_OTHER)


def _apply(index: Index, visit: Visit, code: str, form: Form) -> str | SubpoenaRelease:
    """Do a form's action; return the message code or the release.

    Raises:
        InputError: the form names no action, or what it states is wrong.
    """
    match form.button():
        case "notify":
            record_notice(index, visit.viewer, code, form.day("day"))
            return "subpoena_notified"
        case "decide":
            _decide(index, visit, code, form)
            return "subpoena_decided"
        case "release":
            return release_case(index, visit.viewer, code, form.text("reference"))
        case _:
            raise make_button_error()


def _decide(index: Index, visit: Visit, code: str, form: Form) -> None:
    """Store counsel's decision as the form states it.

    Raises:
        InputError: the form names no verdict, attorney or reason, or what is kept does not fit the verdict.
    """
    verdict = form.text("verdict")
    if verdict not in set(CounselVerdict):
        raise InputError("verdict: release, narrow or refuse")
    is_narrow = verdict == CounselVerdict.NARROW
    decide_case(
        index,
        visit.viewer,
        code,
        CounselDecision(CounselVerdict(verdict), form.text("counsel"), form.text("reason")),
        form.texts("local_id") if is_narrow else (),
        form.texts("field") if is_narrow else (),
    )


def _render_list(
    index: Index, visit: Visit, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render the cases, and the form that opens one."""
    viewer = visit.viewer
    views = list_cases(index, viewer)
    sources = list_own_sources(index, viewer, *_ACTIONS)
    return render_page(
        "subpoenas.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        cases=views,
        systems={source.code: source.name for source in sources},
        sources=[source for source in sources if is_allowed_on(viewer, Action.SUBPOENA_MANAGE, source.code)],
        today=clock.today(),
        fields=list_titled_fields(RELEASABLE_FIELDS),
        most=MAX_RECORDS,
        longest=MAX_TEXT_LENGTH,
        longest_reference=MAX_REFERENCE_LENGTH,
        typed={name: "" if form is None else form.raw_text(name) for name in _TYPED},
        chosen=() if form is None else form.texts("field"),
        is_forbidden=form is not None and form.is_checked("notice_forbidden"),
        problems=[] if error is None else [locate_error(error, (*_TYPED, "day"))],
    )


def _render_case(
    index: Index, visit: Visit, code: str, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render one case with the forms of its next steps."""
    viewer = visit.viewer
    view = show_case(index, viewer, code)
    source = view.case.subpoena.source
    may_manage = is_allowed_on(viewer, Action.SUBPOENA_MANAGE, source)
    is_open = view.state is CaseState.OPEN
    names = _find_child_names(index, visit, view)
    return render_page(
        "subpoena.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        view=view,
        system=find_system_name(index, visit, source, _ACTIONS),
        names=names,
        choices=[(local_id, f"{names[local_id]} {local_id}".strip()) for local_id in view.local_ids],
        kept=() if form is None else (*form.texts("local_id"), *form.texts("field")),
        asked=list_titled_fields(view.case.asked.fields),
        released=_list_released_fields(view),
        may_notify=may_manage and view.case.notified is None and not view.case.subpoena.notice_forbidden,
        may_release=may_manage and view.obstacle is None,
        may_decide=is_open and is_allowed_on(viewer, Action.SUBPOENA_DECIDE, source),
        is_own=view.is_own,
        verdicts=tuple(CounselVerdict),
        today=clock.today(),
        longest=MAX_TEXT_LENGTH,
        longest_reference=MAX_REFERENCE_LENGTH,
        typed={name: "" if form is None else form.raw_text(name) for name in (*_TYPED, "verdict")},
        problems=[] if error is None else [locate_error(error, (*_TYPED, "day"))],
    )


def _render_release(index: Index, visit: Visit, release: SubpoenaRelease) -> Response:
    """Render what was released, for the answer to the court."""
    view = show_case(index, visit.viewer, release.code)
    return render_page(
        "subpoena_release.html",
        visit=visit,
        view=view,
        system=find_system_name(index, visit, view.case.subpoena.source, _ACTIONS),
        records=[_to_card(record) for record in release.records],
    )


def _find_child_names(index: Index, visit: Visit, view: SubpoenaView) -> dict[str, str]:
    """Return children's names by local ID.

    The names are known as far as the viewer may read records.
    """
    refs = {local_id: RecordRef(view.case.subpoena.source, local_id) for local_id in view.local_ids}
    names = look_up_child_names(index, visit.viewer, Action.RECORD_READ, refs.values())
    return {local_id: label_child(names.by_record.get(ref)).name for local_id, ref in refs.items()}


def _list_released_fields(view: SubpoenaView) -> list[tuple[str, str]]:
    decision = view.case.decision
    return [] if decision is None or decision.scope is None else list_titled_fields(decision.scope.fields)


def _to_card(record: ReleasedRecord) -> _ReleasedCard:
    return _ReleasedCard(
        record.local_id,
        format_fields(record.values),
        title_fields(record.withheld),
    )
