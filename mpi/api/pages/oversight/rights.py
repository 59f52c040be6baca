"""Pages of rights cases, and the report to print."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import TypeVar
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
from mpi.api.pages.rendering.page_texts import title_fields
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import BUTTON, Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import Action, is_allowed_on, require_permission
from mpi.policy.cases.subject_rights import (
    MAX_STATEMENT_LENGTH,
    MAX_TEXT_LENGTH,
    CaseKind,
    Check,
    Identification,
    RefusalReason,
    Relation,
    RightsState,
    format_refusal,
)
from mpi.service.core.index import Index
from mpi.service.legal.own_sources import list_own_sources
from mpi.service.rights.amendments import ask_hearing, attach_statement, decide_hearing, grant_amendment
from mpi.service.rights.cases import ACTIONS, list_cases, show_case
from mpi.service.rights.requests import AMENDABLE_FIELDS, RightsRequest, open_case, refuse_case
from mpi.service.rights.subject_report import ReportedRecord, SubjectReport, release_report
from mpi.service.statements.boundary_orders import MAX_REFERENCE_LENGTH

Choice = TypeVar("Choice", bound=StrEnum)
router = APIRouter(include_in_schema=False, route_class=PageRoute)
_TYPED = (
    "source", "local_id", "kind", "relation", "identification", "identified_by", "reference", "received",
    "owner", "field", "wanted", "name", "reason", "statement",
)  # fmt: skip
"""Fields of forms whose text is shown again after an error."""
_ERROR_FIELDS = {"released_by": "name", "decided_by": "name", "officer": "name", "checks": "check"}
"""Field of a form by the name that an error gives."""

_STEP_FORMS = {"amend": "hear", "uphold": "hear"}
"""Form of a step, where it has another name."""


@dataclass(frozen=True, slots=True)
class _ReportCard:
    """A record of a report as the page shows it.

    Args:
        record: the record.
        values: texts by title of the field.
    """

    record: ReportedRecord
    values: tuple[tuple[str, tuple[str, ...]], ...]


@router.get("/rights")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the cases that the viewer handles, the earliest due day first."""
    return _render_list(index, visit)


@router.post("/rights")
def open_page(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Open the case of a request, whose body names the record."""
    require_permission(visit.viewer, Action.RIGHTS_MANAGE)
    try:
        code = open_case(index, visit.viewer, _read_request(form))
    except (InputError, NotFoundError, ConflictError) as error:
        return _render_list(index, visit, error, form)
    return RedirectResponse(f"/rights/{quote(code)}?done=rights_opened", HTTPStatus.SEE_OTHER)


@router.get("/rights/{code}")
def show(index: IndexDep, visit: VisitDep, code: str) -> Response:
    """Show one case with what may be done next."""
    return _render_case(index, visit, code)


@router.post("/rights/{code}")
def act(index: IndexDep, visit: VisitDep, code: str, form: FormDep) -> Response:
    """Release, refuse, grant, or record a hearing or a statement."""
    try:
        outcome = _apply(index, visit, code, form)
    except (InputError, ConflictError) as error:
        return _render_case(index, visit, code, error, form)
    if isinstance(outcome, SubjectReport):
        return _render_report(index, visit, outcome)
    return RedirectResponse(f"/rights/{quote(code)}?done={outcome}", HTTPStatus.SEE_OTHER)


def _read_request(form: Form) -> RightsRequest:
    """Return the request that a form states.

    Raises:
        InputError: a choice or day is missing or wrong.
    """
    kind = _choose(CaseKind, form, "kind")
    is_amendment = kind is CaseKind.AMEND
    return RightsRequest(
        kind=kind,
        source=form.text("source"),
        local_id=form.text("local_id"),
        relation=_choose(Relation, form, "relation"),
        identification=_choose(Identification, form, "identification"),
        identified_by=form.text("identified_by"),
        reference=form.text("reference"),
        received=form.day("received"),
        owner=form.text("owner"),
        field=form.text("field") if is_amendment else None,
        wanted=form.raw_text("wanted") if is_amendment else None,
    )


def _apply(index: Index, visit: Visit, code: str, form: Form) -> str | SubjectReport:
    """Do a form's action; return the message code or the report.

    Raises:
        InputError: the form names no action, or what it states is wrong.
    """
    viewer, name = visit.viewer, form.optional_text("name") or ""
    if form.button() == "release":
        checks = [_choose_value(Check, text, "checks") for text in form.texts("check")]
        return release_report(index, viewer, code, checks, name)
    steps: dict[str, Callable[[], None]] = {
        "refuse": lambda: refuse_case(
            index,
            viewer,
            code,
            show_case(index, viewer, code).kind,
            _choose(RefusalReason, form, "reason"),
            name,
        ),
        "grant": lambda: grant_amendment(index, viewer, code, name),
        "hearing": lambda: ask_hearing(index, viewer, code),
        "amend": lambda: decide_hearing(index, viewer, code, name, amends=True),
        "uphold": lambda: decide_hearing(index, viewer, code, name, amends=False),
        "attach": lambda: attach_statement(index, viewer, code, form.raw_text("statement")),
    }
    step = steps.get(form.button())
    if step is None:
        raise make_button_error()
    step()
    return "rights_stored"


def _choose(choices: type[Choice], form: Form, name: str) -> Choice:
    return _choose_value(choices, form.text(name), name)


def _choose_value(choices: type[Choice], text: str, name: str) -> Choice:
    """Return the member of an enumeration that a form names.

    Raises:
        InputError: there is none of this name.
    """
    try:
        return choices(text)
    except ValueError:
        raise InputError(f"{name}: one of {', '.join(choices)}") from None


def _render_list(
    index: Index, visit: Visit, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render the cases, and the form that opens one."""
    viewer = visit.viewer
    cases = list_cases(index, viewer)
    sources = list_own_sources(index, viewer, *ACTIONS)
    return render_page(
        "rights.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        cases=cases,
        systems={source.code: source.name for source in sources},
        sources=[source for source in sources if is_allowed_on(viewer, Action.RIGHTS_MANAGE, source.code)],
        today=clock.today(),
        now=clock.now().date(),
        kinds=tuple(CaseKind),
        relations=tuple(Relation),
        identifications=tuple(Identification),
        fields=list_titled_fields(AMENDABLE_FIELDS),
        longest=MAX_TEXT_LENGTH,
        longest_reference=MAX_REFERENCE_LENGTH,
        longest_statement=MAX_STATEMENT_LENGTH,
        letter=format_refusal("the privacy office of this agency"),
        typed={name: "" if form is None else form.raw_text(name) for name in _TYPED},
        problems=[] if error is None else [locate_error(error, _TYPED, _ERROR_FIELDS)],
    )


def _render_case(
    index: Index, visit: Visit, code: str, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render one case with the forms of its next steps."""
    viewer = visit.viewer
    case = show_case(index, viewer, code)
    may_manage = is_allowed_on(viewer, Action.RIGHTS_MANAGE, case.source)
    may_decide = is_allowed_on(viewer, Action.RIGHTS_DECIDE, case.source)
    is_amendment = case.kind is CaseKind.AMEND
    return render_page(
        "rights_case.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        case=case,
        system=find_system_name(index, visit, case.source, ACTIONS),
        field=title_fields([case.stored.details["field"]])[0] if is_amendment else None,
        may_release=may_decide
        and not is_amendment
        and case.state in (RightsState.OPEN, RightsState.RELEASED),
        may_grant=may_decide and is_amendment and case.state is RightsState.OPEN,
        may_refuse=may_decide and case.state is RightsState.OPEN,
        may_ask=may_manage and is_amendment and case.state is RightsState.REFUSED,
        may_hear=may_decide and case.state is RightsState.HEARING,
        may_attach=may_manage and case.state is RightsState.UPHELD and "statement" not in case.texts,
        is_own=case.opened_by == viewer.client,
        checks=tuple(Check),
        chosen=() if form is None else form.texts("check"),
        reasons=tuple(RefusalReason),
        now=clock.now().date(),
        longest=MAX_TEXT_LENGTH,
        longest_statement=MAX_STATEMENT_LENGTH,
        typed={name: "" if form is None else form.raw_text(name) for name in _TYPED},
        problems=[] if error is None or form is None else [_locate_step(error, form)],
    )


def _render_report(index: Index, visit: Visit, report: SubjectReport) -> Response:
    """Render a report, to be printed for who asked."""
    return render_page(
        "rights_report.html",
        visit=visit,
        report=report,
        system=find_system_name(index, visit, report.source, ACTIONS),
        cards=[_ReportCard(record, format_fields(record.values)) for record in report.records],
    )


def _locate_step(error: MpiError, form: Form) -> tuple[str, str]:
    """Return the form's field that an error names, and its text."""
    field, text = locate_error(error, _TYPED, _ERROR_FIELDS)
    step = form.raw_text(BUTTON)
    return (f"{_STEP_FORMS.get(step, step)}-name" if field == "name" else field, text)
