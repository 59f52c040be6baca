"""Repository of the review queue: questions by harm, in pages.

The order is (harm, question), both descending, which an index holds. So a page costs what it shows,
however many tasks wait behind it. A question stands where its most harmful matching task stands.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, not_, or_, select, tuple_

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.review.task_work import ASLEEP
from mpi.storage.repositories.review.tasks import Task, task_from_row
from mpi.storage.tables import BatchRow, RecordRow, TaskRow, TaskWorkRow, table_of

_task = table_of(TaskRow)
_work = table_of(TaskWorkRow)
_UNLIMITED = 2**31
_PAIR, _BAND = "pair", "band"
"""Kind of a task about two records, and reason of one whose match weight alone leaves it in doubt."""
_batch = table_of(BatchRow)
_lower_record = table_of(RecordRow).alias("lo")
_higher_record = table_of(RecordRow).alias("hi")

QueuePosition = tuple[int, str]
"""Queue position of a question: harm in millionths, and key."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Review tasks of one load with one pattern, shown as one question.

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
    """Conditions that tell which review questions are due.

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
    """Conditions that review tasks must meet to be listed for a reader.

    Args:
        sources: numbers of the sources that the reader may see; None for all.
        actor: the reader, whose own claims hide nothing.
        now: present moment (ISO, UTC).
        free_only: leave out questions that others have claimed, or that the reader has passed on.
        asleep: only tasks silenced by a decision, or snoozed by a person, until a later day.
        kind: only tasks of this kind.
        source: only tasks with a record of this source.
        records: only tasks about one of these records.
        questions: only tasks of these questions.
        since: only tasks opened after this commit.
        due: only due tasks.
        burst: only tasks of this load and pattern.
        without: no tasks of these loads and patterns.
        sees_flags: whether the reader may see every special-population flag, and so an order by them.
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
    sees_flags: bool = True

    @property
    def today(self) -> str:
        """Day of the filter's present moment, ``YYYY-MM-DD``."""
        return self.now[:10]


class TaskQueue:
    """Repository that reads the queue of review questions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read_page(
        self, task_filter: TaskFilter, last_position: QueuePosition | None, limit: int
    ) -> list[QueuePosition]:
        """Return queue positions of matching review tasks, in queue order.

        A question appears once for each different harm (expected cost of leaving it undecided) of its tasks.
        """
        harm = _harm_column(task_filter)
        statement = self._restrict(select(harm, _task.c.question), task_filter)
        if last_position is not None:
            statement = statement.where(tuple_(harm, _task.c.question) < tuple_(*last_position))
        statement = statement.order_by(harm.desc(), _task.c.question.desc()).limit(limit)
        if task_filter.questions is None and task_filter.records is None and task_filter.burst is None:
            # Without statistics, SQLite would sort all tasks of a kind instead of reading in order.
            by = harm.name if task_filter.since is None else _task.c.opened_commit.name
            statement = statement.with_hint(_task, f"INDEXED BY ix_task_{by}", "sqlite")
        return [(row[0], row[1]) for row in self._connection.execute(statement)]

    def harm_by_question(self, task_filter: TaskFilter, questions: Collection[str]) -> dict[str, int]:
        """Return the greatest expected harm of matching tasks, by review question.

        Harm is that of leaving the question undecided.
        """
        harm_by_question: dict[str, int] = {}
        for chunk in iter_chunks(questions):
            statement = self._restrict(
                select(_task.c.question, func.max(_harm_column(task_filter))), task_filter
            )
            statement = statement.where(is_in(_task.c.question, chunk)).group_by(_task.c.question)
            harm_by_question.update({row[0]: row[1] for row in self._connection.execute(statement)})
        return harm_by_question

    def tasks_by_question(
        self, questions: Collection[str], sources: frozenset[int] | None
    ) -> dict[str, list[Task]]:
        """Return the review tasks visible to a reader, by question.

        Within a question, the highest match weight comes first.
        """
        tasks: dict[str, list[Task]] = {}
        for chunk in iter_chunks(questions):
            statement = _restrict_to_visible(select(_task).where(is_in(_task.c.question, chunk)), sources)
            rows = self._connection.execute(statement.order_by(_task.c.weight.desc(), _task.c.key))
            for row in rows:
                tasks.setdefault(row.question, []).append(task_from_row(row))
        return tasks

    def questions_of(self, keys: Collection[str]) -> dict[str, str]:
        """Return the review question that shows each existing task, by task key."""
        questions: dict[str, str] = {}
        for chunk in iter_chunks(keys):
            rows = self._connection.execute(
                select(_task.c.key, _task.c.question).where(is_in(_task.c.key, chunk))
            )
            questions.update({row.key: row.question for row in rows})
        return questions

    def question_of(self, key: str) -> str | None:
        """Return the review question that shows a task, or None."""
        return self.questions_of([key]).get(key)

    def patterns_of_load(self, batch_id: int) -> list[str]:
        """Return the patterns of difference among a load's review tasks.

        A pattern tells how the records of a pair differ.
        """
        rows = self._connection.execute(
            select(_task.c.pattern)
            .where(_task.c.batch_id == batch_id, _task.c.pattern.is_not(None))
            .distinct()
            .order_by(_task.c.pattern)
        )
        return list(rows.scalars())

    def source_of_load(self, batch_id: int) -> int | None:
        """Return the number of the source that sent a load, or None."""
        source_id = self._connection.execute(
            select(_batch.c.source_id).where(_batch.c.id == batch_id)
        ).scalar()
        return None if source_id is None else int(source_id)

    def count_questions(
        self, task_filter: TaskFilter, limit: int, *, awake_only: bool, with_decisions: bool = True
    ) -> int:
        """Count review questions with matching tasks, up to a limit.

        Args:
            task_filter: which tasks match.
            limit: number at which counting stops.
            awake_only: whether snoozed questions are left out.
            with_decisions: whether tasks about decisions count.
        """
        statement = self._restrict(select(_task.c.question), task_filter)
        if awake_only:
            statement = statement.where(_is_awake(task_filter))
        if not with_decisions:
            statement = statement.where(_task.c.decision_id.is_(None))
        questions = 0
        # Questions have few tasks, so a small sample mostly suffices.
        for row_limit in (4 * limit, 40 * limit, _UNLIMITED):
            sample = statement.limit(row_limit).subquery()
            counted = select(func.count(sample.c.question.distinct()), func.count()).select_from(sample)
            questions, tasks = self._connection.execute(counted).one()
            if questions >= limit or tasks < row_limit:
                break
        return min(int(questions), limit)

    def decision_tasks(self, task_filter: TaskFilter, limit: int) -> list[Task]:
        """Return matching review tasks about decisions, up to a limit."""
        statement = self._restrict(select(_task), task_filter).where(_task.c.decision_id.is_not(None))
        rows = self._connection.execute(statement.where(_is_awake(task_filter)).limit(limit))
        return [task_from_row(row) for row in rows]

    def find_bursts(self, task_filter: TaskFilter, min_questions: int) -> list[Burst]:
        """Return large groups of alike review questions, most harmful first.

        A burst is many questions of one load with the same pattern of differences.
        """
        group = (_task.c.batch_id, _task.c.pattern)
        frequent_patterns = self._connection.execute(
            select(*group)
            .where(_task.c.batch_id.is_not(None), _task.c.pattern.is_not(None))
            .group_by(*group)
            .having(func.count() >= min_questions)
        ).all()
        if not frequent_patterns:
            return []
        harm = _harm_column(task_filter)
        columns = (
            *group,
            func.min(_task.c.kind),
            func.count(_task.c.question.distinct()),
            func.max(harm),
            func.max(_task.c.weight),
            func.min(_task.c.opened_commit),
        )
        unrestricted_filter = replace(task_filter, burst=None, without=())
        statement = self._restrict(select(*columns), unrestricted_filter, by_claims=False)
        patterns_by_load = _group_by_load(frequent_patterns)
        is_frequent = or_(
            *(
                and_(_task.c.batch_id == batch_id, is_in(_task.c.pattern, patterns))
                for batch_id, patterns in patterns_by_load.items()
            )
        )
        rows = self._connection.execute(statement.where(is_frequent).group_by(*group))
        bursts = [Burst(*row) for row in rows]
        return sorted(
            (burst for burst in bursts if burst.questions >= min_questions), key=lambda burst: -burst.harm
        )

    def _restrict(
        self, statement: Select[Any], task_filter: TaskFilter, *, by_claims: bool = True
    ) -> Select[Any]:
        """Restrict a query to the review tasks that a filter admits."""
        restricted = _restrict_to_visible(
            statement, task_filter.sources, join_always=task_filter.source is not None
        )
        restricted = restricted.outerjoin(_work, _work.c.question == _task.c.question)
        for condition in _filter_conditions(task_filter, by_claims=by_claims):
            restricted = restricted.where(condition)
        return restricted


def _harm_column(task_filter: TaskFilter) -> ColumnElement[int]:
    """Return the column of expected harm that orders the review queue.

    A viewer who may not see all special-population flags gets the order computed without flags.
    """
    sees_flags = task_filter.sees_flags and task_filter.sources is None
    harm: ColumnElement[int] = _task.c.harm if sees_flags else _task.c.harm_unflagged
    return harm


def _restrict_to_visible(
    statement: Select[Any], sources: frozenset[int] | None, *, join_always: bool = True
) -> Select[Any]:
    """Restrict a query to review tasks that a reader may be asked.

    The reader has to see both records. A reader of some sources is asked about no pair that weighs enough to
    link: what holds such a pair may be a hidden record, and then the question would tell of it.
    """
    if sources is None and not join_always:
        return statement
    if sources is not None:
        statement = statement.where(or_(_task.c.kind != _PAIR, _task.c.reason == _BAND))
    restricted = statement.join(_lower_record, _lower_record.c.id == _task.c.lo).join(
        _higher_record, _higher_record.c.id == _task.c.hi
    )
    for end, source in ((_lower_record, _task.c.lo_source), (_higher_record, _task.c.hi_source)):
        # Without statistics, SQLite would start from all unsealed records instead of the tasks.
        restricted = restricted.where(end.c.state != "sealed").with_hint(end, "NOT INDEXED", "sqlite")
        if sources is not None:
            restricted = restricted.where(is_in(source, sources))
    return restricted


def _is_awake(task_filter: TaskFilter) -> ColumnElement[bool]:
    return or_(_work.c.asleep_until.is_(None), _work.c.asleep_until <= task_filter.today)


def _filter_conditions(task_filter: TaskFilter, *, by_claims: bool) -> list[ColumnElement[bool]]:
    conditions = [
        _is_asleep(task_filter) if task_filter.asleep else _is_asked(task_filter),
        *_narrowing_conditions(task_filter),
    ]
    if task_filter.free_only and by_claims:
        is_free = (_work.c.claimed_by.is_(None), _work.c.claimed_by == task_filter.actor)
        conditions.append(or_(*is_free, _work.c.lease_until <= task_filter.now))
        conditions.append(or_(_work.c.escalated_by.is_(None), _work.c.escalated_by != task_filter.actor))
    for batch_id, patterns in _group_by_load(task_filter.without).items():
        is_of_other_load = or_(_task.c.batch_id.is_(None), _task.c.batch_id != batch_id)
        has_other_pattern = or_(_task.c.pattern.is_(None), not_(is_in(_task.c.pattern, patterns)))
        conditions.append(or_(is_of_other_load, has_other_pattern))
    if task_filter.due is not None:
        conditions.append(_is_due(task_filter, task_filter.due))
    return conditions


def _is_asked(task_filter: TaskFilter) -> ColumnElement[bool]:
    return or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= task_filter.today)


def _is_asleep(task_filter: TaskFilter) -> ColumnElement[bool]:
    is_snoozed = and_(_work.c.state == ASLEEP, _work.c.asleep_until > task_filter.today)
    return or_(_task.c.quiet_until > task_filter.today, is_snoozed)


def _group_by_load(groups: Iterable[tuple[int, str]]) -> dict[int, list[str]]:
    """Return the patterns of each load."""
    patterns_by_load: dict[int, list[str]] = {}
    for batch_id, pattern in groups:
        patterns_by_load.setdefault(batch_id, []).append(pattern)
    return patterns_by_load


def _narrowing_conditions(task_filter: TaskFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if task_filter.kind is not None:
        conditions.append(_task.c.kind == task_filter.kind)
    if task_filter.source is not None:
        conditions.append(
            or_(_task.c.lo_source == task_filter.source, _task.c.hi_source == task_filter.source)
        )
    if task_filter.records is not None:
        conditions.append(or_(is_in(_task.c.lo, task_filter.records), is_in(_task.c.hi, task_filter.records)))
    if task_filter.questions is not None:
        conditions.append(is_in(_task.c.question, task_filter.questions))
    if task_filter.since is not None:
        conditions.append(_task.c.opened_commit > task_filter.since)
    if task_filter.burst is not None:
        conditions += [_task.c.batch_id == task_filter.burst[0], _task.c.pattern == task_filter.burst[1]]
    return conditions


def _is_due(task_filter: TaskFilter, due: DueFilter) -> ColumnElement[bool]:
    is_old_enough = [
        and_(_task.c.opened_commit <= commit, _harm_column(task_filter) >= least, _task.c.kind.in_(kinds))
        for kinds, least, commit in due.by_age
    ]
    return or_(
        is_in(_task.c.question, due.dated), and_(or_(*is_old_enough), _task.c.question.not_in(due.later))
    )
