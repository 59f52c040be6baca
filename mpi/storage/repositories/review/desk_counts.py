"""Counts about the review queue and the index, computed by the database.

Each query returns a bounded number of rows.
"""

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
    distinct,
    exists,
    extract,
    func,
    literal,
    or_,
    select,
)

from mpi.storage.repositories.persons.identity_events import SCOPE
from mpi.storage.tables import (
    CarePeriodRow,
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
    table_of,
)

_task = table_of(TaskRow)
_work = table_of(TaskWorkRow)
_action = table_of(TaskActionRow)
_commit = table_of(CommitRow)
_decision = table_of(DecisionRow)
_period = table_of(CarePeriodRow)
_flag = table_of(FlagRow)
_version = table_of(RecordVersionRow)
_record = table_of(RecordRow)
_source = table_of(SourceRow)
_member = table_of(MembershipRow)
_SECONDS_PER_DAY = 86_400.0
_CODE_SEPARATOR = ","


@dataclass(frozen=True, slots=True)
class WaitingCount:
    """The number of open review questions of one kind and age class.

    Args:
        kind: kind of the questions' tasks.
        age: age class: how many of the given ascending commits precede the opening; 0 is the oldest class.
        questions: number of questions.
    """

    kind: str
    age: int
    questions: int


@dataclass(frozen=True, slots=True)
class StewardAnswers:
    """How many review questions one person answered, and how quickly.

    Args:
        actor: name of the person.
        answers: number of answers.
        timed: answers that followed an earlier action of the person within the gap limit.
        seconds: total seconds between actions within the gap limit.
    """

    actor: str
    answers: int
    timed: int
    seconds: float


class DeskFigures:
    """Repository of counts about review work, decisions and persons."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def count_waiting(self, today: str, since: Sequence[int]) -> list[WaitingCount]:
        """Count review questions open on a day, by kind and age class.

        Args:
            today: day, ``YYYY-MM-DD``.
            since: ascending commit numbers. A question opened after the first n of them has age class n.
        """
        is_asked = or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= today)
        questions = (
            select(func.min(_task.c.kind).label("kind"), func.min(_task.c.opened_commit).label("opened"))
            .where(is_asked)
            .group_by(_task.c.question)
            .subquery()
        )
        age_increments = [case((questions.c.opened > commit, 1), else_=0) for commit in since]
        age = sum(age_increments[1:], start=age_increments[0]) if age_increments else literal(0)
        counted = select(questions.c.kind, age.label("age"), func.count()).group_by(questions.c.kind, "age")
        return [WaitingCount(*row) for row in self._connection.execute(counted)]

    def list_open_tasks(self, today: str) -> list[tuple[str, int, int]]:
        """Return key, lower and higher record of each open task.

        Args:
            today: day on which it is open, ``YYYY-MM-DD``.
        """
        is_asked = or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= today)
        rows = self._connection.execute(select(_task.c.key, _task.c.lo, _task.c.hi).where(is_asked))
        return [(row.key, row.lo, row.hi) for row in rows]

    def oldest_opened_at(self, today: str) -> str | None:
        """Return when the oldest review question open on a day was opened."""
        is_asked = or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= today)
        first_commit = select(func.min(_task.c.opened_commit)).where(is_asked).scalar_subquery()
        return self._connection.execute(select(_commit.c.at).where(_commit.c.no == first_commit)).scalar()

    def count_by_state(self, now: str) -> dict[str, int]:
        """Count unclosed review questions by state, ``claimed`` if somebody has one.

        Other states are ``open``, ``asleep`` (until a day) and ``waiting`` (for an owner's answer). Questions
        that nobody ever worked on have no state.

        Args:
            now: present moment (ISO, UTC), at which leases end.
        """
        state = case(
            (and_(_work.c.claimed_by.is_not(None), _work.c.lease_until > now), "claimed"), else_=_work.c.state
        )
        rows = self._connection.execute(
            select(state.label("standing"), func.count())
            .where(_work.c.state != "closed")
            .group_by("standing")
        )
        return {row[0]: row[1] for row in rows}

    def count_closed(self, since: str) -> dict[str, int]:
        """Count review questions closed since a moment, by reason of closing."""
        rows = self._connection.execute(
            select(_work.c.closed_because, func.count())
            .where(_work.c.state == "closed", _work.c.closed_at >= since)
            .group_by(_work.c.closed_because)
        )
        return {row[0] or "": row[1] for row in rows}

    def count_opened_by_day(self, today: str, commit_no: int) -> dict[str, int]:
        """Count open review questions by the day they were opened.

        Args:
            today: day on which they are open, ``YYYY-MM-DD``.
            commit_no: commit number after which they were opened.
        """
        is_asked = or_(_task.c.quiet_until.is_(None), _task.c.quiet_until <= today)
        opened_commit = func.min(_task.c.opened_commit)
        questions = (
            select(opened_commit.label("opened"))
            .where(is_asked)
            .group_by(_task.c.question)
            .having(opened_commit > commit_no)
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
        """Count closed review questions by the day they were opened.

        Only questions opened and closed since the moment ``since`` (ISO, UTC) count.
        """
        day = func.substr(_work.c.opened_at, 1, len("2026-01-01")).label("day")
        rows = self._connection.execute(
            select(day, func.count())
            .where(_work.c.state == "closed", _work.c.closed_at >= since, _work.c.opened_at >= since)
            .group_by("day")
        )
        return {row[0]: row[1] for row in rows}

    def count_answers_by_actor(self, since: str, action: str, max_gap_s: float) -> list[StewardAnswers]:
        """Count each steward's answers to review questions, and their speed.

        Returns:
            Counts of answers since the moment, in order of names. People without answers are left out.

        Args:
            since: moment (ISO, UTC).
            action: name of the action that is an answer; the history has other actions too.
            max_gap_s: longest time in seconds between two actions that counts as work on the second; after a
                longer one the person is taken to have done something else.
        """
        moment = self._seconds(_action.c.at)
        previous_moment = func.lag(moment).over(
            partition_by=_action.c.actor, order_by=(_action.c.at, _action.c.id)
        )
        acts = (
            select(_action.c.actor, _action.c.action, (moment - previous_moment).label("gap"))
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
        """Count answers to review questions since a moment, by day.

        Args:
            since: moment (ISO, UTC).
            action: name of the action that is an answer; the history has other actions too.
        """
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
        """Return the time of the index's first commit, or None."""
        return self._connection.execute(select(func.min(_commit.c.at))).scalar()

    def count_decisions(self) -> dict[tuple[int, str], int]:
        """Count stewards' and sources' decisions in force, by authority and kind."""
        rows = self._connection.execute(
            select(_decision.c.authority, _decision.c.kind, func.count())
            .where(_decision.c.status == "in_force")
            .group_by(_decision.c.authority, _decision.c.kind)
        )
        return {(row[0], row[1]): row[2] for row in rows}

    def count_persons_by_sources(self) -> dict[frozenset[str], int]:
        """Count persons by the set of sources whose active records they hold.

        The database groups the persons, so that no list of all records is in memory.
        """
        code = _source.c.code
        separator = literal(_CODE_SEPARATOR)
        codes = (
            func.string_agg(distinct(code), separator)
            if self._connection.dialect.name == "postgresql"
            # SQLite takes no separator with DISTINCT; a code has no comma.
            else func.group_concat(distinct(code))
        )
        sets = (
            select(codes.label("codes"))
            .select_from(_member)
            .join(_record, _record.c.id == _member.c.record_id)
            .join(_source, _source.c.id == _record.c.source_id)
            .where(_member.c.scope == SCOPE, _member.c.to_commit.is_(None), _record.c.state == "active")
            .group_by(_member.c.person_id)
            .subquery()
        )
        rows = self._connection.execute(select(sets.c.codes, func.count()).group_by(sets.c.codes))
        counts: dict[frozenset[str], int] = {}
        for row in rows:
            sources = frozenset(row[0].split(_CODE_SEPARATOR))
            # The database lists the codes of a set in any order.
            counts[sources] = counts.get(sources, 0) + row[1]
        return counts

    def count_in_care(
        self, population: str, care_kind: str, school_kinds: Sequence[str], today: str
    ) -> tuple[int, int]:
        """Count persons in foster care, and those with a school record.

        Args:
            population: flag of being in care. Its index finds the versions whose periods are read.
            care_kind: kind of the periods in care that count. Only those of active versions do.
            school_kinds: kinds of school sources.
            today: day, ``YYYY-MM-DD``.
        """
        persons = (
            select(_member.c.person_id)
            .distinct()
            .select_from(_flag)
            .join(_period, _period.c.version_id == _flag.c.version_id)
            .join(_version, _version.c.id == _flag.c.version_id)
            .join(_record, and_(_record.c.id == _version.c.record_id, _record.c.version_id == _version.c.id))
            .join(_member, and_(_member.c.scope == SCOPE, _member.c.record_id == _record.c.id))
            .where(
                _flag.c.population == population,
                _flag.c.value == "Y",
                _period.c.kind == care_kind,
                _period.c.begin <= today,
                _period.c.end > today,
                _record.c.state == "active",
                _member.c.to_commit.is_(None),
            )
            .subquery()
        )
        school_membership, school_record, school_source = _member.alias(), _record.alias(), _source.alias()
        has_school_record = exists(
            select(1)
            .select_from(school_membership)
            .join(school_record, school_record.c.id == school_membership.c.record_id)
            .join(school_source, school_source.c.id == school_record.c.source_id)
            .where(
                school_membership.c.person_id == persons.c.person_id,
                school_membership.c.to_commit.is_(None),
                school_record.c.state == "active",
                school_source.c.kind.in_(school_kinds),
            )
        )
        counted = select(func.count(), func.coalesce(func.sum(case((has_school_record, 1), else_=0)), 0))
        row = self._connection.execute(counted.select_from(persons)).one()
        return int(row[0]), int(row[1])
