"""Pages of the review queue and the steward's start page.

An index of the store orders questions by expected harm, so the cost of a page depends on what it shows. A
burst (many questions of one pattern from one load) is one row; its questions are listed when it is opened.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

import orjson

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import APPROVER_ASSIGNEE
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_shown_record_numbers
from mpi.service.review.open_questions import (
    OpenQuestion,
    QuestionSummary,
    summarize_closed_questions,
    summarize_questions,
)
from mpi.service.review.queue_search import (
    MAX_COUNTED,
    STATES,
    Filters,
    QueueItem,
    build_task_filter,
    check_filters,
    count_items,
    get_item_key,
    iterate_queue,
    merge_bursts,
    separate_bursts,
    summarize_burst,
)
from mpi.service.review.queue_triage import (
    MAX_TRIAGED,
    check_triage,
    list_flags,
    needs_triage,
    sort_and_filter,
)
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.review.owner_questions import OPEN as UNANSWERED
from mpi.storage.repositories.review.task_queue import Burst, QueuePosition, TaskFilter
from mpi.storage.repositories.review.task_work import CLOSED, TASKS_GONE, QuestionWork
from mpi.storage.unit_of_work.units import ReadUnit

__all__ = [
    "APPROVER_ASSIGNEE", "FIELDS", "MAX_COUNTED", "STATES", "Filters", "LandingPage", "OverdueOwnerQuestion",
    "QuestionSummary", "QueuePage", "load_landing", "load_queue_page",
]  # fmt: skip

FIELDS = ("source", "local_id", "match_weight", "reason")
"""Names of the fields that a queue page discloses, for the ledger."""
MAX_QUESTIONS = 200
"""Most questions on one page of the queue."""
MAX_LANDING_QUESTIONS = 20
"""Most questions in each list of the start page."""
CLOSED_PERIOD = timedelta(days=14)
"""Time for which closed questions are listed."""
NEW_PERIOD = timedelta(days=1)
"""Age up to which a question counts as new."""
_CURSOR_PARTS = 2
"""Parts of a position: harm or closing time, and question key."""
_TRIAGED = "triaged"
"""Second part of a position in a triaged queue; the first is an offset."""


@dataclass(frozen=True, slots=True)
class QueuePage:
    """One page of the review queue.

    Args:
        questions: summaries, most urgent first.
        total: number of matching questions; ``MAX_COUNTED`` + 1 stands for any greater number.
        after: cursor of the next page; None on the last page.
        is_partial: whether only the most urgent ``MAX_TRIAGED`` questions were filtered and sorted.
        flags: populations by whose flags the viewer may filter.
    """

    questions: tuple[QuestionSummary, ...]
    total: int
    after: str | None
    is_partial: bool = False
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LandingPage:
    """Lists of review questions on the steward's start page.

    Args:
        mine: questions that the reader has claimed or is assigned.
        due_today: questions that are due today or overdue, and free.
        new: questions that were opened within a day.
        closed_by_themselves: questions that the reader worked on and whose reason has gone since.
        overdue: the reader's questions to source owners that are past their due date.
    """

    mine: tuple[QuestionSummary, ...]
    due_today: tuple[QuestionSummary, ...]
    new: tuple[QuestionSummary, ...]
    closed_by_themselves: tuple[QuestionSummary, ...]
    overdue: tuple["OverdueOwnerQuestion", ...] = ()


@dataclass(frozen=True, slots=True)
class OverdueOwnerQuestion:
    """A question to a source owner that is past its due date."""

    number: int
    question: str
    record: RecordRef
    asks: str
    due_on: str


def load_queue_page(
    index: Index, viewer: Viewer, filters: Filters, limit: int = 50, after: str | None = None
) -> QueuePage:
    """Load a page of the review queue that matches filters.

    No question about a record that is hidden from the viewer is listed.

    Args:
        index: the open index.
        viewer: who asks.
        filters: the filters.
        limit: number of questions at most; no more than ``MAX_QUESTIONS``.
        after: cursor from the page before; None for the first page.

    Raises:
        InputError: the state, burst key, order, age, flag or cursor is invalid.
        NotFoundError: there is no such source for this viewer.
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    check_filters(filters)
    check_triage(filters)
    page_size = max(1, min(limit, MAX_QUESTIONS))
    with index.database.read(viewer) as unit:
        page = replace(_load_page(unit, index, filters, page_size, after), flags=list_flags(unit))
        record_ids = _find_record_numbers(unit, page.questions)
    disclose(index, viewer, Action.TASK_READ, record_ids, FIELDS)
    return page


def load_landing(index: Index, viewer: Viewer) -> LandingPage:
    """Load the lists of review questions on the viewer's start page.

    Each list is in the queue's order and has at most ``MAX_LANDING_QUESTIONS`` questions.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    with index.database.read(viewer) as unit:
        moment = clock.now()
        landing = LandingPage(
            mine=_list_first(unit, index, Filters(state=None, mine=True)),
            due_today=_list_first(unit, index, Filters(due=True)),
            new=_list_first(
                unit, index, Filters(), since=unit.commit_at(clock.format_timestamp(moment - NEW_PERIOD))
            ),
            closed_by_themselves=_list_closed_automatically(
                unit, clock.format_timestamp(moment - CLOSED_PERIOD)
            ),
            overdue=_list_overdue(unit, moment.date().isoformat()),
        )
        summaries = (*landing.mine, *landing.due_today, *landing.new, *landing.closed_by_themselves)
        record_ids = _find_record_numbers(
            unit, summaries, *(owner_question.record for owner_question in landing.overdue)
        )
    disclose(index, viewer, Action.TASK_READ, record_ids, FIELDS)
    return landing


def _load_page(unit: ReadUnit, index: Index, filters: Filters, limit: int, after: str | None) -> QueuePage:
    """Load one page of open or closed review questions."""
    if filters.state == CLOSED and not filters.mine:
        return _load_closed_page(unit, limit, after)
    search = build_task_filter(unit, filters)
    if search is None:
        return QueuePage((), 0, None)
    if needs_triage(filters):
        return _load_triaged_page(unit, index, search, filters, limit, after)
    position = None if after is None else _decode_position(after)
    search, bursts = separate_bursts(unit, search, filters)
    items = list(islice(merge_bursts(unit, search, bursts, filters, position), limit + 1))
    has_more = len(items) > limit
    items = items[:limit]
    total = count_items(unit, search, filters, len(bursts))
    return QueuePage(
        tuple(_summarize_items(unit, index, items)),
        max(total, len(items)),
        _encode_cursor(items[-1][0]) if has_more else None,
    )


def _load_triaged_page(
    unit: ReadUnit, index: Index, search: TaskFilter, filters: Filters, limit: int, after: str | None
) -> QueuePage:
    """Load one page of urgent questions, filtered and sorted by child."""
    offset = 0 if after is None else _decode_offset(after)
    wanted = MAX_TRIAGED + 1
    urgent_items = list(islice(iterate_queue(unit, search, filters, None, wanted), wanted))
    items = sort_and_filter(unit, index, urgent_items[:MAX_TRIAGED], filters)
    end = offset + limit
    return QueuePage(
        tuple(_summarize_items(unit, index, items[offset:end])),
        len(items),
        _encode_cursor((end, _TRIAGED)) if end < len(items) else None,
        is_partial=len(urgent_items) > MAX_TRIAGED,
    )


def _summarize_items(unit: ReadUnit, index: Index, items: Sequence[QueueItem]) -> list[QuestionSummary]:
    """Return the summaries of review questions and bursts, in their order."""
    summaries_by_key = {
        summary.key: summary
        for summary in summarize_questions(unit, index, (q for _, q in items if isinstance(q, OpenQuestion)))
    }
    work_by_key = unit.task_work.get([get_item_key(b) for _, b in items if isinstance(b, Burst)])
    return [
        summarize_burst(unit, item, work_by_key.get(get_item_key(item)))
        if isinstance(item, Burst)
        else summaries_by_key[item.key]
        for _, item in items
    ]


def _list_first(
    unit: ReadUnit, index: Index, filters: Filters, since: int | None = None
) -> tuple[QuestionSummary, ...]:
    """Return the most urgent review questions that match filters."""
    search = build_task_filter(unit, filters, since)
    if search is None:
        return ()
    return tuple(
        _summarize_items(
            unit, index, list(islice(iterate_queue(unit, search, filters, None), MAX_LANDING_QUESTIONS))
        )
    )


def _list_closed_automatically(unit: ReadUnit, since: str) -> tuple[QuestionSummary, ...]:
    """Return review questions the viewer worked on that closed without answer."""
    closed_works = [
        work for work in unit.task_work.closed_work(since, MAX_COUNTED) if work.closed_because == TASKS_GONE
    ]
    own_keys = unit.task_work.questions_acted_on(unit.viewer.client, [work.question for work in closed_works])
    own_works = [work for work in closed_works if work.question in own_keys]
    summaries: list[QuestionSummary] = []
    # Read in parts: of many closed questions only the first few that are visible are shown.
    for part in iter_chunks(own_works, MAX_LANDING_QUESTIONS):
        summaries += [each for each in summarize_closed_questions(unit, part) if each is not None]
        if len(summaries) >= MAX_LANDING_QUESTIONS:
            break
    return tuple(summaries[:MAX_LANDING_QUESTIONS])


def _list_overdue(unit: ReadUnit, today: str) -> tuple[OverdueOwnerQuestion, ...]:
    """Return the viewer's overdue questions to source owners."""
    sources = [source.id for source in unit.sources.all() if unit.viewer.may_see(source.code)]
    overdue_questions = [
        question
        for question in unit.owner_questions.all_of_sources(sources, UNANSWERED)
        if question.asked_by == unit.viewer.client and question.due_on < today
    ]
    labels = unit.records.labels({question.record_id for question in overdue_questions})
    return tuple(
        OverdueOwnerQuestion(
            number=question.id,
            question=question.question,
            record=labels[question.record_id],
            asks=question.asks,
            due_on=question.due_on,
        )
        for question in overdue_questions
        if question.record_id in labels
    )


def _load_closed_page(unit: ReadUnit, limit: int, after: str | None) -> QueuePage:
    """Load a page of recently closed review questions, latest first."""
    since = clock.format_timestamp(clock.now() - CLOSED_PERIOD)
    position = None if after is None else _decode_closed_position(after)
    summaries: list[QuestionSummary] = []
    last_work: QuestionWork | None = None
    while works := unit.task_work.closed_work(since, limit + 1, position):
        for work, summary in zip(works, summarize_closed_questions(unit, works), strict=True):
            position = (work.closed_at or "", work.question)
            if summary is not None and len(summaries) == limit:
                return QueuePage(
                    tuple(summaries),
                    limit + 1,
                    None if last_work is None else _encode_cursor(_get_closed_position(last_work)),
                )
            if summary is not None:
                summaries.append(summary)
                last_work = work
    return QueuePage(tuple(summaries), len(summaries), None)


def _get_closed_position(work: QuestionWork) -> tuple[str, str]:
    """Return the position of a closed review question: closing time and key."""
    return work.closed_at or "", work.question


def _find_record_numbers(
    unit: ReadUnit, summaries: Sequence[QuestionSummary], *other_records: RecordRef
) -> set[int]:
    """Return the numbers of shown records, for the disclosure ledger."""
    labels = {*other_records, *(label for summary in summaries for label in summary.records)}
    return find_shown_record_numbers(unit, labels)


def _encode_cursor(position: tuple[int, str] | tuple[str, str]) -> str:
    """Encode a position in the review queue as an opaque cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def _decode_cursor(after: str) -> list[object]:
    """Decode a page cursor into the two parts of a queue position."""
    try:
        position = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except ValueError:
        position = None
    if not isinstance(position, list) or len(position) != _CURSOR_PARTS:
        raise InputError("after: give the cursor that the page before returned")
    return position


def _decode_position(after: str) -> QueuePosition:
    """Decode a cursor of open questions into expected harm and question key."""
    harm, key = _decode_cursor(after)
    if not isinstance(harm, int) or not isinstance(key, str):
        raise InputError("after: give the cursor that the page before returned")
    return harm, key


def _decode_offset(after: str) -> int:
    """Decode a cursor of triaged questions into an offset."""
    offset, mark = _decode_cursor(after)
    if not isinstance(offset, int) or mark != _TRIAGED or not 0 <= offset <= MAX_TRIAGED:
        raise InputError("after: give the cursor that the page before returned")
    return offset


def _decode_closed_position(after: str) -> tuple[str, str]:
    """Decode a cursor of closed questions into closing time and question key."""
    closed_at, key = _decode_cursor(after)
    if not isinstance(closed_at, str) or not isinstance(key, str):
        raise InputError("after: give the cursor that the page before returned")
    return closed_at, key
