"""Repository of stewards' work on questions: state and action history."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.tables import AnyRow, TaskActionRow, TaskRow, TaskWorkRow, table_of

_work = table_of(TaskWorkRow)
_action = table_of(TaskActionRow)
_task = table_of(TaskRow)

OPEN, ASLEEP, WAITING, CLOSED = "open", "asleep", "waiting", "closed"
"""States of a question.

Open; asleep until a day; waiting for somebody's answer; closed.
"""
ANSWERED, TASKS_GONE = "answered", "went"
"""Reasons for closing: a person answered, or the question's tasks are gone."""


@dataclass(frozen=True, slots=True)
class QuestionWork:
    """The state of stewards' work on one review question.

    Args:
        question: key of the question.
        state: ``open``, ``asleep`` until a day, ``waiting`` for an owner's answer, or ``closed``.
        opened_at: when it was first asked (ISO, UTC).
        claimed_by: who has claimed the question.
        lease_until: moment (ISO, UTC) at which the claim ends by itself.
        assigned_to: whom it is assigned to.
        escalated_by: who passed it on and waits for the answer.
        asleep_until: day from which it is asked again.
        due_on: due date that a person set.
        closed_at: when it was closed (ISO, UTC).
        closed_because: ``answered`` by a person, or ``went`` if its tasks are gone.
        about: the question's content when somebody last worked on it; a change of it wakes the question.
    """

    question: str
    state: str
    opened_at: str
    claimed_by: str | None = None
    lease_until: str | None = None
    assigned_to: str | None = None
    asleep_until: str | None = None
    due_on: str | None = None
    closed_at: str | None = None
    closed_because: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)
    escalated_by: str | None = None


@dataclass(frozen=True, slots=True)
class QuestionAction:
    """One action of a person or the system on a review question.

    Args:
        id: number of the action.
        question: key of the question.
        at: when it happened (ISO, UTC).
        actor: who acted.
        action: what was done.
        detail: codes and numbers that describe the action.
        step: number of the undoable step that the action made, if any.
        note: free text.
    """

    id: int
    question: str
    at: str
    actor: str
    action: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    step: int | None = None
    note: str | None = None


_HAS_LOST_ITS_TASKS = (_work.c.state != CLOSED) & ~exists(
    select(1).where(_task.c.question == _work.c.question)
)
_CLOSE_WITHOUT_TASKS = (
    update(_work)
    .where(is_in(_work.c.question, "keys"), _HAS_LOST_ITS_TASKS)
    .values(
        state=CLOSED,
        closed_at=bindparam("at"),
        closed_because=TASKS_GONE,
        claimed_by=None,
        lease_until=None,
        asleep_until=None,
    )
    .returning(_work.c.question)
)
_REOPEN = (
    update(_work)
    .where(is_in(_work.c.question, "keys"), _work.c.state == CLOSED)
    .values(state=OPEN, closed_at=None, closed_because=None)
    .returning(_work.c.question)
)


class TaskWork:
    """Repository of stewards' work on review questions, with all actions."""

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def get(self, questions: Collection[str]) -> dict[str, QuestionWork]:
        """Return the state of work on review questions, by question.

        Questions that nobody worked on are left out.
        """
        work = {}
        for chunk in iter_chunks(questions):
            rows = self._connection.execute(select(_work).where(is_in(_work.c.question, chunk)))
            work.update({row.question: _work_from_row(row) for row in rows})
        return work

    def save(self, work: QuestionWork, actor: str | None = None, now: str = "") -> bool:
        """Store the state of work on a question, optionally only if unclaimed.

        Of two concurrent writers, the row itself decides, on both databases.

        Args:
            work: the state. An existing row keeps its question and time of opening.
            actor: if given, stored only if nobody else holds an unexpired claim.
            now: present moment (ISO, UTC), at which leases end.

        Returns:
            Whether it was stored.
        """
        insertion = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        values = _row_values(work)
        updated_values = {
            name: value for name, value in values.items() if name not in {"question", "opened_at"}
        }
        is_free = (_work.c.claimed_by.is_(None), _work.c.claimed_by == actor, _work.c.lease_until <= now)
        statement = insertion(_work).values(values)
        upsert = statement.on_conflict_do_update(
            index_elements=[_work.c.question],
            set_=updated_values,
            where=None if actor is None else or_(*is_free),
        )
        return self._connection.execute(upsert.returning(_work.c.question)).first() is not None

    def add_action(self, action: QuestionAction) -> None:
        """Add an action to a review question's history."""
        self._connection.execute(
            insert(_action).values(
                id=action.id,
                question=action.question,
                at=action.at,
                actor=action.actor,
                action=action.action,
                detail=orjson.dumps(action.detail).decode(),
                step_id=action.step,
                note=self._keys.encrypt_optional_text(action_note_place(action.id), action.note),
            )
        )

    def actions_on(self, question: str) -> list[QuestionAction]:
        """Return every action on a review question, oldest first."""
        rows = self._connection.execute(
            select(_action).where(_action.c.question == question).order_by(_action.c.id)
        )
        return [self._to_action(row) for row in rows]

    def actions_of_step(self, step: int, since: str) -> list[QuestionAction]:
        """Return the actions that made a step, oldest first.

        Args:
            step: number of the step.
            since: moment (ISO, UTC) at or before the first of them.
        """
        rows = self._connection.execute(
            select(_action).where(_action.c.at >= since, _action.c.step_id == step).order_by(_action.c.id)
        )
        return [self._to_action(row) for row in rows]

    def latest_actions_by(self, actor: str, limit: int) -> list[QuestionAction]:
        """Return a user's actions among the latest actions of all, latest first.

        Args:
            actor: who acted.
            limit: how many of the latest actions of all are read.
        """
        latest = select(func.coalesce(func.max(_action.c.id), 0)).scalar_subquery()
        rows = self._connection.execute(
            select(_action)
            .where(_action.c.id > latest - limit, _action.c.actor == actor)
            .order_by(_action.c.id.desc())
        )
        return [self._to_action(row) for row in rows]

    def close_without_tasks(self, questions: Collection[str], moment: str) -> list[str]:
        """Close those of the review questions that no task supports any more.

        Returns:
            Keys of the questions that were closed.
        """
        closed: list[str] = []
        for chunk in iter_chunks(questions):
            closed += self._connection.execute(_CLOSE_WITHOUT_TASKS, {"keys": chunk, "at": moment}).scalars()
        return sorted(closed)

    def reopen(self, questions: Collection[str]) -> list[str]:
        """Reopen those of the review questions that are closed.

        Returns:
            Keys of the questions that were reopened.
        """
        reopened: list[str] = []
        for chunk in iter_chunks(questions):
            reopened += self._connection.execute(_REOPEN, {"keys": chunk}).scalars()
        return sorted(reopened)

    def questions_held_by(self, names: Collection[str]) -> set[str]:
        """Return unclosed review questions claimed by or assigned to given names."""
        is_held = or_(_work.c.claimed_by.in_(names), _work.c.assigned_to.in_(names))
        rows = self._connection.execute(select(_work.c.question).where(is_held, _work.c.state != CLOSED))
        return set(rows.scalars())

    def release(self, name: str, questions: Collection[str]) -> None:
        """Unassign some of a person's review questions, and end the claims."""
        for chunk in iter_chunks(questions):
            is_chosen = _work.c.question.in_(chunk)
            self._connection.execute(
                update(_work).where(is_chosen, _work.c.assigned_to == name).values(assigned_to=None)
            )
            self._connection.execute(
                update(_work)
                .where(is_chosen, _work.c.claimed_by == name)
                .values(claimed_by=None, lease_until=None)
            )

    def release_all_of(self, name: str) -> None:
        """Unassign all review questions of a person, and end their claims."""
        self._connection.execute(update(_work).where(_work.c.assigned_to == name).values(assigned_to=None))
        self._connection.execute(
            update(_work).where(_work.c.claimed_by == name).values(claimed_by=None, lease_until=None)
        )

    def claimed_questions(self, now: str) -> set[str]:
        """Return review questions that somebody has claimed at this moment."""
        is_claimed = and_(_work.c.claimed_by.is_not(None), _work.c.lease_until > now)
        return set(self._connection.execute(select(_work.c.question).where(is_claimed)).scalars())

    def questions_in_state(self, *states: str) -> set[str]:
        """Return the review questions in any of the given states."""
        rows = self._connection.execute(select(_work.c.question).where(_work.c.state.in_(states)))
        return set(rows.scalars())

    def due_dates(self) -> dict[str, str]:
        """Return due dates that people set, by unclosed review question."""
        rows = self._connection.execute(
            select(_work.c.question, _work.c.due_on).where(
                _work.c.due_on.is_not(None), _work.c.state != CLOSED
            )
        )
        return {row.question: row.due_on for row in rows}

    def closed_work(
        self, since: str, limit: int, before: tuple[str, str] | None = None
    ) -> list[QuestionWork]:
        """Return work on review questions closed since a moment, latest first.

        Args:
            since: moment (ISO, UTC).
            limit: maximum number of questions.
            before: time of closing and key of the last question already read.
        """
        statement = select(_work).where(_work.c.state == CLOSED, _work.c.closed_at >= since)
        if before is not None:
            at, key = before
            earlier = (_work.c.closed_at < at) | ((_work.c.closed_at == at) & (_work.c.question < key))
            statement = statement.where(earlier)
        rows = self._connection.execute(
            statement.order_by(_work.c.closed_at.desc(), _work.c.question.desc()).limit(limit)
        )
        return [_work_from_row(row) for row in rows]

    def questions_acted_on(self, actor: str, questions: Collection[str]) -> set[str]:
        """Return the questions that a user ever claimed, answered or deferred."""
        acted_on: set[str] = set()
        for chunk in iter_chunks(questions):
            rows = self._connection.execute(
                select(_action.c.question).where(_action.c.actor == actor, is_in(_action.c.question, chunk))
            )
            acted_on.update(rows.scalars())
        return acted_on

    def _to_action(self, row: AnyRow) -> QuestionAction:
        return _action_from_row(row, self._keys.decrypt_optional_text(action_note_place(row.id), row.note))

    def erase_notes(self, record_id: int) -> None:
        """Destroy the notes of all actions on review questions about a record."""
        rows = self._connection.execute(select(_action).where(_action.c.note.is_not(None)))
        action_ids = [row.id for row in rows if record_id in orjson.loads(row.detail).get("records", ())]
        for chunk in iter_chunks(action_ids):
            self._connection.execute(update(_action).where(is_in(_action.c.id, chunk)).values(note=None))


def _row_values(work: QuestionWork) -> dict[str, Any]:
    return {**asdict(work), "about": orjson.dumps(work.about).decode()}


def _work_from_row(row: AnyRow) -> QuestionWork:
    return QuestionWork(**{**row._mapping, "about": orjson.loads(row.about)})  # noqa: SLF001 - SQLAlchemy's own name for it


def action_note_place(number: int) -> str:
    """Return the place of an action's note, which binds its encryption."""
    return f"task_action.note|{number}"


def _action_from_row(row: AnyRow, note: str | None) -> QuestionAction:
    return QuestionAction(
        id=row.id,
        question=row.question,
        at=row.at,
        actor=row.actor,
        action=row.action,
        detail=orjson.loads(row.detail),
        step=row.step_id,
        note=note,
    )
