"""Page of one child: records, links, unlinking and undo."""

from http import HTTPStatus

from fastapi import APIRouter
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.desk import search
from mpi.api.pages.desk.person_view import build_person_page, name_systems, read_record_cards
from mpi.api.pages.desk.question_view import (
    explain_for_page,
    format_record_key,
    parse_pair_key,
    parse_record_key,
)
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep, format_flash_query
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.api.request.problems import find_status
from mpi.api.request.refusals import record_denied_call
from mpi.domain import eid as eids
from mpi.domain.errors import (
    ConflictError,
    DecisionConflict,
    EidError,
    InputError,
    MpiError,
    NotFoundError,
    StaleError,
)
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, is_allowed, require_permission
from mpi.service.core.index import Index
from mpi.service.persons.persons import PersonView, look_up_person
from mpi.service.persons.step_effects import StepEffect
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.service.stewardship.undo import undo_step

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_REST = 1
"""Index of the unmarked records' part, after that of the marked ones."""

UNLINK_REASONS = (
    "wrong-link", "twin", "sibling", "namesake", "source-mistake", "source-confirmed", "other",
)  # fmt: skip


@router.get("/people/{eid}")
def show(index: IndexDep, visit: VisitDep, eid: str, records: int = 1, history: str = "") -> Response:
    """Show the records that each agency holds about one person.

    ``records`` is the page of records, from 1. ``history=all`` lists every change.
    """
    try:
        card = build_person_page(index, visit.viewer, eid, records, whole_history=history == "all")
    except (EidError, NotFoundError) as error:
        record_denied_call(index, error)
        return search.render_not_found(index, visit, eid, error)
    return render_page(
        "person.html",
        visit=visit,
        card=card,
        systems=card.systems,
        may_decide=is_allowed(visit.viewer, Action.DECIDE),
        links_to=_link_persons,
    )


@router.get("/people/{eid}/unlink")
def show_unlink_form(index: IndexDep, visit: VisitDep, eid: str) -> Response:
    """Show the form on which a person's wrongly linked records are marked."""
    require_permission(visit.viewer, Action.DECIDE)
    return _render_unlink_page(index, visit, look_up_person(index, visit.viewer, eid), Form({}))


@router.post("/people/{eid}/unlink")
def unlink(index: IndexDep, visit: VisitDep, eid: str, form: FormDep) -> Response:
    """Separate the marked records from a person, or preview this until confirmed."""
    require_permission(visit.viewer, Action.DECIDE)
    view = look_up_person(index, visit.viewer, eid)
    if form.text("etag") != view.etag:
        return _render_unlink_page(index, visit, view, form, StaleError(load_words().unlink.changed))
    marked = form.texts("record")
    if not marked or len(set(marked)) >= len(view.records):
        return _render_unlink_page(index, visit, view, form, InputError(load_words().unlink.nothing_marked))
    reason = StepOptions(
        reason=form.text("reason"),
        note=form.optional_text("note"),
        supersedes=_parse_numbers(form.raw_text("supersedes")),
        expected_etags=(form.text("etag"),),
        preview=not form.is_checked("confirm"),
    )
    try:
        rest_is_one = (_REST,) if form.is_checked("rest") else ()
        effect = split(
            index, visit.viewer, eid, [[_parse_record(key) for key in marked]], reason, one_child=rest_is_one
        )
    except (DecisionConflict, StaleError, InputError) as error:
        return _render_unlink_page(index, visit, view, form, error)
    if not effect.preview:
        return RedirectResponse(
            f"/people/{view.enterprise_id}?{format_flash_query(effect, 'unlinked')}", HTTPStatus.SEE_OTHER
        )
    return _render_unlink_page(index, visit, view, form, effect=effect)


@router.post("/why")
def explain(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Show why two records are or are not linked.

    The records come in the request body, because a local ID belongs in no address.
    """
    pair = parse_pair_key(form.raw_text("pair"))
    if pair is None:
        raise InputError("pair: not one of this page")
    explanation = explain_for_page(index, visit.viewer, *pair)
    if explanation is None:
        raise ConflictError("one of the records is not active, so it is not compared")
    eid = form.optional_text("eid")
    return render_page(
        "why.html",
        visit=visit,
        why=explanation,
        systems=name_systems(index, visit.viewer),
        eid=eid if eid is not None and _is_eid(eid) else None,
    )


@router.post("/steps/{step}/undo")
def undo(index: IndexDep, visit: VisitDep, step: int, form: FormDep) -> Response:
    """Undo a steward's step about a person, or preview this until confirmed."""
    confirmed = form.is_checked("confirm")
    effect = undo_step(index, visit.viewer, step, preview=not confirmed)
    eid = form.optional_text("eid")
    if not confirmed:
        systems = name_systems(index, visit.viewer)
        return render_page("undo.html", visit=visit, effect=effect, step=step, eid=eid, systems=systems)
    back = f"/people/{eid}" if eid is not None and _is_eid(eid) else "/"
    return RedirectResponse(
        f"{back}?done={'awaiting' if effect.awaiting else 'undone'}", HTTPStatus.SEE_OTHER
    )


def _render_unlink_page(
    index: Index,
    visit: Visit,
    view: PersonView,
    form: Form,
    error: MpiError | None = None,
    effect: StepEffect | None = None,
) -> Response:
    """Render the form that unlinks a person's records, with error or preview."""
    cards = [
        {"key": format_record_key(card.label), "card": card}
        for card in read_record_cards(index, visit.viewer, view.records)
    ]
    chain = error.chain if isinstance(error, DecisionConflict) else ()
    return render_page(
        "unlink.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        eid=view.enterprise_id,
        systems=name_systems(index, visit.viewer),
        etag=view.etag,
        cards=cards,
        marked=set(form.texts("record")),
        reasons=UNLINK_REASONS,
        reason=form.raw_text("reason"),
        note=form.raw_text("note"),
        supersedes=form.raw_text("supersedes"),
        # Checked at first: a steward who unlinks one record rarely means to split the others.
        rest=form.is_checked("rest") or not form.names(),
        chain=chain,
        problems=[] if error is None else [("first-record", str(error))],
        effect=effect,
    )


def _link_persons(eids_to_link: tuple[str, ...]) -> Markup:
    """Return links to the persons' pages for given enterprise IDs."""
    return Markup(", ").join(
        Markup('<a class="eid" href="/people/{0}">{0}</a>').format(eid) for eid in eids_to_link
    )


def _parse_record(key: str) -> RecordRef:
    """Parse a record's source and local ID from a form value."""
    record = parse_record_key(key)
    if record is None:
        raise InputError("record: not one of this page")
    return record


def _parse_numbers(text: str) -> tuple[int, ...]:
    """Parse comma-separated decision numbers."""
    try:
        return tuple(int(number) for number in text.split(",") if number)
    except ValueError:
        raise InputError("supersedes: give numbers of decisions") from None


def _is_eid(text: str) -> bool:
    """Check whether a text is a well-formed enterprise ID."""
    try:
        eids.parse_eid(text)
    except EidError:
        return False
    return True
