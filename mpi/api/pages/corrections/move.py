"""Page that moves records to another child, or to a new one."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.corrections.child_choice import (
    Child,
    ChildSearch,
    is_active,
    load_child,
    load_other,
    search_children,
    suggest_search,
)
from mpi.api.pages.corrections.side_by_side import SideBySide, build_side_by_side, make_side
from mpi.api.pages.corrections.step_form import (
    is_shown_on_form,
    make_form_key,
    make_repeatable,
    parse_records,
    read_options,
)
from mpi.api.pages.corrections.unlink import UNLINK_REASONS
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
from mpi.api.request.problems import find_status, headers_of_error
from mpi.domain import eid as eids
from mpi.domain.errors import ConflictError, DecisionConflict, InputError, MpiError, NotFoundError, StaleError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.persons.step_effects import StepEffect
from mpi.service.stewardship.merge_split_move import move, split

router = APIRouter(include_in_schema=False, route_class=PageRoute)

NEW = "new"
"""Form value that stands for a new child."""
_MOVED, _REST = 0, 1
"""Positions of the moved records and of the others, in a split."""


@router.get("/people/{eid}/move")
def show_move_form(index: IndexDep, visit: VisitDep, eid: str) -> Response:
    """Show the form that marks records and chooses their new child."""
    require_permission(visit.viewer, Action.DECIDE)
    child = load_child(index, visit.viewer, eid)
    return _render(index, visit, child, Form({}), suggest_search(index, visit.viewer, child))


@router.post("/people/{eid}/move")
def move_records(index: IndexDep, visit: VisitDep, eid: str, form: FormDep) -> Response:
    """Search for the other child, preview the move, or move the records."""
    require_permission(visit.viewer, Action.DECIDE)
    if _is_search(form):
        child = load_child(index, visit.viewer, eid)
        return _render(index, visit, child, form, search_children(index, visit.viewer, form, child))
    viewer = make_repeatable(visit.viewer, f"/people/{eid}/move", form)
    try:
        effect = _apply(index, viewer, eid, form)
    except MpiError as error:
        if not is_shown_on_form(error) and not isinstance(error, NotFoundError):
            raise
        child = load_child(index, visit.viewer, eid)
        return _render(index, visit, child, form, _keep_search(form), error)
    if not effect.preview:
        query = format_flash_query(effect, "moved")
        return RedirectResponse(f"/people/{eids.parse_eid(eid)}?{query}", HTTPStatus.SEE_OTHER)
    child = load_child(index, visit.viewer, eid)
    return _render(index, visit, child, form, _keep_search(form), effect=effect)


def _is_search(form: Form) -> bool:
    """Return whether a form asks for a search.

    The Enter key searches too, unless an enterprise ID is typed.
    """
    pressed = form.raw_text("do")
    return pressed == "search" or (pressed == "enter" and form.optional_text("other") is None)


def _apply(index: Index, viewer: Viewer, eid: str, form: Form) -> StepEffect:
    """Move the marked records to the chosen child, or preview this.

    Raises:
        InputError: no record is marked, or no child is chosen.
        DecisionConflict: decisions in force contradict the move.
        StaleError: one of the children has changed since the page was shown.
    """
    texts = load_words().move
    records = parse_records(form)
    target = _read_target(form)
    if not records:
        raise InputError(texts.nothing_marked)
    if target is None:
        raise InputError(texts.nobody_chosen)
    if target == NEW:
        options = read_options(form, [form.text("etag")])
        # The marked records are one new child, even if the model links none of them. The others keep the ID.
        return split(index, viewer, eid, [records], options, keep=_REST, one_child=(_MOVED,))
    # The tag of the chosen child comes with the preview; before it there is nothing to have changed.
    tags = [form.text("etag"), *form.texts("target_etag")] if form.is_checked("confirm") else ["*"]
    return move(index, viewer, eid, records, target, read_options(form, tags))


def _read_target(form: Form) -> str | None:
    """Return the chosen child's ID, ``new``, or None for no choice.

    A typed ID counts where the field beside it is chosen, or where nothing is.
    """
    chosen = form.optional_text("to")
    return form.optional_text("other") if chosen in (None, "other") else chosen


def _keep_search(form: Form) -> ChildSearch:
    """Return what was typed into the search, without searching again."""
    return ChildSearch({name: form.raw_text(name) for name in ("first_name", "last_name", "birth_date")})


def _render(
    index: Index,
    visit: Visit,
    child: Child,
    form: Form,
    search: ChildSearch,
    error: MpiError | None = None,
    effect: StepEffect | None = None,
) -> Response:
    """Render the form that moves records, with its search, error or preview."""
    viewer = visit.viewer
    cards = read_record_cards(index, viewer, child.person.records)
    target, problem = _find_target(index, viewer, child, form)
    shown_error = error or search.error
    problems = [] if shown_error is None else [_describe_error(shown_error, search, child, form)]
    if problem is not None:
        problems = [("other", str(problem))]
        shown_error = problem
    response = render_page(
        "move.html",
        HTTPStatus.OK if shown_error is None else find_status(shown_error)[0],
        visit=visit,
        child=child,
        is_active=is_active(child),
        cards=[{"key": format_record_key(card.label), "card": card} for card in cards],
        marked=set(form.texts("record")),
        to=form.raw_text("to"),
        typed=form.raw_text("other"),
        target=target,
        search=search,
        comparison=_compare(index, viewer, child, target, form) if effect is not None or error else None,
        reasons=UNLINK_REASONS,
        reason=form.raw_text("reason"),
        note=form.raw_text("note"),
        supersedes=form.raw_text("supersedes"),
        chain=error.chain if isinstance(error, DecisionConflict) else (),
        problems=problems,
        effect=effect,
        effect_labels=label_effect(index, viewer, effect),
        systems=name_systems(index, viewer),
        once=make_form_key(),
    )
    response.headers.update({} if shown_error is None else headers_of_error(shown_error))
    return response


def _find_target(
    index: Index, viewer: Viewer, child: Child, form: Form
) -> tuple[Child | None, InputError | None]:
    """Return the chosen child, and why it cannot be chosen."""
    text = _read_target(form)
    if text is None or text == NEW:
        return None, None
    try:
        return load_other(index, viewer, text, child), None
    except InputError as error:
        return None, error


def _compare(
    index: Index, viewer: Viewer, child: Child, target: Child | None, form: Form
) -> SideBySide | None:
    """Return the marked records beside the chosen child, if both are there."""
    if target is None:
        return None
    marked = set(form.texts("record"))
    records = [record for record in child.person.records if format_record_key(record) in marked]
    return build_side_by_side(index, viewer, make_side(child, records), make_side(target))


def _describe_error(error: MpiError, search: ChildSearch, child: Child, form: Form) -> tuple[str, str]:
    """Return the field and the text of an error of the move."""
    texts = load_words()
    if error is search.error:
        return search.error_field, str(error)
    if isinstance(error, DecisionConflict):
        return "reason", str(error)
    if form.raw_text("etag") != child.person.etag or isinstance(error, StaleError):
        return "first-record", texts.correction.changed
    if isinstance(error, ConflictError):
        return "other", str(error)
    if len(set(form.texts("record"))) >= len(child.person.records):
        return "first-record", texts.move.all_marked
    return ("other" if str(error) == texts.move.nobody_chosen else "first-record"), str(error)
