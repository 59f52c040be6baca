"""Page of the review queue: filters, order, saved views and bulk actions.

A child's name to filter by comes in a request body, because it belongs in no address.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.activity.people_options import list_worker_options
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import ChildLabel, label_children
from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.api.pages.rendering.paths import question_path
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.domain import clock
from mpi.domain.errors import InputError, MpiError
from mpi.domain.viewer import Action, is_allowed
from mpi.service.core.index import Index
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.review.bulk_actions import BulkResult, assign_questions, snooze_questions, undo_bulk
from mpi.service.review.queue import MAX_COUNTED, STATES, Filters, QuestionSummary, load_queue_page
from mpi.service.review.queue_triage import MAX_AGE, MAX_TRIAGED, SORTS
from mpi.service.review.saved_views import delete_view, list_saved_views, list_shared_views, save_view
from mpi.service.statements.sources import list_readable_sources

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class SavedViewLink:
    """Saved filters of the review queue, with the query string for them.

    ``owner`` is who shares them; empty for the viewer's own.
    """

    name: str
    query: str
    owner: str = ""


KINDS = ("pair", "multiple", "overlay", "conflict", "recheck", "claim", "approval")
"""Kinds of questions that the filter offers."""


@router.get("/queue")
def list_page(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show the review queue, most urgent questions first.

    A name in the address is not looked up, so that nobody makes a link of one.
    """
    filters = {name: value for name, value in request.query_params.items() if name != "child"}
    return _render_queue(index, visit, filters)


@router.post("/queue")
def filter_by_name(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Show the questions about children of a name, which no address holds."""
    query_values = _parse_query(form)
    child = form.optional_text("child")
    return _render_queue(index, visit, {**query_values, **({} if child is None else {"child": child})})


def parse_filters(query: Mapping[str, str]) -> Filters:
    """Parse the review queue's filters from a query string or form.

    Raises:
        InputError: an age is not a whole number.
    """
    state = query.get("state") or "open"
    if state == "closed":
        return Filters(state=state, mine=bool(query.get("mine")))
    return Filters(
        kind=query.get("kind") or None,
        state=state,
        source=query.get("source") or None,
        mine=bool(query.get("mine")),
        due=bool(query.get("due")),
        child=query.get("child") or None,
        min_age=_parse_age(query.get("min_age")),
        max_age=_parse_age(query.get("max_age")),
        burst=query.get("burst") or None,
        assignee=query.get("assignee") or None,
        county=query.get("county") or None,
        flag=query.get("flag") or None,
        sort=query.get("sort") or SORTS[0],
    )


def _parse_age(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_AGE))):
        raise InputError(f"age: give whole years from 0 to {MAX_AGE}")
    return int(text)


def _parse_query(form: Form) -> dict[str, str]:
    """Return the filters that a form holds as a query string."""
    return dict(parse_qsl(form.raw_text("query").removeprefix("?")))


def _render_queue(
    index: Index,
    visit: Visit,
    query: Mapping[str, str],
    problems: Sequence[str] = (),
    marked: Collection[str] = (),
) -> Response:
    """Render a page of the review queue, with errors of bulk actions."""
    try:
        filters = parse_filters(query)
        queue_page = load_queue_page(index, visit.viewer, filters, after=query.get("after") or None)
    except InputError as error:
        filters, problems = Filters(), [*problems, str(error)]
        queue_page = load_queue_page(index, visit.viewer, filters)
    sources = list_readable_sources(index, visit.viewer)
    views = [
        SavedViewLink(name, format_query(saved_filters))
        for name, saved_filters in list_saved_views(index, visit.viewer).items()
    ]
    shared = [
        SavedViewLink(view.name, format_query(view.filters), view.owner)
        for view in list_shared_views(index, visit.viewer)
    ]
    tomorrow = date.fromisoformat(clock.today()) + timedelta(days=1)
    return render_page(
        "queue.html",
        HTTPStatus.CONFLICT if problems else HTTPStatus.OK,
        visit=visit,
        problems=[("questions", text) for text in problems],
        marked={question.key for question in queue_page.questions} if query.get("all") else marked,
        tomorrow=str(tomorrow),
        found=queue_page,
        rows=list_rows(index, visit, queue_page.questions),
        filters=filters,
        query=format_query(filters),
        states=STATES,
        kinds=KINDS,
        sorts=SORTS,
        max_age=MAX_AGE,
        triaged=MAX_TRIAGED,
        sources=sources,
        systems={source.code: source.name for source in sources},
        question_path=question_path,
        today=clock.today(),
        most=MAX_COUNTED,
        views=[*views, *shared],
        people=list_worker_options(index, visit),
        saved=next((view.name for view in views if view.query == format_query(filters)), None),
        can_save=is_allowed(visit.viewer, Action.TASK_WORK),
    )


@dataclass(frozen=True, slots=True)
class QueueRow:
    """Row of the queue: a question and its children."""

    question: QuestionSummary
    children: tuple[ChildLabel, ...]

    @property
    def spoken(self) -> str:
        """Names of the children, for a screen reader."""
        return ", ".join(child.spoken for child in self.children)


def list_rows(index: Index, visit: Visit, questions: Sequence[QuestionSummary]) -> list[QueueRow]:
    """Return questions with their children, as the viewer may see them."""
    records = [record for question in questions for record in question.records]
    names = look_up_child_names(index, visit.viewer, Action.TASK_READ, records)
    return [QueueRow(question, label_children(names, question.records)) for question in questions]


@router.post("/queue/bulk")
def post_bulk(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Snooze or assign all review questions marked in the form."""
    query_values = _parse_query(form)
    keys = form.texts("key")
    if not keys:
        return _render_queue(index, visit, query_values, [load_words().queue.nothing_marked])
    try:
        result = _apply_in_bulk(index, visit, form, keys)
    except InputError as error:
        return _render_queue(index, visit, query_values, [str(error)], keys)
    refused = {key: error for key, error in result.errors.items() if error is not None}
    if not refused:
        outcome = urlencode({"done": "bulk", "bulk": result.token})
        return RedirectResponse(_join_query(query_values, outcome), HTTPStatus.SEE_OTHER)
    return _render_queue(index, visit, query_values, _describe_refusals(refused), refused.keys())


@router.post("/queue/bulk/undo")
def post_bulk_undo(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Undo what the viewer has just done with several questions."""
    try:
        errors_by_key = undo_bulk(index, visit.viewer, form.text("bulk"))
    except InputError as error:
        return _render_queue(index, visit, {}, [str(error)])
    refused = {key: error for key, error in errors_by_key.items() if error is not None}
    if refused:
        return _render_queue(index, visit, {}, _describe_refusals(refused), refused.keys())
    return RedirectResponse("/queue?done=bulk_undone", HTTPStatus.SEE_OTHER)


def _join_query(query_values: Mapping[str, str], outcome: str) -> str:
    """Return the address of the queue with filters and an outcome."""
    query = format_query(parse_filters(query_values))
    return f"/queue{query or '?'}{'&' if query else ''}{outcome}"


def _describe_refusals(refused: Mapping[str, MpiError]) -> list[str]:
    """Return how many questions were left as they are, by reason."""
    counts_by_reason = Counter(str(error) for error in refused.values())
    return [
        str(format_text(load_words().queue.not_done["one" if n == 1 else "many"], n=n, why=text))
        for text, n in counts_by_reason.items()
    ]


def _apply_in_bulk(index: Index, visit: Visit, form: Form, keys: Sequence[str]) -> BulkResult:
    """Apply the chosen action to review questions."""
    match form.button():
        case "defer":
            return snooze_questions(index, visit.viewer, keys, form.raw_text("until"))
        case "assign":
            return assign_questions(index, visit.viewer, keys, form.raw_text("to"))
        case _:
            raise make_button_error()


_FORM_FIELDS = frozenset({"csrf", "name", "query", "shared"})
"""Fields of the form of a saved view that are no filters."""


@router.post("/views")
def post_view(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Save review-queue filters under a name, or delete saved ones."""
    removed_name = form.optional_text("forget")
    if removed_name is not None:
        delete_view(index, visit.viewer, removed_name)
        return RedirectResponse("/queue", HTTPStatus.SEE_OTHER)
    stated = {name: form.raw_text(name) for name in form.names() if name not in _FORM_FIELDS}
    filters = parse_filters({**_parse_query(form), **stated})
    save_view(index, visit.viewer, form.text("name"), filters, shared=form.is_checked("shared"))
    return RedirectResponse(f"/queue{format_query(filters)}", HTTPStatus.SEE_OTHER)


def format_query(filters: Filters) -> str:
    """Format review-queue filters as a query string, empty for the default.

    Neither a local ID nor a child's name is part of it.
    """
    values = {
        "kind": filters.kind,
        "state": filters.state if filters.state != "open" else None,
        "source": filters.source,
        "mine": "1" if filters.mine else None,
        "due": "1" if filters.due else None,
        "burst": filters.burst,
        "assignee": filters.assignee,
        "min_age": None if filters.min_age is None else str(filters.min_age),
        "max_age": None if filters.max_age is None else str(filters.max_age),
        "county": filters.county,
        "flag": filters.flag,
        "sort": filters.sort if filters.sort != SORTS[0] else None,
    }
    query = urlencode({name: value for name, value in values.items() if value})
    return f"?{query}" if query else ""
