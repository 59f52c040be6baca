"""Page of the review queue: filters, saved views and bulk actions."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.api.pages.rendering.paths import question_path
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form
from mpi.domain import clock
from mpi.domain.errors import InputError, MpiError
from mpi.domain.viewer import Action, is_allowed
from mpi.service.core.index import Index
from mpi.service.review.answers import apply_in_bulk, assign, defer
from mpi.service.review.queue import MAX_COUNTED, STATES, Filters, load_queue_page
from mpi.service.review.saved_views import delete_view, list_saved_views, save_view
from mpi.service.statements.sources import list_visible_sources

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class SavedViewLink:
    """Saved filters of the review queue, with the query string for them."""

    name: str
    query: str


KINDS = ("pair", "multiple", "overlay", "conflict", "recheck", "claim", "approval")
"""Kinds of questions that the filter offers."""


@router.get("/queue")
def list_page(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show the review queue, most urgent questions first."""
    return _render_queue(index, visit, request.query_params)


def parse_filters(query: Mapping[str, str]) -> Filters:
    """Parse the review queue's filters from a query string or form."""
    return Filters(
        kind=query.get("kind") or None,
        state=query.get("state") or "open",
        source=query.get("source") or None,
        mine=bool(query.get("mine")),
        due=bool(query.get("due")),
        burst=query.get("burst") or None,
    )


def _render_queue(
    index: Index,
    visit: Visit,
    query: Mapping[str, str],
    problems: Sequence[str] = (),
    marked: Collection[str] = (),
) -> Response:
    """Render a page of the review queue, with errors of bulk actions."""
    filters = parse_filters(query)
    queue_page = load_queue_page(index, visit.viewer, filters, after=query.get("after") or None)
    sources = (
        list_visible_sources(index, visit.viewer) if is_allowed(visit.viewer, Action.RECORD_READ) else []
    )
    views = [
        SavedViewLink(name, format_query(saved_filters))
        for name, saved_filters in list_saved_views(index, visit.viewer).items()
    ]
    tomorrow = date.fromisoformat(clock.today()) + timedelta(days=1)
    return render_page(
        "queue.html",
        HTTPStatus.CONFLICT if problems else HTTPStatus.OK,
        visit=visit,
        problems=[("questions", text) for text in problems],
        marked=marked,
        tomorrow=str(tomorrow),
        found=queue_page,
        filters=filters,
        query=format_query(filters),
        states=STATES,
        kinds=KINDS,
        sources=sources,
        question_path=question_path,
        today=clock.today(),
        most=MAX_COUNTED,
        views=views,
        saved=next((view.name for view in views if view.query == format_query(filters)), None),
        can_save=is_allowed(visit.viewer, Action.TASK_WORK),
    )


@router.post("/queue/bulk")
def post_bulk(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Put off or assign all review questions marked in the form."""
    query_values = dict(parse_qsl(form.raw_text("query").removeprefix("?")))
    keys = form.texts("key")
    if not keys:
        return _render_queue(index, visit, query_values, [load_words().queue.nothing_marked])
    try:
        errors_by_key = _apply_in_bulk(index, visit, form, keys)
    except InputError as error:
        return _render_queue(index, visit, query_values, [str(error)], keys)
    refused = {key: error for key, error in errors_by_key.items() if error is not None}
    if not refused:
        query = format_query(parse_filters(query_values))
        return RedirectResponse(f"/queue{query or '?'}{'&' if query else ''}done=bulk", HTTPStatus.SEE_OTHER)
    counts_by_reason = Counter(str(error) for error in refused.values())
    problems = [
        str(format_text(load_words().queue.not_done["one" if n == 1 else "many"], n=n, why=text))
        for text, n in counts_by_reason.items()
    ]
    return _render_queue(index, visit, query_values, problems, refused.keys())


def _apply_in_bulk(
    index: Index, visit: Visit, form: Form, keys: Sequence[str]
) -> Mapping[str, MpiError | None]:
    """Apply the chosen action to review questions; return errors by question key."""
    until, to = form.raw_text("until"), form.raw_text("to")
    match form.text("do"):
        case "defer":
            return apply_in_bulk(keys, lambda key: defer(index, visit.viewer, key, until))
        case "assign":
            return apply_in_bulk(keys, lambda key: assign(index, visit.viewer, key, to))
        case _:
            raise InputError("do: defer or assign")


@router.post("/views")
def post_view(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Save review-queue filters under a name, or delete saved ones."""
    removed_name = form.optional_text("forget")
    if removed_name is not None:
        delete_view(index, visit.viewer, removed_name)
        return RedirectResponse("/queue", HTTPStatus.SEE_OTHER)
    filters = Filters(
        kind=form.optional_text("kind"),
        state=form.optional_text("state") or "open",
        source=form.optional_text("source"),
        mine=form.is_checked("mine"),
        due=form.is_checked("due"),
    )
    save_view(index, visit.viewer, form.text("name"), filters)
    return RedirectResponse(f"/queue{format_query(filters)}", HTTPStatus.SEE_OTHER)


def format_query(filters: Filters) -> str:
    """Format review-queue filters as a query string, empty for the default."""
    plain = replace(filters, text=None)
    values = {
        "kind": plain.kind,
        "state": plain.state if plain.state != "open" else None,
        "source": plain.source,
        "mine": "1" if plain.mine else None,
        "due": "1" if plain.due else None,
        "burst": plain.burst,
    }
    query = urlencode({name: value for name, value in values.items() if value})
    return f"?{query}" if query else ""
