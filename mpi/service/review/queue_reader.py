"""Reading the queue: questions and bursts that a filter wants, one after the other in the order of harm.

What a page, the landing page, a burst that is opened and the program's list of tasks have in common.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mpi.domain import clock
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.roles import APPROVERS
from mpi.domain.viewer import Action, Viewer, permits
from mpi.service.core.visibility import known, visible_sources
from mpi.service.resolution.task_visibility import redact_work
from mpi.service.review.due_dates import compute_due_date, compute_due_cutoffs
from mpi.service.review.open_questions import (
    CLAIMED,
    MIN_BURST_QUESTIONS,
    OpenQuestion,
    QuestionSummary,
    find_task_decisions,
    make_burst_key,
    parse_burst_key,
    is_burst_key,
    load_questions,
)
from mpi.storage.repositories.derived.derived import MICROBITS
from mpi.storage.repositories.review.task_queue import Burst, Due, Place, Wanted
from mpi.storage.repositories.review.task_work import ASLEEP, CLOSED, OPEN, WAITING, Work
from mpi.storage.unit_of_work.unit import ReadUnit

STATES = (OPEN, CLAIMED, ASLEEP, WAITING, CLOSED)
MAX_COUNTED = 1000
"""Counting stops there: ``total`` of one more means "more than"."""
_BATCH_SIZE = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """Which questions are wanted.

    Args:
        kind: only of this kind.
        state: ``open`` is what the reader may take up now: not asleep, waiting or another's claim; its own
            claims are among it. ``claimed``, ``asleep``, ``waiting``, ``closed``; None for all that is asked
            today, whoever has it.
        source: only where a record is of the source of this code.
        mine: only what the reader has claimed or is to do, whatever its state.
        text: only about a record of exactly this local ID.
        due: only what is due today or was due before.
        burst: only those that the burst of this key stands for.
    """

    kind: str | None = None
    state: str | None = OPEN
    source: str | None = None
    mine: bool = False
    text: str | None = None
    due: bool = False
    burst: str | None = None


QueueItem = tuple[Place, OpenQuestion | Burst]


def iterate_queue(unit: ReadUnit, search: Wanted, filters: Filters, after: Place | None) -> Iterator[QueueItem]:
    """Questions and bursts that are wanted, in the queue's order."""
    return merge_bursts(unit, *separate_bursts(unit, search, filters), filters, after)


def separate_bursts(unit: ReadUnit, search: Wanted, filters: Filters) -> tuple[Wanted, list[tuple[Place, Burst]]]:
    """What is wanted besides bursts, and the bursts, in the queue's order."""
    bursts = _list_bursts(unit, search, filters)
    work_by_key = unit.task_work.get([key for (_, key), _ in bursts])
    matching_bursts = [
        (position, burst)
        for position, burst in bursts
        if _matches_state(
            determine_burst_state(burst, work_by_key.get(position[1]), search.now), work_by_key.get(position[1]), filters, unit.viewer
        )
    ]
    return replace(search, without=[(b.batch_id, b.pattern) for _, b in bursts]), matching_bursts


def merge_bursts(
    unit: ReadUnit,
    search: Wanted,
    bursts: Sequence[tuple[Place, Burst]],
    filters: Filters,
    after: Place | None,
) -> Iterator[QueueItem]:
    """Questions that are wanted, and bursts between them, in the queue's order."""
    remaining_bursts = [(position, burst) for position, burst in bursts if after is None or position < after]
    for position, question in _iterate_questions(unit, search, filters, after):
        while remaining_bursts and remaining_bursts[0][0] > position:
            yield remaining_bursts.pop(0)
        yield position, question
    yield from remaining_bursts


def build_search(unit: ReadUnit, filters: Filters, since: int | None = None) -> Wanted | None:
    """What a filter makes the reader look for; None where there is nothing to find.

    Args:
        unit: the transaction.
        filters: which questions are wanted.
        since: only what was first asked after this commit.

    Raises:
        NotFoundError: there is no such source for this viewer.
    """
    now = clock.iso(clock.now())
    sources = {source.code: source.id for source in unit.sources.all() if unit.viewer.may_see(source.code)}
    if filters.source is not None and filters.source not in sources:
        raise NotFoundError(f"there is no source {filters.source!r}")
    records = None
    if filters.text is not None:
        records = [
            record.id
            for source_id in sources.values()
            for record in known(unit, source_id, [filters.text]).values()
        ]
    keys: set[str] | None = None
    if filters.mine:
        keys = _find_own_keys(unit)
    elif filters.state == CLAIMED:
        keys = unit.task_work.claimed(now)
    elif filters.state == WAITING:
        keys = unit.task_work.in_state(WAITING)
    due = _build_due_filter(unit, now[:10]) if filters.due else None
    if due is not None and not due.by_age:
        # Nothing is old enough: only what somebody gave a date.
        keys = set(due.dated) if keys is None else keys & set(due.dated)
    burst = None if filters.burst is None else parse_burst_key(unit, filters.burst)
    if records == [] or keys == set() or (filters.burst is not None and burst is None):
        return None
    return Wanted(
        visible_sources(unit),
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
    )


def count_items(unit: ReadUnit, search: Wanted, filters: Filters, burst_count: int) -> int:
    """How many questions there are besides bursts, and those, up to one more than ``MAX_COUNTED``.

    Args:
        unit: the transaction.
        search: what is looked for, without bursts.
        filters: what was asked for.
        burst_count: how many bursts there are.
    """
    awake_only = filters.state == OPEN and not filters.mine
    max_count = MAX_COUNTED + 1
    if unit.viewer.sources is None:
        return min(unit.queue.count(search, max_count, awake=awake_only) + burst_count, max_count)
    # Of questions about decisions a number alone would tell what the reader may not see.
    decision_tasks = unit.queue.about_decisions(search, max_count)
    visible_questions = {task.question for task in decision_tasks if find_task_decisions(unit, task) is not None}
    return min(unit.queue.count(search, max_count, awake=awake_only, decided=False) + len(visible_questions) + burst_count, max_count)


def check_filters(filters: Filters) -> None:
    """Pass filters that can be looked for.

    Raises:
        InputError: there is no such state, or no burst of that key.
    """
    if filters.state is not None and filters.state not in STATES:
        raise InputError(f"state: one of {', '.join(STATES)}")
    if filters.burst is not None and not is_burst_key(filters.burst):
        raise InputError("burst: the key of a burst, as the queue gives it")


def list_assignee_names(viewer: Viewer) -> tuple[str, ...]:
    """Under which names something is the viewer's to do: its own, and of whoever may approve the role's."""
    return (viewer.client, APPROVERS) if permits(viewer, Action.APPROVE) else (viewer.client,)


def find_next_key(unit: ReadUnit, but: str) -> str | None:
    """The first question that the reader may take up, other than the one given."""
    search = build_search(unit, Filters())
    if search is None:
        return None
    keys = (key for key in (get_item_key(item) for _, item in iterate_queue(unit, search, Filters(), None)) if key != but)
    return next(keys, None)


def iterate_asked_questions(unit: ReadUnit) -> Iterator[OpenQuestion]:
    """All that is asked today, question by question, whatever its state and whichever burst it is in."""
    search = build_search(unit, Filters(state=None))
    last_position: Place | None = None
    while search is not None and (positions := unit.queue.walk(search, last_position, _BATCH_SIZE)):
        yield from _load_at_positions(unit, search, positions)
        last_position = positions[-1]


def list_single_questions(unit: ReadUnit, filters: Filters, limit: int) -> list[OpenQuestion]:
    """The first questions of those that a filter wants, bursts left out."""
    search = build_search(unit, filters)
    questions: list[OpenQuestion] = []
    for _, item in iterate_queue(unit, search, filters, None) if search is not None else ():
        if isinstance(item, OpenQuestion):
            questions.append(item)
        if len(questions) == limit:
            break
    return questions


def find_burst(unit: ReadUnit, key: str) -> Burst | None:
    """The burst that a key names, as the reader may see it; None where there is none now."""
    batch_and_pattern = parse_burst_key(unit, key)
    search = build_search(unit, Filters(state=None))
    if batch_and_pattern is None or search is None:
        return None
    bursts = unit.queue.bursts(search, MIN_BURST_QUESTIONS)
    return next((burst for burst in bursts if (burst.batch_id, burst.pattern) == batch_and_pattern), None)


def summarize_burst(unit: ReadUnit, burst: Burst, work: Work | None) -> QuestionSummary:
    """A burst as the queue lists it."""
    now = clock.iso(clock.now())
    opened_at = unit.commit_info({burst.opened_commit}).get(burst.opened_commit, (now, "", ""))[0]
    state = determine_burst_state(burst, work, now)
    is_claimed = state == CLAIMED and work is not None
    is_asleep = state in {ASLEEP, WAITING} and work is not None
    visible_work = None if work is None else redact_work(unit, work)
    return QuestionSummary(
        get_item_key(burst),
        burst.kind,
        burst.pattern,
        None,
        (),
        burst.weight / MICROBITS,
        state,
        visible_work.claimed_by if is_claimed and visible_work is not None else None,
        visible_work.lease_until if is_claimed and visible_work is not None else None,
        None if visible_work is None else visible_work.assigned_to,
        (None if visible_work is None else visible_work.due_on) or compute_due_date(burst.kind, burst.harm, opened_at),
        opened_at,
        burst.questions,
        work.asleep_until if is_asleep and work is not None else None,
    )


def determine_burst_state(burst: Burst, work: Work | None, now: str) -> str:
    """Where a burst stands: it sleeps until its day, or until there is more of it."""
    if work is None:
        return OPEN
    if work.state in {ASLEEP, WAITING} and (work.asleep_until or "9") > now[:10]:
        return work.state if burst.questions <= work.about.get("questions", 0) else OPEN
    is_claimed = work.claimed_by is not None and (work.lease_until or "") > now
    return CLAIMED if is_claimed else OPEN


def get_item_key(item: OpenQuestion | Burst) -> str:
    """The key of a question or burst."""
    return make_burst_key(item.batch_id, item.pattern) if isinstance(item, Burst) else item.key


def _iterate_questions(
    unit: ReadUnit, search: Wanted, filters: Filters, after: Place | None
) -> Iterator[tuple[Place, OpenQuestion]]:
    while positions := unit.queue.walk(search, after, _BATCH_SIZE):
        for question in _load_at_positions(unit, search, positions):
            if _matches_state(question.state, question.work, filters, unit.viewer):
                yield next(position for position in positions if position[1] == question.key), question
        after = positions[-1]


def _load_at_positions(unit: ReadUnit, search: Wanted, positions: Sequence[Place]) -> Iterator[OpenQuestion]:
    """The questions that stand at places: where a task of less harm is, its question stood before."""
    harm_by_key = unit.queue.places(search, {key for _, key in positions})
    keys = list(dict.fromkeys(key for harm, key in positions if harm_by_key.get(key) == harm))
    questions = load_questions(unit, keys)
    yield from (questions[key] for key in keys if key in questions)


def _matches_state(state: str, work: Work | None, filters: Filters, viewer: Viewer) -> bool:
    if filters.state is None or filters.mine:
        return True
    if filters.state == OPEN:
        is_own_claim = state == CLAIMED and work is not None and work.claimed_by == viewer.client
        return state == OPEN or is_own_claim
    return state == filters.state


def _list_bursts(unit: ReadUnit, search: Wanted, filters: Filters) -> list[tuple[Place, Burst]]:
    """Bursts that are wanted, in the queue's order; none where single questions were asked for."""
    if filters.text is not None or filters.burst is not None or filters.mine or search.asleep:
        return []
    if search.questions is not None and not any(is_burst_key(key) for key in search.questions):
        return []
    unrestricted_search = replace(search, questions=None, due=None, since=None, free_only=False)
    bursts = [((burst.harm, get_item_key(burst)), burst) for burst in unit.queue.bursts(unrestricted_search, MIN_BURST_QUESTIONS)]
    return sorted(bursts, key=lambda burst: burst[0], reverse=True)


def _find_own_keys(unit: ReadUnit) -> set[str]:
    """Questions that the reader has claimed or is to do."""
    names = list_assignee_names(unit.viewer)
    keys = unit.task_work.of(names)
    if unit.viewer.sources is None:
        return keys
    visible_works = (redact_work(unit, work) for work in unit.task_work.get(keys).values())
    return {work.question for work in visible_works if {work.claimed_by, work.assigned_to} & set(names)}


def _load_given_due_dates(unit: ReadUnit) -> dict[str, str]:
    """By question: the day that somebody gave it, where the reader may know of it."""
    dated_keys = unit.task_work.dated()
    if unit.viewer.sources is None:
        return dated_keys
    visible_works = (redact_work(unit, work) for work in unit.task_work.get(dated_keys).values())
    return {work.question: work.due_on for work in visible_works if work.due_on is not None}


def _build_due_filter(unit: ReadUnit, today: str) -> Due:
    cutoffs = compute_due_cutoffs(today)
    commits = {day: unit.commit_at(f"{day}T23:59:59.999999Z") for day, _ in cutoffs}
    due_dates = _load_given_due_dates(unit)
    return Due(
        [(kinds, min_harm, commits[day]) for (day, min_harm), kinds in cutoffs.items() if commits[day]],
        {key for key, day in due_dates.items() if day <= today},
        {key for key, day in due_dates.items() if day > today},
    )
