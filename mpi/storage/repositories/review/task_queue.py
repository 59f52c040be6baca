"""Repository of the review queue: questions by harm, in pages.

The order is (harm, question), both descending, which an index holds. So a page costs what it shows,
however many tasks wait behind it. A question stands where its most harmful matching task stands.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, tuple_

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.review.task_work import ASLEEP
from mpi.storage.repositories.review.tasks import Task, task_from_row
from mpi.storage.tables import BatchRow, RecordRow, TaskRow, TaskWorkRow

_task = TaskRow.__table__  # type: ignore[attr-defined]
_work = TaskWorkRow.__table__  # type: ignore[attr-defined]
_UNLIMITED = 2**31
_batch = BatchRow.__table__  # type: ignore[attr-defined]
_lower_record = RecordRow.__table__.alias("lo")  # type: ignore[attr-defined]
_higher_record = RecordRow.__table__.alias("hi")  # type: ignore[attr-defined]

QueuePosition = tuple[int, str]
"""Queue position of a question: harm in millionths, and key."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Tasks of one load with the same pattern, shown as one question.

    Args:
        batch_id: number of the load.
        pattern: how the records differ.
        kind: kind of the tasks.
        questions: number of questions that the burst stands for.
        harm: harm of its most harmful task, in millionths.
        weight: weight of its heaviest pair, in millionths of a bit.
        opened_commit: commit number at which its first task was opened.
    """

    batch_id: int
    pattern: str
    kind: str
    questions: int
    harm: int
    weight: int
    opened_commit: int


@dataclass(frozen=True, slots=True)
class DueFilter:
    """Which questions are due.

    Args:
        by_age: (kinds, least harm, commit): tasks that are due because they were opened at or before the
            commit.
        dated: questions whose due date has come.
        later: questions with a later due date.
    """

    by_age: Sequence[tuple[Sequence[str], int, int]]
    dated: Collection[str]
    later: Collection[str]


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks a reader wants to see.

    Args:
        sources: numbers of the sources that the reader may see; None for all.
        actor: the reader, whose own claims hide nothing.
        now: present moment (ISO, UTC).
        free_only: leave out questions that others have claimed.
        asleep: only tasks silenced by a decision, or snoozed by a person, until a later day.
        kind: only tasks of this kind.
        source: only tasks with a record of this source.
        records: only tasks about one of these records.
        questions: only tasks of these questions.
        since: only tasks opened after this commit.
        due: only due tasks.
        burst: only tasks of this load and pattern.
        without: no tasks of these loads and patterns.
    """

    sources: frozenset[int] | None
    actor: str
    now: str
    free_only: bool = False
    asleep: bool = False
    kind: str | None = None
    source: int | None = None
    records: Collection[int] | None = None
    questions: Collection[str] | None = None
    since: int | None = None
    due: DueFilter | None = None
    burst: tuple[int, str] | None = None
    without: Sequence[tuple[int, str]] = ()

    @property
    def today(self) -> str:
        """Day of the present moment, ``YYYY-MM-DD``."""
        return self.now[:10]


class TaskQueue:
    """Repository of the review queue."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read_page(self, wanted: TaskFilter, after: QueuePosition | None, limit: int) -> list[QueuePosition]:
        """Return queue positions of matching tasks, in queue order.

        A question appears once for each different harm of its tasks.
        """
        harm = _harm_column(wanted)
        statement = self._restrict(select(harm, _task.c.question), wanted)
        if after is not None:
            statement = statement.where(tuple_(harm, _task.c.question) < tuple_(*after))
        statement = statement.order_by(harm.desc(), _task.c.question.desc()).limit(limit)
        if wanted.questions is None and wanted.records is None and wanted.burst is None:
            # SQLite has no statistics, and would rather sort all tasks of a kind than read in order.
            by = harm.name if wanted.since is None else _task.c.opened_commit.name
            statement = statement.with_hint(_task, f"INDEXED BY ix_task_{by}", "sqlite")
        return [(row[0], row[1]) for row in self._connection.execute(statement)]

    def harm_by_question(self, wanted: TaskFilter, questions: Collection[str]) -> dict[str, int]:
        """Return the highest harm of matching tasks, by question."""
        found: dict[str, int] = {}
        for chunk in iter_chunks(questions):
            statement = self._restrict(select(_task.c.question, func.max(_harm_column(wanted))), wanted)
            statement = statement.where(is_in(_task.c.question, chunk)).group_by(_task.c.question)
            found.update({row[0]: row[1] for row in self._connection.execute(statement)})
        return found

    def tasks_by_question(
        self, questions: Collection[str], sources: frozenset[int] | None
    ) -> dict[str, list[Task]]:
        """Return the tasks visible to a reader, heaviest first, by question."""
        found: dict[str, list[Task]] = {}
        for chunk in iter_chunks(questions):
            statement = _restrict_to_visible(select(_task).where(is_in(_task.c.question, chunk)), sources)
            rows = self._connection.execute(statement.order_by(_task.c.weight.desc(), _task.c.key))
            for row in rows:
                found.setdefault(row.question, []).append(task_from_row(row))
        return found

    def questions_of(self, keys: Collection[str]) -> dict[str, str]:
        """Return the question of each task that exists, by task key."""
        found: dict[str, str] = {}
        for chunk in iter_chunks(keys):
            rows = self._connection.execute(
                select(_task.c.key, _task.c.question).where(is_in(_task.c.key, chunk))
            )
            found.update({row.key: row.question for row in rows})
        return found

    def question_of(self, key: str) -> str | None:
        """Return the question of a task, or None."""
        return self.questions_of([key]).get(key)

    def patterns_of_load(self, batch_id: int) -> list[str]:
        """Return the patterns of pairs that a load brought about."""
        rows = self._connection.execute(
            select(_task.c.pattern)
            .where(_task.c.batch_id == batch_id, _task.c.pattern.is_not(None))
            .distinct()
            .order_by(_task.c.pattern)
        )
        return list(rows.scalars())

    def source_of_load(self, batch_id: int) -> int | None:
        """Return the source number of a load, or None."""
        found = self._connection.execute(select(_batch.c.source_id).where(_batch.c.id == batch_id)).scalar()
        return None if found is None else int(found)

    def count_questions(
        self, wanted: TaskFilter, limit: int, *, awake_only: bool, with_decisions: bool = True
    ) -> int:
        """Count questions with matching tasks, up to a limit.

        Args:
            task_filter: which tasks match.
            limit: number at which counting stops.
            awake_only: whether snoozed questions are left out.
            with_decisions: whether tasks about decisions count.
        """
        statement = self._restrict(select(_task.c.question), wanted)
        if awake_only:
            statement = statement.where(_is_awake(wanted))
        if not with_decisions:
            statement = statement.where(_task.c.decision_id.is_(None))
        questions = 0
        # Questions have few tasks: as many as are mostly enough are looked at first.
        for reach in (4 * limit, 40 * limit, _UNLIMITED):
            some = statement.limit(reach).subquery()
            counted = select(func.count(some.c.question.distinct()), func.count()).select_from(some)
            questions, tasks = self._connection.execute(counted).one()
            if questions >= limit or tasks < reach:
                break
        return min(int(questions), limit)

    def decision_tasks(self, wanted: TaskFilter, limit: int) -> list[Task]:
        """Return matching tasks about decisions, up to a limit."""
        statement = self._restrict(select(_task), wanted).where(_task.c.decision_id.is_not(None))
        rows = self._connection.execute(statement.where(_is_awake(wanted)).limit(limit))
        return [task_from_row(row) for row in rows]

    def find_bursts(self, wanted: TaskFilter, min_questions: int) -> list[Burst]:
        """Return bursts of at least so many matching questions, most harmful first."""
        group = (_task.c.batch_id, _task.c.pattern)
        many = self._connection.execute(
            select(*group)
            .where(_task.c.batch_id.is_not(None), _task.c.pattern.is_not(None))
            .group_by(*group)
            .having(func.count() >= min_questions)
        ).all()
        if not many:
            return []
        harm = _harm_column(wanted)
        columns = (
            *group,
            func.min(_task.c.kind),
            func.count(_task.c.question.distinct()),
            func.max(harm),
            func.max(_task.c.weight),
            func.min(_task.c.opened_commit),
        )
        found: list[Burst] = []
        for batch_id, pattern in many:
            one = replace(wanted, burst=(batch_id, pattern), without=())
            statement = self._restrict(select(*columns), one, worked=False).group_by(*group)
            found += [Burst(*row) for row in self._connection.execute(statement)]
        return sorted(
            (each for each in found if each.questions >= min_questions), key=lambda each: -each.harm
        )

    def _restrict(self, statement: Select[Any], wanted: TaskFilter, *, worked: bool = True) -> Select[Any]:
        """Restrict a query to matching tasks."""
        found = _restrict_to_visible(statement, wanted.sources, always=wanted.source is not None)
        found = found.outerjoin(_work, _work.c.question == _task.c.question)
        for condition in _filter_conditions(wanted, worked=worked):
            found = found.where(condition)
        return found


def _harm_column(wanted: TaskFilter) -> ColumnElement[int]:
    """Return the harm column of the queue order.

    A viewer who may not see all flags gets the order without flags.
    """
    harm: ColumnElement[int] = _task.c.harm if wanted.sources is None else _task.c.harm_unflagged
    return harm


def _restrict_to_visible(
    statement: Select[Any], sources: frozenset[int] | None, *, always: bool = True
) -> Select[Any]:
    """Restrict a query to tasks whose two records are visible."""
    if sources is None and not always:
        return statement
    found = statement.join(_lower_record, _lower_record.c.id == _task.c.lo).join(
        _higher_record, _higher_record.c.id == _task.c.hi
    )
    for end, source in ((_lower_record, _task.c.lo_source), (_higher_record, _task.c.hi_source)):
        # SQLite has no statistics, and would rather read all records that are not sealed than the tasks.
        found = found.where(end.c.state != "sealed").with_hint(end, "NOT INDEXED", "sqlite")
        if sources is not None:
            found = found.where(is_in(source, sources))
    return found


def _is_awake(wanted: TaskFilter) -> ColumnElement[bool]:
    return or_(_work.c.asleep_until.is_(None), _work.c.asleep_until <= wanted.today)


def _filter_conditions(wanted: TaskFilter, *, worked: bool) -> list[ColumnElement[bool]]:
    found = [_is_asleep(wanted) if wanted.asleep else _is_asked(wanted), *_narrowing_conditions(wanted)]
    if wanted.free_only and worked:
        free = (_work.c.claimed_by.is_(None), _work.c.claimed_by == wanted.actor)
        found.append(or_(*free, _work.c.lease_until <= wanted.now))
    for batch_id, pattern in wanted.without:
        other = or_(_task.c.batch_id.is_(None), _task.c.batch_id != batch_id)
        found.append(or_(other, _task.c.pattern.is_(None), _task.c.pattern != pattern))
    if wanted.due is not None:
        found.append(_is_due(wanted, wanted.due))
    return found


def _is_asked(wanted: TaskFilter) -> ColumnElement[bool]:
    return or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= wanted.today)


def _is_asleep(wanted: TaskFilter) -> ColumnElement[bool]:
    put_to_sleep = and_(_work.c.state == ASLEEP, _work.c.asleep_until > wanted.today)
    return or_(_task.c.quiet_until > wanted.today, put_to_sleep)


def _narrowing_conditions(wanted: TaskFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.kind is not None:
        found.append(_task.c.kind == wanted.kind)
    if wanted.source is not None:
        found.append(or_(_task.c.lo_source == wanted.source, _task.c.hi_source == wanted.source))
    if wanted.records is not None:
        found.append(or_(is_in(_task.c.lo, wanted.records), is_in(_task.c.hi, wanted.records)))
    if wanted.questions is not None:
        found.append(is_in(_task.c.question, wanted.questions))
    if wanted.since is not None:
        found.append(_task.c.opened_commit > wanted.since)
    if wanted.burst is not None:
        found += [_task.c.batch_id == wanted.burst[0], _task.c.pattern == wanted.burst[1]]
    return found


def _is_due(wanted: TaskFilter, due: DueFilter) -> ColumnElement[bool]:
    by_age = [
        and_(_task.c.opened_commit <= commit, _harm_column(wanted) >= least, _task.c.kind.in_(kinds))
        for kinds, least, commit in due.by_age
    ]
    return or_(is_in(_task.c.question, due.dated), and_(or_(*by_age), _task.c.question.not_in(due.later)))
