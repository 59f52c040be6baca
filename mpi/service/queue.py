"""The queue: what waits for a steward, the most harmful first, a page at a time.

A page is read by an index in the order of expected harm, so it costs what it shows. A burst of one pattern
from one load is one question there, and those that it stands for are listed when it is opened.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import orjson

from mpi.domain import clock
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, permit, permits
from mpi.service.context import Index
from mpi.service.disclosure import disclose
from mpi.service.due_dates import due_on, opened_by
from mpi.service.open_questions import (
    CLAIMED,
    LEAST_OF_A_BURST,
    OpenQuestion,
    QuestionSummary,
    about_decisions,
    burst_key,
    burst_named,
    closed_summary,
    is_burst,
    load_questions,
    summaries,
    visible_sources,
)
from mpi.storage.repositories.derived import MICROBITS
from mpi.storage.repositories.owner_questions import OPEN as UNANSWERED
from mpi.storage.repositories.records import Label
from mpi.storage.repositories.task_queue import Burst, Due, Place, Wanted
from mpi.storage.repositories.task_work import ASLEEP, CLOSED, OPEN, WAITING, WENT, Work
from mpi.storage.unit import ReadUnit

FIELDS = ("source", "local_id", "match_weight", "reason")
STATES = (OPEN, CLAIMED, ASLEEP, WAITING, CLOSED)
MOST_QUESTIONS = 200
"""On one page."""
MOST_COUNTED = 1000
"""Counting stops there: ``total`` of one more means "more than"."""
LISTED_ON_LANDING = 20
CLOSED_SHOWN_FOR = timedelta(days=14)
NEW_FOR = timedelta(days=1)
_READ_AHEAD = 100
APPROVERS = "role:approver"
"""To whom a question is escalated; no client or account can have this name."""


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


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the queue.

    Args:
        questions: the most harmful first.
        total: how many there are; ``MOST_COUNTED`` + 1 for any more than that.
        after: what to go on with; None at the end.
    """

    questions: tuple[QuestionSummary, ...]
    total: int
    after: str | None


@dataclass(frozen=True, slots=True)
class Landing:
    """What a steward sees first.

    Args:
        mine: claimed by the reader, or the reader's to do.
        due_today: due today or before, and free to be taken up.
        new: first asked within a day.
        closed_by_themselves: worked on by the reader, and their reason went since.
        overdue: the reader's questions to owners of records that nobody answered in time.
    """

    mine: tuple[QuestionSummary, ...]
    due_today: tuple[QuestionSummary, ...]
    new: tuple[QuestionSummary, ...]
    closed_by_themselves: tuple[QuestionSummary, ...]
    overdue: tuple["Overdue", ...] = ()


@dataclass(frozen=True, slots=True)
class Overdue:
    """A question to the owner of a record that nobody answered in time."""

    number: int
    question: str
    record: Label
    asks: str
    due_on: str


def questions(
    index: Index, viewer: Viewer, filters: Filters, limit: int = 50, after: str | None = None
) -> QueuePage:
    """A page of the queue; nothing in it about a record that the viewer may not see.

    Args:
        index: the open index.
        viewer: who asks.
        filters: which are wanted.
        limit: how many, up to ``MOST_QUESTIONS``.
        after: of the page before, where to go on.

    Raises:
        InputError: there is no such state, burst or place to go on from.
        NotFoundError: there is no such source for this viewer.
        AccessDenied: the viewer may not read tasks.
    """
    permit(viewer, Action.TASK_READ)
    _check(filters)
    wanted = max(1, min(limit, MOST_QUESTIONS))
    with index.database.read(viewer) as unit:
        page = _page(unit, filters, wanted, after)
        shown = _numbers(unit, page.questions)
    disclose(index, viewer, Action.TASK_READ, shown, FIELDS)
    return page


def landing(index: Index, viewer: Viewer) -> Landing:
    """What the viewer is to see first, each list in the queue's order and at most ``LISTED_ON_LANDING``.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    permit(viewer, Action.TASK_READ)
    with index.database.read(viewer) as unit:
        moment = clock.now()
        found = Landing(
            _first(unit, Filters(state=None, mine=True)),
            _first(unit, Filters(due=True)),
            _first(unit, Filters(), since=unit.commit_at(clock.iso(moment - NEW_FOR))),
            _closed_by_themselves(unit, clock.iso(moment - CLOSED_SHOWN_FOR)),
            _overdue(unit, moment.date().isoformat()),
        )
        listed = (*found.mine, *found.due_today, *found.new, *found.closed_by_themselves)
        shown = _numbers(unit, listed)
    disclose(index, viewer, Action.TASK_READ, shown, FIELDS)
    return found


def next_key(unit: ReadUnit, but: str) -> str | None:
    """The first question that the reader may take up, other than the one given."""
    wanted = _wanted(unit, Filters())
    if wanted is None:
        return None
    found = (key for key in (_key(item) for _, item in _found(unit, wanted, Filters(), None)) if key != but)
    return next(found, None)


def every_asked(unit: ReadUnit) -> Iterator[OpenQuestion]:
    """All that is asked today, question by question, whatever its state and whichever burst it is in."""
    wanted = _wanted(unit, Filters(state=None))
    after: Place | None = None
    while wanted is not None and (places := unit.queue.walk(wanted, after, _READ_AHEAD)):
        yield from _of_places(unit, wanted, places)
        after = places[-1]


def members_of(unit: ReadUnit, filters: Filters, limit: int) -> list[OpenQuestion]:
    """The first questions of those that a filter wants, bursts left out."""
    wanted = _wanted(unit, filters)
    found: list[OpenQuestion] = []
    for _, one in _found(unit, wanted, filters, None) if wanted is not None else ():
        if isinstance(one, OpenQuestion):
            found.append(one)
        if len(found) == limit:
            break
    return found


def burst_of(unit: ReadUnit, key: str) -> Burst | None:
    """The burst that a key names, as the reader may see it; None where there is none now."""
    named = burst_named(unit, key)
    wanted = _wanted(unit, Filters(state=None))
    if named is None or wanted is None:
        return None
    found = unit.queue.bursts(wanted, LEAST_OF_A_BURST)
    return next((each for each in found if (each.batch_id, each.pattern) == named), None)


def burst_summary(unit: ReadUnit, burst: Burst, work: Work | None) -> QuestionSummary:
    """A burst as the queue lists it."""
    now = clock.iso(clock.now())
    opened = unit.commit_info({burst.opened_commit}).get(burst.opened_commit, (now, "", ""))[0]
    state = burst_state(burst, work, now)
    claimed = state == CLAIMED and work is not None
    asleep = state in {ASLEEP, WAITING} and work is not None
    return QuestionSummary(
        _key(burst),
        burst.kind,
        burst.pattern,
        None,
        (),
        burst.weight / MICROBITS,
        state,
        work.claimed_by if claimed and work is not None else None,
        work.lease_until if claimed and work is not None else None,
        None if work is None else work.assigned_to,
        (None if work is None else work.due_on) or due_on(burst.kind, burst.harm, opened),
        opened,
        burst.questions,
        work.asleep_until if asleep and work is not None else None,
    )


def burst_state(burst: Burst, work: Work | None, now: str) -> str:
    """Where a burst stands: it sleeps until its day, or until there is more of it."""
    if work is None:
        return OPEN
    if work.state in {ASLEEP, WAITING} and (work.asleep_until or "9") > now[:10]:
        return work.state if burst.questions <= work.about.get("questions", 0) else OPEN
    held = work.claimed_by is not None and (work.lease_until or "") > now
    return CLAIMED if held else OPEN


def names_of(viewer: Viewer) -> tuple[str, ...]:
    """Under which names something is the viewer's to do: its own, and of whoever may approve the role's."""
    return (viewer.client, APPROVERS) if permits(viewer, Action.APPROVE) else (viewer.client,)


Item = tuple[Place, OpenQuestion | Burst]


def _check(filters: Filters) -> None:
    if filters.state is not None and filters.state not in STATES:
        raise InputError(f"state: one of {', '.join(STATES)}")
    if filters.burst is not None and not is_burst(filters.burst):
        raise InputError("burst: the key of a burst, as the queue gives it")


def _page(unit: ReadUnit, filters: Filters, limit: int, after: str | None) -> QueuePage:
    if filters.state == CLOSED and not filters.mine:
        return _closed(unit, limit, after)
    wanted = _wanted(unit, filters)
    if wanted is None:
        return QueuePage((), 0, None)
    found = []
    for item in _found(unit, wanted, filters, None if after is None else _read_place(after)):
        found.append(item)
        if len(found) > limit:
            break
    more = len(found) > limit
    found = found[:limit]
    total = _total(unit, wanted, filters)
    return QueuePage(
        tuple(_listed(unit, found)), max(total, len(found)), _written(found[-1][0]) if more else None
    )


def _listed(unit: ReadUnit, found: Sequence[Item]) -> list[QuestionSummary]:
    shown = {one.key: one for one in summaries(unit, (q for _, q in found if isinstance(q, OpenQuestion)))}
    works = unit.task_work.get([_key(b) for _, b in found if isinstance(b, Burst)])
    return [
        burst_summary(unit, item, works.get(_key(item))) if isinstance(item, Burst) else shown[item.key]
        for _, item in found
    ]


def _found(unit: ReadUnit, wanted: Wanted, filters: Filters, after: Place | None) -> Iterator[Item]:
    """Questions and bursts that are wanted, in the queue's order."""
    bursts = _bursts(unit, wanted, filters)
    wanted = replace(wanted, without=[(b.batch_id, b.pattern) for _, b in bursts])
    works = unit.task_work.get([key for (_, key), _ in bursts])
    waiting = [
        (place, burst)
        for place, burst in bursts
        if (after is None or place < after) and _fits(burst_state(burst, works.get(place[1]), wanted.now),
                                                      works.get(place[1]), filters, unit.viewer)
    ]  # fmt: skip
    for place, question in _walk(unit, wanted, filters, after):
        while waiting and waiting[0][0] > place:
            yield waiting.pop(0)
        yield place, question
    yield from waiting


def _walk(
    unit: ReadUnit, wanted: Wanted, filters: Filters, after: Place | None
) -> Iterator[tuple[Place, OpenQuestion]]:
    while places := unit.queue.walk(wanted, after, _READ_AHEAD):
        for question in _of_places(unit, wanted, places):
            if _fits(question.state, question.work, filters, unit.viewer):
                yield next(place for place in places if place[1] == question.key), question
        after = places[-1]


def _of_places(unit: ReadUnit, wanted: Wanted, places: Sequence[Place]) -> Iterator[OpenQuestion]:
    """The questions that stand at places: where a task of less harm is, its question stood before."""
    stands = unit.queue.places(wanted, {key for _, key in places})
    here = list(dict.fromkeys(key for harm, key in places if stands.get(key) == harm))
    loaded = load_questions(unit, here)
    yield from (loaded[key] for key in here if key in loaded)


def _fits(state: str, work: Work | None, filters: Filters, viewer: Viewer) -> bool:
    if filters.state is None or filters.mine:
        return True
    if filters.state == OPEN:
        own = state == CLAIMED and work is not None and work.claimed_by == viewer.client
        return state == OPEN or own
    return state == filters.state


def _bursts(unit: ReadUnit, wanted: Wanted, filters: Filters) -> list[tuple[Place, Burst]]:
    """Bursts that are wanted, in the queue's order; none where single questions were asked for."""
    if filters.text is not None or filters.burst is not None or filters.mine or wanted.asleep:
        return []
    if wanted.questions is not None and not any(is_burst(key) for key in wanted.questions):
        return []
    all_of_them = replace(wanted, questions=None, due=None, since=None, free_only=False)
    found = [((each.harm, _key(each)), each) for each in unit.queue.bursts(all_of_them, LEAST_OF_A_BURST)]
    return sorted(found, key=lambda each: each[0], reverse=True)


def _wanted(unit: ReadUnit, filters: Filters, since: int | None = None) -> Wanted | None:
    """What to look for; None where there is nothing to find.

    Raises:
        NotFoundError: there is no such source for this viewer.
    """
    now = clock.iso(clock.now())
    known = {source.code: source.id for source in unit.sources.all() if unit.viewer.may_see(source.code)}
    if filters.source is not None and filters.source not in known:
        raise NotFoundError(f"there is no source {filters.source!r}")
    records = None
    if filters.text is not None:
        records = [
            record.id
            for source_id in known.values()
            for record in unit.records.find(source_id, [filters.text]).values()
        ]
    keys: set[str] | None = None
    if filters.mine:
        keys = unit.task_work.of(names_of(unit.viewer))
    elif filters.state == CLAIMED:
        keys = unit.task_work.claimed(now)
    elif filters.state == WAITING:
        keys = unit.task_work.in_state(WAITING)
    due = _due(unit, now[:10]) if filters.due else None
    if due is not None and not due.by_age:
        # Nothing is old enough: only what somebody gave a date.
        keys = set(due.dated) if keys is None else keys & set(due.dated)
    burst = None if filters.burst is None else burst_named(unit, filters.burst)
    if records == [] or keys == set() or (filters.burst is not None and burst is None):
        return None
    return Wanted(
        visible_sources(unit),
        unit.viewer.client,
        now,
        free_only=filters.state == OPEN and not filters.mine,
        asleep=filters.state == ASLEEP,
        kind=filters.kind,
        source=None if filters.source is None else known[filters.source],
        records=records,
        questions=keys,
        since=since,
        due=due if due is None or due.by_age else None,
        burst=burst,
    )


def _due(unit: ReadUnit, today: str) -> Due:
    groups = opened_by(today)
    commits = {day: unit.commit_at(f"{day}T23:59:59.999999Z") for day, _ in groups}
    given = unit.task_work.dated()
    return Due(
        [(kinds, least, commits[day]) for (day, least), kinds in groups.items() if commits[day]],
        {key for key, day in given.items() if day <= today},
        {key for key, day in given.items() if day > today},
    )


def _total(unit: ReadUnit, wanted: Wanted, filters: Filters) -> int:
    bursts = _bursts(unit, wanted, filters)
    wanted = replace(wanted, without=[(b.batch_id, b.pattern) for _, b in bursts])
    awake = filters.state == OPEN and not filters.mine
    most = MOST_COUNTED + 1
    about = unit.queue.about_decisions(wanted, most)
    if unit.viewer.sources is not None:
        # Of these a number alone would tell what the reader may not see.
        about = [task for task in about if about_decisions(unit, task) is not None]
    counted = unit.queue.count(wanted, most, awake=awake) + len({task.question for task in about})
    return min(counted + len(bursts), most)


def _first(unit: ReadUnit, filters: Filters, since: int | None = None) -> tuple[QuestionSummary, ...]:
    wanted = _wanted(unit, filters, since)
    if wanted is None:
        return ()
    found = []
    for item in _found(unit, wanted, filters, None):
        found.append(item)
        if len(found) == LISTED_ON_LANDING:
            break
    return tuple(_listed(unit, found))


def _closed_by_themselves(unit: ReadUnit, since: str) -> tuple[QuestionSummary, ...]:
    went = [work for work in unit.task_work.closed(since, MOST_COUNTED) if work.closed_because == WENT]
    mine = unit.task_work.acted_on(unit.viewer.client, [work.question for work in went])
    found = (closed_summary(unit, work) for work in went if work.question in mine)
    shown = [each for each in found if each is not None]
    return tuple(shown[:LISTED_ON_LANDING])


def _overdue(unit: ReadUnit, today: str) -> tuple[Overdue, ...]:
    sources = [source.id for source in unit.sources.all() if unit.viewer.may_see(source.code)]
    late = [
        one
        for one in unit.owner_questions.of_sources(sources, UNANSWERED)
        if one.asked_by == unit.viewer.client and one.due_on < today
    ]
    labels = unit.records.labels({one.record_id for one in late})
    return tuple(
        Overdue(one.id, one.question, labels[one.record_id], one.asks, one.due_on)
        for one in late
        if one.record_id in labels
    )


def _closed(unit: ReadUnit, limit: int, after: str | None) -> QueuePage:
    """What was closed lately, latest first."""
    since = clock.iso(clock.now() - CLOSED_SHOWN_FOR)
    place = None if after is None else _read_closing(after)
    shown: list[QuestionSummary] = []
    last: Work | None = None
    while works := unit.task_work.closed(since, limit + 1, place):
        for work in works:
            place = (work.closed_at or "", work.question)
            summary = closed_summary(unit, work)
            if summary is not None and len(shown) == limit:
                return QueuePage(tuple(shown), limit + 1, None if last is None else _written(_closing(last)))
            if summary is not None:
                shown.append(summary)
                last = work
    return QueuePage(tuple(shown), len(shown), None)


def _closing(work: Work) -> tuple[str, str]:
    return work.closed_at or "", work.question


def _key(item: OpenQuestion | Burst) -> str:
    return burst_key(item.batch_id, item.pattern) if isinstance(item, Burst) else item.key


def _numbers(unit: ReadUnit, shown: Sequence[QuestionSummary]) -> set[int]:
    """Record numbers of what is shown, for the ledger."""
    wanted: dict[str, set[str]] = {}
    for label in (label for summary in shown for label in summary.records):
        wanted.setdefault(label.source, set()).add(label.local_id)
    found: set[int] = set()
    for code, local_ids in wanted.items():
        records = unit.records.find(unit.sources.by_code(code).id, local_ids)
        found.update(record.id for record in records.values())
    return found


def _written(place: tuple[int, str] | tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def _read(after: str) -> list[object]:
    try:
        read = orjson.loads(base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)))
    except ValueError:
        read = None
    if not isinstance(read, list) or len(read) != len(("harm", "key")):
        raise InputError("after: what the page before gave to go on with")
    return read


def _read_place(after: str) -> Place:
    harm, key = _read(after)
    if not isinstance(harm, int) or not isinstance(key, str):
        raise InputError("after: what the page before gave to go on with")
    return harm, key


def _read_closing(after: str) -> tuple[str, str]:
    at, key = _read(after)
    if not isinstance(at, str) or not isinstance(key, str):
        raise InputError("after: what the page before gave to go on with")
    return at, key
