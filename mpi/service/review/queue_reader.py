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


def iterate_queue(unit: ReadUnit, wanted: Wanted, filters: Filters, after: Place | None) -> Iterator[QueueItem]:
    """Questions and bursts that are wanted, in the queue's order."""
    return merge_bursts(unit, *separate_bursts(unit, wanted, filters), filters, after)


def separate_bursts(unit: ReadUnit, wanted: Wanted, filters: Filters) -> tuple[Wanted, list[tuple[Place, Burst]]]:
    """What is wanted besides bursts, and the bursts, in the queue's order."""
    bursts = _list_bursts(unit, wanted, filters)
    works = unit.task_work.get([key for (_, key), _ in bursts])
    fitting = [
        (place, burst)
        for place, burst in bursts
        if _matches_state(
            determine_burst_state(burst, works.get(place[1]), wanted.now), works.get(place[1]), filters, unit.viewer
        )
    ]
    return replace(wanted, without=[(b.batch_id, b.pattern) for _, b in bursts]), fitting


def merge_bursts(
    unit: ReadUnit,
    wanted: Wanted,
    bursts: Sequence[tuple[Place, Burst]],
    filters: Filters,
    after: Place | None,
) -> Iterator[QueueItem]:
    """Questions that are wanted, and bursts between them, in the queue's order."""
    waiting = [(place, burst) for place, burst in bursts if after is None or place < after]
    for place, question in _iterate_questions(unit, wanted, filters, after):
        while waiting and waiting[0][0] > place:
            yield waiting.pop(0)
        yield place, question
    yield from waiting


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


def count_items(unit: ReadUnit, wanted: Wanted, filters: Filters, bursts: int) -> int:
    """How many questions there are besides bursts, and those, up to one more than ``MAX_COUNTED``.

    Args:
        unit: the transaction.
        wanted: what is looked for, without bursts.
        filters: what was asked for.
        bursts: how many bursts there are.
    """
    awake = filters.state == OPEN and not filters.mine
    most = MAX_COUNTED + 1
    if unit.viewer.sources is None:
        return min(unit.queue.count(wanted, most, awake=awake) + bursts, most)
    # Of questions about decisions a number alone would tell what the reader may not see.
    about = unit.queue.about_decisions(wanted, most)
    seen = {task.question for task in about if find_task_decisions(unit, task) is not None}
    return min(unit.queue.count(wanted, most, awake=awake, decided=False) + len(seen) + bursts, most)


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
    wanted = build_search(unit, Filters())
    if wanted is None:
        return None
    found = (key for key in (get_item_key(item) for _, item in iterate_queue(unit, wanted, Filters(), None)) if key != but)
    return next(found, None)


def iterate_asked_questions(unit: ReadUnit) -> Iterator[OpenQuestion]:
    """All that is asked today, question by question, whatever its state and whichever burst it is in."""
    wanted = build_search(unit, Filters(state=None))
    after: Place | None = None
    while wanted is not None and (places := unit.queue.walk(wanted, after, _BATCH_SIZE)):
        yield from _load_at_positions(unit, wanted, places)
        after = places[-1]


def list_single_questions(unit: ReadUnit, filters: Filters, limit: int) -> list[OpenQuestion]:
    """The first questions of those that a filter wants, bursts left out."""
    wanted = build_search(unit, filters)
    found: list[OpenQuestion] = []
    for _, one in iterate_queue(unit, wanted, filters, None) if wanted is not None else ():
        if isinstance(one, OpenQuestion):
            found.append(one)
        if len(found) == limit:
            break
    return found


def find_burst(unit: ReadUnit, key: str) -> Burst | None:
    """The burst that a key names, as the reader may see it; None where there is none now."""
    named = parse_burst_key(unit, key)
    wanted = build_search(unit, Filters(state=None))
    if named is None or wanted is None:
        return None
    found = unit.queue.bursts(wanted, MIN_BURST_QUESTIONS)
    return next((each for each in found if (each.batch_id, each.pattern) == named), None)


def summarize_burst(unit: ReadUnit, burst: Burst, work: Work | None) -> QuestionSummary:
    """A burst as the queue lists it."""
    now = clock.iso(clock.now())
    opened = unit.commit_info({burst.opened_commit}).get(burst.opened_commit, (now, "", ""))[0]
    state = determine_burst_state(burst, work, now)
    claimed = state == CLAIMED and work is not None
    asleep = state in {ASLEEP, WAITING} and work is not None
    known = None if work is None else redact_work(unit, work)
    return QuestionSummary(
        get_item_key(burst),
        burst.kind,
        burst.pattern,
        None,
        (),
        burst.weight / MICROBITS,
        state,
        known.claimed_by if claimed and known is not None else None,
        known.lease_until if claimed and known is not None else None,
        None if known is None else known.assigned_to,
        (None if known is None else known.due_on) or compute_due_date(burst.kind, burst.harm, opened),
        opened,
        burst.questions,
        work.asleep_until if asleep and work is not None else None,
    )


def determine_burst_state(burst: Burst, work: Work | None, now: str) -> str:
    """Where a burst stands: it sleeps until its day, or until there is more of it."""
    if work is None:
        return OPEN
    if work.state in {ASLEEP, WAITING} and (work.asleep_until or "9") > now[:10]:
        return work.state if burst.questions <= work.about.get("questions", 0) else OPEN
    held = work.claimed_by is not None and (work.lease_until or "") > now
    return CLAIMED if held else OPEN


def get_item_key(item: OpenQuestion | Burst) -> str:
    """The key of a question or burst."""
    return make_burst_key(item.batch_id, item.pattern) if isinstance(item, Burst) else item.key


def _iterate_questions(
    unit: ReadUnit, wanted: Wanted, filters: Filters, after: Place | None
) -> Iterator[tuple[Place, OpenQuestion]]:
    while places := unit.queue.walk(wanted, after, _BATCH_SIZE):
        for question in _load_at_positions(unit, wanted, places):
            if _matches_state(question.state, question.work, filters, unit.viewer):
                yield next(place for place in places if place[1] == question.key), question
        after = places[-1]


def _load_at_positions(unit: ReadUnit, wanted: Wanted, places: Sequence[Place]) -> Iterator[OpenQuestion]:
    """The questions that stand at places: where a task of less harm is, its question stood before."""
    stands = unit.queue.places(wanted, {key for _, key in places})
    here = list(dict.fromkeys(key for harm, key in places if stands.get(key) == harm))
    loaded = load_questions(unit, here)
    yield from (loaded[key] for key in here if key in loaded)


def _matches_state(state: str, work: Work | None, filters: Filters, viewer: Viewer) -> bool:
    if filters.state is None or filters.mine:
        return True
    if filters.state == OPEN:
        own = state == CLAIMED and work is not None and work.claimed_by == viewer.client
        return state == OPEN or own
    return state == filters.state


def _list_bursts(unit: ReadUnit, wanted: Wanted, filters: Filters) -> list[tuple[Place, Burst]]:
    """Bursts that are wanted, in the queue's order; none where single questions were asked for."""
    if filters.text is not None or filters.burst is not None or filters.mine or wanted.asleep:
        return []
    if wanted.questions is not None and not any(is_burst_key(key) for key in wanted.questions):
        return []
    all_of_them = replace(wanted, questions=None, due=None, since=None, free_only=False)
    found = [((each.harm, get_item_key(each)), each) for each in unit.queue.bursts(all_of_them, MIN_BURST_QUESTIONS)]
    return sorted(found, key=lambda each: each[0], reverse=True)


def _find_own_keys(unit: ReadUnit) -> set[str]:
    """Questions that the reader has claimed or is to do."""
    names = list_assignee_names(unit.viewer)
    found = unit.task_work.of(names)
    if unit.viewer.sources is None:
        return found
    known = (redact_work(unit, work) for work in unit.task_work.get(found).values())
    return {work.question for work in known if {work.claimed_by, work.assigned_to} & set(names)}


def _load_given_due_dates(unit: ReadUnit) -> dict[str, str]:
    """By question: the day that somebody gave it, where the reader may know of it."""
    given = unit.task_work.dated()
    if unit.viewer.sources is None:
        return given
    known = (redact_work(unit, work) for work in unit.task_work.get(given).values())
    return {work.question: work.due_on for work in known if work.due_on is not None}


def _build_due_filter(unit: ReadUnit, today: str) -> Due:
    groups = compute_due_cutoffs(today)
    commits = {day: unit.commit_at(f"{day}T23:59:59.999999Z") for day, _ in groups}
    given = _load_given_due_dates(unit)
    return Due(
        [(kinds, least, commits[day]) for (day, least), kinds in groups.items() if commits[day]],
        {key for key, day in given.items() if day <= today},
        {key for key, day in given.items() if day > today},
    )
