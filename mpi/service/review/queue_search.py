"""Search of the review queue: filtered questions and bursts, most urgent first.

Used by a page of the queue, the start page, an opened burst and the list of tasks for programs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mpi.domain import clock
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.roles import APPROVER_ASSIGNEE
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.minimization import sees_all_flags
from mpi.service.core.visibility import find_visible_records, visible_source_ids
from mpi.service.core.visible_features import limits_comparisons
from mpi.service.resolution.work_log_visibility import redact_work, redact_works
from mpi.service.review.due_dates import compute_due_cutoffs, compute_due_date
from mpi.service.review.open_questions import (
    CLAIMED,
    MIN_BURST_QUESTIONS,
    OpenQuestion,
    QuestionSummary,
    find_decisions_of_tasks,
    is_burst_key,
    is_own_report,
    load_questions,
    make_burst_key,
    parse_burst_key,
)
from mpi.storage.repositories.derived.features_and_edges import MICROBITS
from mpi.storage.repositories.review.task_queue import Burst, DueFilter, QueuePosition, TaskFilter
from mpi.storage.repositories.review.task_work import ASLEEP, CLOSED, OPEN, WAITING, QuestionWork
from mpi.storage.unit_of_work.units import ReadUnit

STATES = (OPEN, CLAIMED, ASLEEP, WAITING, CLOSED)
"""States that a queue filter can ask for."""
MAX_COUNTED = 1000
"""Most questions that are counted; a total of one more means "more"."""
_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """Filter of the review queue.

    Args:
        kind: only questions of this kind.
        state: ``open`` means free for the reader to take up: neither asleep, waiting nor claimed by somebody
            else; the reader's own claims are included. Else ``claimed``, ``asleep``, ``waiting`` or
            ``closed``; None for every question that is open today, whoever has claimed it.
        source: only questions with a record of the source of this code.
        mine: only questions that the reader has claimed or is assigned, in any state.
        text: only questions about a record of exactly this local ID.
        due: only questions that are due today or overdue.
        burst: only the questions that the burst of this key stands for.
        assignee: only questions that are assigned to this account or client.
        child: only questions about a child whose name has words that begin so.
        min_age: only questions about a child of at least this age, in years.
        max_age: only questions about a child of at most this age.
        county: only questions about a child with an address in this county.
        flag: only questions about a child with this flag in force.
        sort: order of the questions: one of ``queue_triage.SORTS``.
    """

    kind: str | None = None
    state: str | None = OPEN
    source: str | None = None
    mine: bool = False
    text: str | None = None
    due: bool = False
    burst: str | None = None
    assignee: str | None = None
    child: str | None = None
    min_age: int | None = None
    max_age: int | None = None
    county: str | None = None
    flag: str | None = None
    sort: str = "urgent"


QueueItem = tuple[QueuePosition, OpenQuestion | Burst]
"""A question or burst with its position in the queue."""


def iterate_queue(
    unit: ReadUnit,
    search: TaskFilter,
    filters: Filters,
    after: QueuePosition | None,
    wanted: int = _BATCH_SIZE,
) -> Iterator[QueueItem]:
    """Yield review questions and bursts that match a search, most urgent first.

    Args:
        unit: the transaction.
        search: the search.
        filters: the filters.
        after: the position of the last item of the page before; None to begin at the top.
        wanted: about how many items the caller takes; so many are read at first.
    """
    return merge_bursts(unit, *separate_bursts(unit, search, filters), filters, after, wanted)


def separate_bursts(
    unit: ReadUnit, search: TaskFilter, filters: Filters
) -> tuple[TaskFilter, list[tuple[QueuePosition, Burst]]]:
    """Split a search of the review queue into single questions and bursts.

    A burst is one queue row for many questions of one load with one error pattern.

    Returns:
        The search without the questions of bursts, and the bursts that match the filters with their
        positions, most urgent first.
    """
    bursts = _list_bursts(unit, search, filters)
    work_by_key = unit.task_work.get([key for (_, key), _ in bursts])
    matching_bursts = [
        (position, burst)
        for position, burst in bursts
        if _matches_state(
            determine_burst_state(burst, work_by_key.get(position[1]), search.now),
            work_by_key.get(position[1]),
            filters,
            unit.viewer,
        )
    ]
    return replace(search, without=[(b.batch_id, b.pattern) for _, b in bursts]), matching_bursts


def merge_bursts(
    unit: ReadUnit,
    search: TaskFilter,
    bursts: Sequence[tuple[QueuePosition, Burst]],
    filters: Filters,
    after: QueuePosition | None,
    wanted: int = _BATCH_SIZE,
) -> Iterator[QueueItem]:
    """Yield single review questions and bursts together, most urgent first.

    Args:
        unit: the transaction.
        search: the search for single questions, from ``separate_bursts``.
        bursts: the matching bursts, from ``separate_bursts``.
        filters: the filters.
        after: the position of the last item of the page before; None to begin at the top.
        wanted: about how many items the caller takes.
    """
    remaining_bursts = [(position, burst) for position, burst in bursts if after is None or position < after]
    for position, question in _iterate_questions(unit, search, filters, after, wanted):
        while remaining_bursts and remaining_bursts[0][0] > position:
            yield remaining_bursts.pop(0)
        yield position, question
    yield from remaining_bursts


def build_task_filter(unit: ReadUnit, filters: Filters, since: int | None = None) -> TaskFilter | None:
    """Translate review-queue filters into a filter of the task table.

    Args:
        unit: the transaction.
        filters: the filters.
        since: only tasks that were opened after this commit.

    Returns:
        None if nothing can match.

    Raises:
        NotFoundError: there is no such source for this viewer.
    """
    now = clock.format_timestamp(clock.now())
    sources = {source.code: source.id for source in unit.sources.all() if unit.viewer.may_see(source.code)}
    if filters.source is not None and filters.source not in sources:
        raise NotFoundError(f"there is no source {filters.source!r}")
    records = None
    if filters.text is not None:
        records = [
            record.id
            for source_id in sources.values()
            for record in find_visible_records(unit, source_id, [filters.text]).values()
        ]
    keys: set[str] | None = None
    if filters.mine:
        keys = _find_own_keys(unit)
    elif filters.state == CLAIMED:
        keys = unit.task_work.claimed_questions(now)
    elif filters.state == WAITING:
        keys = unit.task_work.questions_in_state(WAITING)
    if filters.assignee is not None:
        assigned_keys = _find_assigned_keys(unit, filters.assignee)
        keys = assigned_keys if keys is None else keys & assigned_keys
    due = _build_due_filter(unit, now[:10]) if filters.due else None
    if due is not None and not due.by_age:
        # No task is old enough to be due by its age: only those with a due date that a person set.
        keys = set(due.dated) if keys is None else keys & set(due.dated)
    burst = None if filters.burst is None else parse_burst_key(unit, filters.burst)
    if records == [] or keys == set() or (filters.burst is not None and burst is None):
        return None
    return TaskFilter(
        visible_source_ids(unit),
        unit.viewer.client,
        now,
        free_only=filters.state == OPEN and not filters.mine,
        asleep=filters.state == ASLEEP,
        kind=filters.kind,
        source=None if filters.source is None else sources[filters.source],
        records=records,
        questions=keys,
        since=since,
        due=due if due is None or due.by_age else None,
        burst=burst,
        sees_flags=sees_all_flags(unit.viewer),
    )


def count_items(unit: ReadUnit, search: TaskFilter, filters: Filters, burst_count: int) -> int:
    """Count matching review questions plus bursts, up to one above ``MAX_COUNTED``.

    Args:
        unit: the transaction.
        search: the search for single questions, without bursts.
        filters: the filters.
        burst_count: number of matching bursts.
    """
    awake_only = filters.state == OPEN and not filters.mine
    max_count = MAX_COUNTED + 1
    if unit.viewer.sources is None:
        return min(
            unit.queue.count_questions(search, max_count, awake_only=awake_only) + burst_count, max_count
        )
    # Counting hidden questions about decisions would disclose that they exist.
    decision_tasks = unit.queue.decision_tasks(search, max_count)
    decisions = find_decisions_of_tasks(unit, decision_tasks)
    visible_questions = {task.question for task in decision_tasks if decisions[task.key] is not None}
    return min(
        unit.queue.count_questions(search, max_count, awake_only=awake_only, with_decisions=False)
        + len(visible_questions)
        + burst_count,
        max_count,
    )


def check_filters(filters: Filters) -> None:
    """Refuse review-queue filters with an unknown state or invalid burst key.

    Raises:
        InputError: the state does not exist, or the burst key does not name a burst.
    """
    if filters.state is not None and filters.state not in STATES:
        raise InputError(f"state: one of {', '.join(STATES)}")
    if filters.burst is not None and not is_burst_key(filters.burst):
        raise InputError("burst: give the key of a burst from the queue")


def list_assignee_names(viewer: Viewer) -> tuple[str, ...]:
    """Return the names under which review questions are assigned to a viewer.

    That is the viewer's own name, and for an approver also the shared name of all approvers.
    """
    return (viewer.client, APPROVER_ASSIGNEE) if is_allowed(viewer, Action.APPROVE) else (viewer.client,)


def find_next_key(unit: ReadUnit, excluded_key: str) -> str | None:
    """Return the key of the most urgent free review question, except one."""
    search = build_task_filter(unit, Filters())
    if search is None:
        return None
    keys = (
        get_item_key(item)
        for _, item in iterate_queue(unit, search, Filters(), None)
        if isinstance(item, Burst) or not is_own_report(unit, item)
    )
    return next((key for key in keys if key != excluded_key), None)


def iterate_asked_questions(unit: ReadUnit) -> Iterator[OpenQuestion]:
    """Yield every review question that is open today, most urgent first.

    Questions of a burst are yielded one by one, and claimed or waiting questions are included.
    """
    search = build_task_filter(unit, Filters(state=None))
    last_position: QueuePosition | None = None
    while search is not None and (positions := unit.queue.read_page(search, last_position, _BATCH_SIZE)):
        yield from _load_at_positions(unit, search, positions)
        last_position = positions[-1]


def list_single_questions(unit: ReadUnit, filters: Filters, limit: int) -> list[OpenQuestion]:
    """Return the first review questions that match filters; leave out bursts."""
    search = build_task_filter(unit, filters)
    questions: list[OpenQuestion] = []
    for _, item in iterate_queue(unit, search, filters, None) if search is not None else ():
        if isinstance(item, OpenQuestion):
            questions.append(item)
        if len(questions) == limit:
            break
    return questions


def find_burst(unit: ReadUnit, key: str) -> Burst | None:
    """Return a key's burst of similar questions, as the viewer sees it.

    Returns:
        None if there is no such burst now.
    """
    batch_and_pattern = parse_burst_key(unit, key)
    search = build_task_filter(unit, Filters(state=None))
    if batch_and_pattern is None or search is None:
        return None
    bursts = unit.queue.find_bursts(search, MIN_BURST_QUESTIONS)
    return next((burst for burst in bursts if (burst.batch_id, burst.pattern) == batch_and_pattern), None)


def summarize_burst(unit: ReadUnit, burst: Burst, work: QuestionWork | None) -> QuestionSummary:
    """Return a burst's summary, as the queue lists it."""
    now = clock.format_timestamp(clock.now())
    opened_at = unit.commit_info({burst.opened_commit}).get(burst.opened_commit, (now, "", ""))[0]
    state = determine_burst_state(burst, work, now)
    is_claimed = state == CLAIMED and work is not None
    is_asleep = state in {ASLEEP, WAITING} and work is not None
    visible_work = None if work is None else redact_work(unit, work)
    return QuestionSummary(
        key=get_item_key(burst),
        kind=burst.kind,
        reason=burst.pattern,
        subject=None,
        records=(),
        match_weight=0.0 if limits_comparisons(unit.viewer) else burst.weight / MICROBITS,
        state=state,
        claimed_by=visible_work.claimed_by if is_claimed and visible_work is not None else None,
        lease_until=visible_work.lease_until if is_claimed and visible_work is not None else None,
        assigned_to=None if visible_work is None else visible_work.assigned_to,
        due_on=(None if visible_work is None else visible_work.due_on)
        or compute_due_date(burst.kind, burst.harm, opened_at),
        opened_at=opened_at,
        burst=burst.questions,
        asleep_until=work.asleep_until if is_asleep and work is not None else None,
    )


def determine_burst_state(burst: Burst, work: QuestionWork | None, now: str) -> str:
    """Return the state of a burst, such as open or asleep.

    A deferred burst reopens on its day, or as soon as it stands for more questions.
    """
    if work is None:
        return OPEN
    if work.state in {ASLEEP, WAITING} and (work.asleep_until or "9") > now[:10]:
        return work.state if burst.questions <= work.about.get("questions", 0) else OPEN
    is_claimed = work.claimed_by is not None and (work.lease_until or "") > now
    return CLAIMED if is_claimed else OPEN


def get_item_key(item: OpenQuestion | Burst) -> str:
    """Return the key of a review question or burst of questions."""
    return make_burst_key(item.batch_id, item.pattern) if isinstance(item, Burst) else item.key


def _iterate_questions(
    unit: ReadUnit, search: TaskFilter, filters: Filters, after: QueuePosition | None, wanted: int
) -> Iterator[tuple[QueuePosition, OpenQuestion]]:
    """Yield matching review questions with queue positions, read in batches."""
    batch_size = wanted
    while positions := unit.queue.read_page(search, after, batch_size):
        position_by_key = {position[1]: position for position in reversed(positions)}
        for question in _load_at_positions(unit, search, positions):
            if _matches_state(question.state, question.work, filters, unit.viewer):
                yield position_by_key[question.key], question
        after = positions[-1]
        batch_size = _BATCH_SIZE


def _load_at_positions(
    unit: ReadUnit, search: TaskFilter, positions: Sequence[QueuePosition]
) -> Iterator[OpenQuestion]:
    """Yield the review questions that stand at the given queue positions.

    A question stands at its most urgent task; its other tasks are skipped.
    """
    harm_by_key = unit.queue.harm_by_question(search, {key for _, key in positions})
    keys = list(dict.fromkeys(key for harm, key in positions if harm_by_key.get(key) == harm))
    questions = load_questions(unit, keys)
    yield from (questions[key] for key in keys if key in questions)


def _matches_state(state: str, work: QuestionWork | None, filters: Filters, viewer: Viewer) -> bool:
    """Return whether a question's state matches the state that filters ask for."""
    if filters.state is None or filters.mine:
        return True
    if filters.state == OPEN:
        is_own_claim = state == CLAIMED and work is not None and work.claimed_by == viewer.client
        is_passed_on = work is not None and work.escalated_by == viewer.client
        return (state == OPEN or is_own_claim) and not is_passed_on
    return state == filters.state


def _list_bursts(unit: ReadUnit, search: TaskFilter, filters: Filters) -> list[tuple[QueuePosition, Burst]]:
    """Return the question bursts of a search with positions, most urgent first.

    Empty if the filters ask for single questions.
    """
    if filters.text is not None or filters.burst is not None or filters.mine or search.asleep:
        return []
    if search.questions is not None and not any(is_burst_key(key) for key in search.questions):
        return []
    unrestricted_search = replace(search, questions=None, due=None, since=None, free_only=False)
    bursts = [
        ((burst.harm, get_item_key(burst)), burst)
        for burst in unit.queue.find_bursts(unrestricted_search, MIN_BURST_QUESTIONS)
    ]
    return sorted(bursts, key=lambda burst: burst[0], reverse=True)


def _find_own_keys(unit: ReadUnit) -> set[str]:
    """Return keys of questions claimed by or assigned to the viewer."""
    names = list_assignee_names(unit.viewer)
    works = unit.task_work.get(unit.task_work.questions_held_by(names)).values()
    own_works = [work for work in works if work.escalated_by != unit.viewer.client]
    if unit.viewer.sources is None:
        return {work.question for work in own_works}
    visible_works = redact_works(unit, own_works).values()
    return {work.question for work in visible_works if {work.claimed_by, work.assigned_to} & set(names)}


def _find_assigned_keys(unit: ReadUnit, name: str) -> set[str]:
    """Return keys of questions visibly assigned to an account."""
    works = list(unit.task_work.get(unit.task_work.questions_held_by([name])).values())
    return {key for key, work in redact_works(unit, works).items() if work.assigned_to == name}


def _load_given_due_dates(unit: ReadUnit) -> dict[str, str]:
    """Return due dates that people set for review questions, if visible.

    Returns:
        Due date by question key.
    """
    dated_keys = unit.task_work.due_dates()
    if unit.viewer.sources is None:
        return dated_keys
    visible_works = redact_works(unit, list(unit.task_work.get(dated_keys).values())).values()
    return {work.question: work.due_on for work in visible_works if work.due_on is not None}


def _build_due_filter(unit: ReadUnit, today: str) -> DueFilter:
    """Build the search condition for review tasks that are due today."""
    cutoffs = compute_due_cutoffs(today)
    commits = {day: unit.commit_at(f"{day}T23:59:59.999999Z") for day, _ in cutoffs}
    due_dates = _load_given_due_dates(unit)
    return DueFilter(
        [(kinds, min_harm, commits[day]) for (day, min_harm), kinds in cutoffs.items() if commits[day]],
        {key for key, day in due_dates.items() if day <= today},
        {key for key, day in due_dates.items() if day > today},
    )
