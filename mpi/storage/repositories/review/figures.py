"""Figures about the desk and the index: counts that the store makes, a bounded number of rows each."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    TIMESTAMP,
    ColumnElement,
    Connection,
    Double,
    and_,
    case,
    cast,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
)

from mpi.storage.repositories.persons.persons import SCOPE
from mpi.storage.tables import (
    CommitRow,
    DecisionRow,
    FlagRow,
    MembershipRow,
    RecordRow,
    RecordVersionRow,
    SourceRow,
    TaskActionRow,
    TaskRow,
    TaskWorkRow,
)

_task = TaskRow.__table__  # type: ignore[attr-defined]
_work = TaskWorkRow.__table__  # type: ignore[attr-defined]
_action = TaskActionRow.__table__  # type: ignore[attr-defined]
_commit = CommitRow.__table__  # type: ignore[attr-defined]
_decision = DecisionRow.__table__  # type: ignore[attr-defined]
_flag = FlagRow.__table__  # type: ignore[attr-defined]
_version = RecordVersionRow.__table__  # type: ignore[attr-defined]
_record = RecordRow.__table__  # type: ignore[attr-defined]
_source = SourceRow.__table__  # type: ignore[attr-defined]
_member = MembershipRow.__table__  # type: ignore[attr-defined]
_SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class WaitingCount:
    """Questions that wait, of one kind and one age.

    Args:
        kind: of the question's tasks.
        age: how many of the commits asked about it was opened after: 0 is the oldest.
        questions: how many.
    """

    kind: str
    age: int
    questions: int


@dataclass(frozen=True, slots=True)
class StewardAnswers:
    """What one person answered.

    Args:
        actor: who.
        answers: how many answers.
        timed: of these, those that another act of theirs came shortly before.
        seconds: between acts that are no further apart than that.
    """

    actor: str
    answers: int
    timed: int
    seconds: float


class DeskFigures:
    """What is counted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count_waiting(self, today: str, since: Sequence[int]) -> list[WaitingCount]:
        """Questions asked on a day, by kind and age.

        Args:
            today: the day, ``YYYY-MM-DD``.
            since: commit numbers, ascending; a question opened after the first n of them has age n.
        """
        asked = or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= today)
        questions = (
            select(func.min(_task.c.kind).label("kind"), func.min(_task.c.opened_commit).label("opened"))
            .where(asked)
            .group_by(_task.c.question)
            .subquery()
        )
        passed = [case((questions.c.opened > commit, 1), else_=0) for commit in since]
        age = sum(passed[1:], start=passed[0]) if passed else literal(0)
        counted = select(questions.c.kind, age.label("age"), func.count()).group_by(questions.c.kind, "age")
        return [WaitingCount(*row) for row in self._connection.execute(counted)]

    def oldest_opened_at(self, today: str) -> str | None:
        """When the oldest question that is asked on a day was opened."""
        asked = or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= today)
        first = select(func.min(_task.c.opened_commit)).where(asked).scalar_subquery()
        return self._connection.execute(select(_commit.c.at).where(_commit.c.no == first)).scalar()

    def count_by_state(self, now: str) -> dict[str, int]:
        """How many questions are worked on, by ``claimed``, ``asleep`` and ``waiting``."""
        standing = case(
            (and_(_work.c.claimed_by.is_not(None), _work.c.lease_until > now), "claimed"), else_=_work.c.state
        )
        rows = self._connection.execute(
            select(standing.label("standing"), func.count())
            .where(_work.c.state != "closed")
            .group_by("standing")
        )
        return {row[0]: row[1] for row in rows}

    def count_closed(self, since: str) -> dict[str, int]:
        """How many questions were closed from a moment on, by why."""
        rows = self._connection.execute(
            select(_work.c.closed_because, func.count())
            .where(_work.c.state == "closed", _work.c.closed_at >= since)
            .group_by(_work.c.closed_because)
        )
        return {row[0] or "": row[1] for row in rows}

    def count_opened_by_day(self, today: str, after: int) -> dict[str, int]:
        """Questions asked on a day that were opened after a commit, by the day on which they were."""
        asked = or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= today)
        opened = func.min(_task.c.opened_commit)
        questions = (
            select(opened.label("opened"))
            .where(asked)
            .group_by(_task.c.question)
            .having(opened > after)
            .subquery()
        )
        day = func.substr(_commit.c.at, 1, len("2026-01-01")).label("day")
        rows = self._connection.execute(
            select(day, func.count())
            .select_from(questions)
            .join(_commit, _commit.c.no == questions.c.opened)
            .group_by("day")
        )
        return {row[0]: row[1] for row in rows}

    def count_closed_by_opening_day(self, since: str) -> dict[str, int]:
        """Questions opened from a moment on and closed since, by the day on which they were opened."""
        day = func.substr(_work.c.opened_at, 1, len("2026-01-01")).label("day")
        rows = self._connection.execute(
            select(day, func.count())
            .where(_work.c.state == "closed", _work.c.closed_at >= since, _work.c.opened_at >= since)
            .group_by("day")
        )
        return {row[0]: row[1] for row in rows}

    def count_answers_by_actor(self, since: str, action: str, max_gap_s: float) -> list[StewardAnswers]:
        """What each person answered from a moment on, by name; who answered nothing is left out.

        Args:
            since: the moment (ISO, UTC).
            action: the act that is an answer.
            max_gap_s: seconds between two acts from which on something else was between them.
        """
        moment = self._seconds(_action.c.at)
        before = func.lag(moment).over(partition_by=_action.c.actor, order_by=(_action.c.at, _action.c.id))
        acts = (
            select(_action.c.actor, _action.c.action, (moment - before).label("gap"))
            .where(_action.c.at >= since)
            .subquery()
        )
        is_answer, is_near = acts.c.action == action, acts.c.gap <= max_gap_s
        answers = func.sum(case((is_answer, 1), else_=0))
        rows = self._connection.execute(
            select(
                acts.c.actor,
                answers,
                func.sum(case((is_answer & is_near, 1), else_=0)),
                func.sum(case((is_near, acts.c.gap), else_=0.0)),
            )
            .group_by(acts.c.actor)
            .having(answers > 0)
            .order_by(acts.c.actor)
        )
        return [StewardAnswers(row[0], int(row[1]), int(row[2]), float(row[3])) for row in rows]

    def count_answers_by_day(self, since: str, action: str) -> dict[str, int]:
        """How many answers were given from a moment on, by day."""
        day = func.substr(_action.c.at, 1, len("2026-01-01")).label("day")
        rows = self._connection.execute(
            select(day, func.count()).where(_action.c.at >= since, _action.c.action == action).group_by("day")
        )
        return {row[0]: row[1] for row in rows}

    def _seconds(self, moment: ColumnElement[str]) -> ColumnElement[float]:
        if self._connection.dialect.name == "postgresql":
            return cast(extract("epoch", cast(moment, TIMESTAMP(timezone=True))), Double)
        return func.julianday(moment) * _SECONDS_PER_DAY

    def first_commit_at(self) -> str | None:
        """When the index's first commit was."""
        return self._connection.execute(select(func.min(_commit.c.at))).scalar()

    def count_decisions(self) -> dict[tuple[int, str], int]:
        """How many decisions are in force, by authority and kind."""
        rows = self._connection.execute(
            select(_decision.c.authority, _decision.c.kind, func.count())
            .where(_decision.c.status == "in_force")
            .group_by(_decision.c.authority, _decision.c.kind)
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def count_in_care(
        self, population: str, care: Sequence[str], school: Sequence[str], today: str
    ) -> tuple[int, int]:
        """Persons in care on a day, and those of them who have a school's record too.

        Args:
            population: the flag that says so; it counts from a record's active version only.
            care: kinds of the sources whose word counts for it.
            school: kinds of the sources of schools.
            today: the day, ``YYYY-MM-DD``.
        """
        persons = (
            select(_member.c.person_id)
            .distinct()
            .select_from(_flag)
            .join(_version, _version.c.id == _flag.c.version_id)
            .join(_record, and_(_record.c.id == _version.c.record_id, _record.c.version_id == _version.c.id))
            .join(_source, _source.c.id == _record.c.source_id)
            .join(_member, and_(_member.c.scope == SCOPE, _member.c.record_id == _record.c.id))
            .where(
                _flag.c.population == population,
                _flag.c.value == "Y",
                or_(_flag.c.begin.is_(None), _flag.c.begin <= today),
                or_(_flag.c.end.is_(None), _flag.c.end > today),
                _record.c.state == "active",
                _source.c.kind.in_(care),
                _member.c.to_commit.is_(None),
            )
            .subquery()
        )
        other, theirs, whose = _member.alias(), _record.alias(), _source.alias()
        at_school = exists(
            select(1)
            .select_from(other)
            .join(theirs, theirs.c.id == other.c.record_id)
            .join(whose, whose.c.id == theirs.c.source_id)
            .where(
                other.c.person_id == persons.c.person_id,
                other.c.to_commit.is_(None),
                theirs.c.state == "active",
                whose.c.kind.in_(school),
            )
        )
        counted = select(func.count(), func.coalesce(func.sum(case((at_school, 1), else_=0)), 0))
        row = self._connection.execute(counted.select_from(persons)).one()
        return int(row[0]), int(row[1])
