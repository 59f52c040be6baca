"""Repository of what people did: actions on questions, steps, approvals and consents."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal, or_, select

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.repositories.review.task_work import action_note_place
from mpi.storage.repositories.steps.consents import ConsentStatus
from mpi.storage.tables import (
    AnyRow,
    ApprovalRow,
    AwaitedRow,
    CommitRow,
    ConsentRow,
    DecisionRow,
    StepRow,
    TaskActionRow,
    table_of,
)

_action = table_of(TaskActionRow)
_step = table_of(StepRow)
_commit = table_of(CommitRow)
_decision = table_of(DecisionRow)
_approval = table_of(ApprovalRow)
_consent = table_of(ConsentRow)
_awaited = table_of(AwaitedRow)

MAX_STEPS_READ = 20_000
"""Latest steps among which those of some people are sought; no index names the maker of a step."""


class Stream(IntEnum):
    """Tables from which lines of the log come."""

    ACTION = 0
    STEP = 1
    APPROVAL = 2
    CONSENT = 3


@dataclass(frozen=True, slots=True, order=True)
class LogPosition:
    """Place of a line in the log: a later line is greater.

    Args:
        at: when (ISO, UTC).
        stream: number of the stream.
        id: number of the line in its stream.
    """

    at: str
    stream: int
    id: int


@dataclass(frozen=True, slots=True)
class LogLine:
    """One thing that a person did.

    Args:
        position: time, stream and number.
        actor: who did it.
        act: name of the action, kind of the step, ``approved``, ``given`` or ``refused``.
        question: key of the question that an action was on.
        step: number of the step that was made, approved or consented to.
        detail: codes and numbers of an action.
        note: free text of an action.
    """

    position: LogPosition
    actor: str
    act: str
    question: str | None = None
    step: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None


class ActivityLog:
    """Repository that reads what people did, newest first."""

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def lines_by(self, actors: Collection[str], before: LogPosition | None, limit: int) -> list[LogLine]:
        """Return the log lines of some people, newest first.

        Only lines before the given position are returned.
        """
        streams = (
            self._actions(_action.c.actor.in_(actors), before, limit),
            self._steps(actors, before, limit),
            self._approvals(_commit.c.client.in_(actors), before, limit),
            self._consents(_commit.c.client.in_(actors), before, limit),
        )
        lines = sorted((line for stream in streams for line in stream), key=_get_position, reverse=True)
        return lines[:limit]

    def lines_about(self, step_ids: Collection[int], questions: Collection[str]) -> list[LogLine]:
        """Return what was done with steps and questions, newest first.

        Args:
            step_ids: numbers of steps.
            questions: keys of questions; those that the steps answered are added.
        """
        keys = {*questions, *self.questions_of_steps(step_ids).values()}
        lines: list[LogLine] = []
        for chunk in iter_chunks(sorted(keys)):
            lines += self._actions(is_in(_action.c.question, chunk), None, None)
        known_steps = {line.step for line in lines}
        for numbers in iter_chunks(sorted(step_ids)):
            lines += self._approvals(is_in(_decision.c.step_id, numbers), None, None)
            lines += self._consents(is_in(_consent.c.step_id, numbers), None, None)
            rows = self._connection.execute(_SELECT_STEPS.where(is_in(_step.c.id, numbers)))
            lines += [_step_line(row) for row in rows if row.id not in known_steps]
        return sorted(lines, key=_get_position, reverse=True)

    def questions_of_steps(self, step_ids: Collection[int]) -> dict[int, str]:
        """Return the question that each step answered, by step."""
        questions: dict[int, str] = {}
        for chunk in iter_chunks(step_ids):
            rows = self._connection.execute(
                select(_action.c.step_id, _action.c.question).where(is_in(_action.c.step_id, chunk))
            )
            questions.update({row.step_id: row.question for row in rows})
        return questions

    def decisions_of_steps(self, step_ids: Collection[int]) -> dict[int, set[int]]:
        """Return the decisions that each step makes, or revokes as an undo."""
        decisions: dict[int, set[int]] = {}
        for chunk in iter_chunks(step_ids):
            rows = self._connection.execute(
                select(_decision.c.step_id, _decision.c.id).where(is_in(_decision.c.step_id, chunk))
            )
            for row in rows:
                decisions.setdefault(row.step_id, set()).add(row.id)
            undos = select(_step.c.id, _step.c.detail).where(is_in(_step.c.id, chunk), _step.c.kind == "undo")
            for row in self._connection.execute(undos):
                decisions.setdefault(row.id, set()).update(orjson.loads(row.detail).get("decisions", ()))
        return decisions

    def steps_for_approver(self, reader: str, limit: int, offset: int = 0) -> list[int]:
        """Return steps of others that wait for a second approver, oldest first."""
        statement = _awaited_steps(reader).where(_awaited.c.second).limit(limit).offset(offset)
        return list(self._connection.execute(statement).scalars())

    def steps_for_owner(self, reader: str, source_ids: Collection[int], limit: int) -> list[int]:
        """Return others' steps that await the consent of some sources' owner."""
        is_asked = exists(
            select(1).where(
                _consent.c.step_id == _awaited.c.step_id,
                _consent.c.source_id.in_(sorted(source_ids)),
                _consent.c.status == ConsentStatus.ASKED.value,
            )
        )
        statement = _awaited_steps(reader).where(is_asked).limit(limit)
        return list(self._connection.execute(statement).scalars())

    def _actions(
        self, condition: ColumnElement[bool], before: LogPosition | None, limit: int | None
    ) -> list[LogLine]:
        """Return actions on questions."""
        statement = select(_action).where(condition)
        placed = _place(statement, _action.c.at, _action.c.id, Stream.ACTION, before)
        return [
            LogLine(
                position=LogPosition(row.at, Stream.ACTION, row.id),
                actor=row.actor,
                act=row.action,
                question=row.question,
                step=row.step_id,
                detail=orjson.loads(row.detail),
                note=self._keys.decrypt_optional_text(action_note_place(row.id), row.note),
            )
            for row in self._connection.execute(placed.limit(limit))
        ]

    def _steps(self, actors: Collection[str], before: LogPosition | None, limit: int) -> list[LogLine]:
        """Return steps that answered no question."""
        answers_question = exists(select(1).where(_action.c.step_id == _step.c.id))
        first = select(func.coalesce(func.max(_step.c.id), 0) - MAX_STEPS_READ).scalar_subquery()
        statement = _SELECT_STEPS.where(_commit.c.client.in_(actors), _step.c.id > first, ~answers_question)
        rows = self._connection.execute(
            _place(statement, _commit.c.at, _step.c.id, Stream.STEP, before).limit(limit)
        )
        return [_step_line(row) for row in rows]

    def _approvals(
        self, condition: ColumnElement[bool], before: LogPosition | None, limit: int | None
    ) -> list[LogLine]:
        """Return second approvals, one for each step and commit."""
        number = func.max(_approval.c.id)
        statement = (
            select(number.label("id"), _decision.c.step_id, _commit.c.at, _commit.c.client)
            .join(_decision, _decision.c.id == _approval.c.decision_id)
            .join(_commit, _commit.c.no == _approval.c.commit_no)
            .where(condition)
            .group_by(_decision.c.step_id, _approval.c.commit_no, _commit.c.at, _commit.c.client)
        )
        ordered = statement.order_by(_commit.c.at.desc(), number.desc())
        if before is not None:
            ordered = ordered.having(_is_before(_commit.c.at, number, Stream.APPROVAL, before))
        return [
            LogLine(LogPosition(row.at, Stream.APPROVAL, row.id), row.client, "approved", step=row.step_id)
            for row in self._connection.execute(ordered.limit(limit))
        ]

    def _consents(
        self, condition: ColumnElement[bool], before: LogPosition | None, limit: int | None
    ) -> list[LogLine]:
        """Return owners' consents and refusals, one for each step and commit."""
        statement = (
            select(_consent.c.step_id, _consent.c.status, _commit.c.at, _commit.c.client)
            .join(_commit, _commit.c.no == _consent.c.commit_no)
            .where(condition)
            .distinct()
        )
        placed = _place(statement, _commit.c.at, _consent.c.step_id, Stream.CONSENT, before)
        return [
            LogLine(
                LogPosition(row.at, Stream.CONSENT, row.step_id), row.client, row.status, step=row.step_id
            )
            for row in self._connection.execute(placed.limit(limit))
        ]


_SELECT_STEPS = select(_step.c.id, _step.c.kind, _commit.c.at, _commit.c.client).join(
    _commit, _commit.c.no == _step.c.commit_no
)


def _awaited_steps(reader: str) -> Select[Any]:
    """Select the steps of others that wait, oldest first."""
    return (
        select(_awaited.c.step_id)
        .join(_step, _step.c.id == _awaited.c.step_id)
        .join(_commit, _commit.c.no == _step.c.commit_no)
        .where(_commit.c.client != reader)
        .distinct()
        .order_by(_awaited.c.step_id)
    )


def _place(
    statement: Select[Any],
    at: ColumnElement[str],
    number: ColumnElement[int],
    stream: Stream,
    before: LogPosition | None,
) -> Select[Any]:
    """Order a stream newest first, from a place of the log on."""
    ordered = statement.order_by(at.desc(), number.desc())
    return ordered if before is None else ordered.where(_is_before(at, number, stream, before))


def _is_before(
    at: ColumnElement[str], number: ColumnElement[int], stream: Stream, before: LogPosition
) -> ColumnElement[bool]:
    """Return the condition that a stream's line is before a position."""
    same_moment: ColumnElement[bool] = at == before.at
    if stream == before.stream:
        same_moment = and_(same_moment, number < before.id)
    elif stream > before.stream:
        same_moment = and_(same_moment, literal(value=False))
    return or_(at < before.at, same_moment)


def _step_line(row: AnyRow) -> LogLine:
    position = LogPosition(row.at, Stream.STEP, row.id)
    return LogLine(position, row.client, row.kind, step=row.id)


def _get_position(line: LogLine) -> LogPosition:
    return line.position
