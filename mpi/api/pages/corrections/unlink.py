"""Page that separates wrongly linked records from a child."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.corrections.child_choice import Child, load_child
from mpi.api.pages.corrections.step_form import (
    is_shown_on_form,
    make_form_key,
    make_repeatable,
    parse_records,
    read_options,
)
from mpi.api.pages.desk.person_view import read_record_cards
from mpi.api.pages.desk.shown_values import format_record_key
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import name_systems
from mpi.api.pages.rendering.effect_labels import label_effect
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep, format_flash_query
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.api.request.problems import find_status
from mpi.domain import eid as eids
from mpi.domain.errors import DecisionConflict, InputError, MpiError, StaleError
from mpi.domain.viewer import Action, require_permission
from mpi.service.core.index import Index
from mpi.service.persons.persons import PersonView
from mpi.service.persons.step_effects import StepEffect
from mpi.service.stewardship.merge_split_move import split

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_REST = 1
"""Index of the unmarked records' part, after that of the marked ones."""

UNLINK_REASONS = (
    "wrong-link", "twin", "sibling", "namesake", "source-mistake", "source-confirmed", "other",
)  # fmt: skip


@router.get("/people/{eid}/unlink")
def show_unlink_form(index: IndexDep, visit: VisitDep, eid: str) -> Response:
    """Show the form on which a person's wrongly linked records are marked."""
    require_permission(visit.viewer, Action.DECIDE)
    return _render_unlink_page(index, visit, load_child(index, visit.viewer, eid), Form({}))


@router.post("/people/{eid}/unlink")
def unlink(index: IndexDep, visit: VisitDep, eid: str, form: FormDep) -> Response:
    """Separate the marked records from a person, or preview this until confirmed."""
    require_permission(visit.viewer, Action.DECIDE)
    viewer = make_repeatable(visit.viewer, f"/people/{eid}/unlink", form)
    try:
        marked = parse_records(form)
        if not marked:
            raise InputError(load_words().unlink.nothing_marked)
        rest_is_one = (_REST,) if form.is_checked("rest") else ()
        options = read_options(form, [form.text("etag")])
        effect = split(index, viewer, eid, [marked], options, one_child=rest_is_one)
    except MpiError as error:
        if not is_shown_on_form(error):
            raise
        child = load_child(index, visit.viewer, eid)
        return _render_unlink_page(index, visit, child, form, _explain(error, child.person, form))
    if not effect.preview:
        query = format_flash_query(effect, "unlinked")
        return RedirectResponse(f"/people/{eids.parse_eid(eid)}?{query}", HTTPStatus.SEE_OTHER)
    return _render_unlink_page(index, visit, load_child(index, visit.viewer, eid), form, effect=effect)


def _explain(error: MpiError, view: PersonView, form: Form) -> MpiError:
    """Return the error with the page's text, if the page has one."""
    if not isinstance(error, DecisionConflict) and form.raw_text("etag") != view.etag:
        return StaleError(load_words().unlink.changed)
    if len(set(form.texts("record"))) >= len(view.records):
        return InputError(load_words().unlink.nothing_marked)
    return error


def _render_unlink_page(
    index: Index,
    visit: Visit,
    child: Child,
    form: Form,
    error: MpiError | None = None,
    effect: StepEffect | None = None,
) -> Response:
    """Render the form that unlinks a person's records, with error or preview."""
    view = child.person
    cards = [
        {"key": format_record_key(card.label), "card": card}
        for card in read_record_cards(index, visit.viewer, view.records)
    ]
    return render_page(
        "unlink.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        child=child,
        eid=view.enterprise_id,
        etag=view.etag,
        cards=cards,
        marked=set(form.texts("record")),
        reasons=UNLINK_REASONS,
        reason=form.raw_text("reason"),
        note=form.raw_text("note"),
        supersedes=form.raw_text("supersedes"),
        # Checked at first: a steward who unlinks one record rarely means to split the others.
        rest=form.is_checked("rest") or not form.names(),
        chain=error.chain if isinstance(error, DecisionConflict) else (),
        problems=[] if error is None else [("first-record", str(error))],
        effect=effect,
        effect_labels=label_effect(index, visit.viewer, effect),
        systems=name_systems(index, visit.viewer),
        once=make_form_key(),
    )
