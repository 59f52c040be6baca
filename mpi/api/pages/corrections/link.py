"""Page that links two children who are one."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
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
from mpi.api.pages.corrections.side_by_side import build_side_by_side, make_side
from mpi.api.pages.corrections.step_form import (
    is_shown_on_form,
    make_form_key,
    make_repeatable,
    read_options,
)
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
from mpi.domain.errors import ConflictError, DecisionConflict, InputError, MpiError, StaleError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.persons.persons import look_up_person
from mpi.service.persons.step_effects import StepEffect
from mpi.service.stewardship.merge_split_move import merge

router = APIRouter(include_in_schema=False, route_class=PageRoute)

LINK_REASONS = (
    "same-child", "typo", "name-change", "nickname", "adoption", "moved", "source-confirmed", "other",
)  # fmt: skip
_TWO = 2


@router.get("/link")
def link_found(visit: VisitDep, child: Annotated[list[str] | None, Query()] = None) -> Response:
    """Redirect to the page that links the marked children of a search."""
    require_permission(visit.viewer, Action.DECIDE)
    marked = list(dict.fromkeys(eids.parse_eid(text) for text in child or ()))
    if not marked or len(marked) > _TWO:
        raise InputError(load_words().link.mark_two)
    query = f"?other={marked[1]}" if len(marked) == _TWO else ""
    return RedirectResponse(f"/people/{marked[0]}/link{query}", HTTPStatus.SEE_OTHER)


@router.get("/people/{eid}/link")
def show_link_form(index: IndexDep, visit: VisitDep, eid: str, other: str | None = None) -> Response:
    """Show the search for another child, or both children side by side."""
    require_permission(visit.viewer, Action.DECIDE)
    child = load_child(index, visit.viewer, eid)
    if not other:
        search = suggest_search(index, visit.viewer, child)
        return _render_search(visit, child, search, Form({}))
    return _render_pair(index, visit, child, other, Form({}))


@router.post("/people/{eid}/link")
def link(index: IndexDep, visit: VisitDep, eid: str, form: FormDep) -> Response:
    """Search for another child, preview the link of both, or link them."""
    require_permission(visit.viewer, Action.DECIDE)
    if form.raw_text("do") == "search":
        child = load_child(index, visit.viewer, eid)
        return _render_search(visit, child, search_children(index, visit.viewer, form, child), form)
    other = form.text("other")
    viewer = make_repeatable(visit.viewer, f"/people/{eid}/link", form)
    try:
        options = read_options(form, form.texts("etag"))
        effect = merge(index, viewer, [eid, other], options, survivor=form.optional_text("survivor"))
    except MpiError as error:
        if not is_shown_on_form(error):
            raise
        child = load_child(index, visit.viewer, eid)
        return _render_pair(index, visit, child, other, form, error=error)
    if not effect.preview:
        query = format_flash_query(effect, "linked")
        return RedirectResponse(
            f"/people/{_find_current(index, visit.viewer, eid)}?{query}", HTTPStatus.SEE_OTHER
        )
    return _render_pair(index, visit, load_child(index, visit.viewer, eid), other, form, effect=effect)


def _find_current(index: Index, viewer: Viewer, eid: str) -> str:
    """Return the enterprise ID that holds a child's records now."""
    person = look_up_person(index, viewer, eid)
    return person.now[0] if person.now else person.enterprise_id


def _render_search(
    visit: Visit, child: Child, search: ChildSearch, form: Form, error: MpiError | None = None
) -> Response:
    """Render the search for the child to link with."""
    shown_error = error or search.error
    field = "other" if error is not None else search.error_field
    response = render_page(
        "link.html",
        HTTPStatus.OK if shown_error is None else find_status(shown_error)[0],
        visit=visit,
        child=child,
        is_active=is_active(child),
        search=search,
        typed=form.raw_text("other"),
        problems=[] if shown_error is None else [(field, str(shown_error))],
    )
    response.headers.update({} if shown_error is None else headers_of_error(shown_error))
    return response


def _render_pair(
    index: Index,
    visit: Visit,
    child: Child,
    other_text: str,
    form: Form,
    error: MpiError | None = None,
    effect: StepEffect | None = None,
) -> Response:
    """Render both children side by side, with the form that links them."""
    viewer = visit.viewer
    try:
        other = load_other(index, viewer, other_text, child)
    except InputError as unusable:
        search = suggest_search(index, viewer, child)
        form = Form({"other": [other_text]})
        return _render_search(visit, child, search, form, unusable)
    return render_page(
        "link_pair.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        child=child,
        other=other,
        is_active=is_active(child),
        comparison=build_side_by_side(index, viewer, make_side(child), make_side(other)),
        reasons=LINK_REASONS,
        reason=form.raw_text("reason"),
        note=form.raw_text("note"),
        survivor=form.raw_text("survivor"),
        supersedes=form.raw_text("supersedes"),
        chain=error.chain if isinstance(error, DecisionConflict) else (),
        problems=[] if error is None else [_describe_error(error)],
        effect=effect,
        effect_labels=label_effect(index, viewer, effect),
        systems=name_systems(index, viewer),
        once=make_form_key(),
    )


def _describe_error(error: MpiError) -> tuple[str, str]:
    """Return the field and the text of an error of the link."""
    if isinstance(error, ConflictError) and not isinstance(error, DecisionConflict):
        return "sides", load_words().correction.changed if isinstance(error, StaleError) else str(error)
    return "reason", str(error)
