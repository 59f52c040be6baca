"""What people do with questions: where each stands, and every act, never rewritten."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, and_, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import TaskActionRow, TaskRow, TaskWorkRow

_work = TaskWorkRow.__table__  # type: ignore[attr-defined]
_action = TaskActionRow.__table__  # type: ignore[attr-defined]
_task = TaskRow.__table__  # type: ignore[attr-defined]

OPEN, ASLEEP, WAITING, CLOSED = "open", "asleep", "waiting", "closed"
"""Where a question stands: to be answered; not before a day; not before somebody else's answer; done with."""
ANSWERED, TASKS_GONE = "answered", "went"
"""Why a question is closed: a person answered it, or its reason went."""


@dataclass(frozen=True, slots=True)
class QuestionWork:
    """Where one question stands.

    Args:
        question: its key.
        state: ``open``, ``asleep``, ``waiting`` or ``closed``.
        opened_at: when it was first asked (ISO, UTC).
        claimed_by: who has it, until ``lease_until``.
        lease_until: the moment (ISO, UTC) at which the claim ends by itself.
        assigned_to: whose it is to do.
        asleep_until: the day from which it is asked again.
        due_on: the day by which somebody said that it is to be done.
        closed_at: when it was closed.
        closed_because: ``answered`` or ``went``.
        about: the question as whoever worked on it last saw it.
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


@dataclass(frozen=True, slots=True)
class QuestionAction:
    """One thing that somebody did with a question, or that became of it by itself.

    Args:
        id: its number.
        question: the question's key.
        at: when (ISO, UTC).
        actor: who.
        action: what.
        detail: codes and numbers.
        step: the step that it made.
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


_STANDING = (_work.c.state != CLOSED) & ~exists(select(1).where(_task.c.question == _work.c.question))
_CLOSE_WITHOUT_TASKS = (
    update(_work)
    .where(is_in(_work.c.question, "keys"), _STANDING)
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
    """What people do with questions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, questions: Collection[str]) -> dict[str, QuestionWork]:
        """Where questions stand; those that nobody ever worked on are left out."""
        found = {}
        for chunk in iter_chunks(questions):
            rows = self._connection.execute(select(_work).where(is_in(_work.c.question, chunk)))
            found.update({row.question: _work_from_row(row) for row in rows})
        return found

    def save(self, work: QuestionWork, actor: str | None = None, now: str = "") -> bool:
        """Put where a question stands, unless another's claim still holds.

        Two at once are told apart by the row itself, on both stores.

        Args:
            work: where it stands.
            actor: who acts; None to put it whoever has claimed it.
            now: the moment (ISO, UTC).

        Returns:
            Whether it was put.
        """
        insertion = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        values = _row_values(work)
        kept = {name: value for name, value in values.items() if name not in {"question", "opened_at"}}
        free = (_work.c.claimed_by.is_(None), _work.c.claimed_by == actor, _work.c.lease_until <= now)
        statement = insertion(_work).values(values)
        written = statement.on_conflict_do_update(
            index_elements=[_work.c.question], set_=kept, where=None if actor is None else or_(*free)
        )
        return self._connection.execute(written.returning(_work.c.question)).first() is not None

    def add_action(self, act: QuestionAction) -> None:
        """Note what somebody did."""
        self._connection.execute(
            insert(_action).values(
                id=act.id,
                question=act.question,
                at=act.at,
                actor=act.actor,
                action=act.action,
                detail=orjson.dumps(act.detail).decode(),
                step_id=act.step,
                note=act.note,
            )
        )

    def actions_on(self, question: str) -> list[QuestionAction]:
        """Everything that was done with a question, oldest first."""
        rows = self._connection.execute(
            select(_action).where(_action.c.question == question).order_by(_action.c.id)
        )
        return [_action_from_row(row) for row in rows]

    def close_without_tasks(self, questions: Collection[str], at: str) -> list[str]:
        """Close those of the questions that have no task any more; returns which."""
        found: list[str] = []
        for chunk in iter_chunks(questions):
            found += self._connection.execute(_CLOSE_WITHOUT_TASKS, {"keys": chunk, "at": at}).scalars()
        return sorted(found)

    def reopen(self, questions: Collection[str]) -> list[str]:
        """Open those of the questions that were closed; returns which."""
        found: list[str] = []
        for chunk in iter_chunks(questions):
            found += self._connection.execute(_REOPEN, {"keys": chunk}).scalars()
        return sorted(found)

    def questions_held_by(self, names: Collection[str]) -> set[str]:
        """Questions that somebody of these names has claimed or is to do, and that are not closed."""
        mine = or_(_work.c.claimed_by.in_(names), _work.c.assigned_to.in_(names))
        rows = self._connection.execute(select(_work.c.question).where(mine, _work.c.state != CLOSED))
        return set(rows.scalars())

    def claimed_questions(self, now: str) -> set[str]:
        """Questions that somebody has claimed and whose claim still holds."""
        held = and_(_work.c.claimed_by.is_not(None), _work.c.lease_until > now)
        return set(self._connection.execute(select(_work.c.question).where(held)).scalars())

    def questions_in_state(self, *states: str) -> set[str]:
        """Questions that were put in one of the states."""
        rows = self._connection.execute(select(_work.c.question).where(_work.c.state.in_(states)))
        return set(rows.scalars())

    def due_dates(self) -> dict[str, str]:
        """By question: the day by which somebody said that it is to be done."""
        rows = self._connection.execute(
            select(_work.c.question, _work.c.due_on).where(
                _work.c.due_on.is_not(None), _work.c.state != CLOSED
            )
        )
        return {row.question: row.due_on for row in rows}

    def closed_work(self, since: str, limit: int, before: tuple[str, str] | None = None) -> list[QuestionWork]:
        """What was closed from a moment on, latest first; ``before``: closing and key to go on below."""
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
        """Those of the questions that somebody ever did something with."""
        found: set[str] = set()
        for chunk in iter_chunks(questions):
            rows = self._connection.execute(
                select(_action.c.question).where(_action.c.actor == actor, is_in(_action.c.question, chunk))
            )
            found.update(rows.scalars())
        return found

    def erase_notes(self, record_id: int) -> None:
        """Destroy the free text of everything that was done with a question about a record."""
        rows = self._connection.execute(select(_action).where(_action.c.note.is_not(None)))
        found = [row.id for row in rows if record_id in orjson.loads(row.detail).get("records", ())]
        for chunk in iter_chunks(found):
            self._connection.execute(update(_action).where(is_in(_action.c.id, chunk)).values(note=None))

    def count_in_state(self, state: str) -> int:
        """How many questions were put in a state."""
        counted = select(func.count()).select_from(_work).where(_work.c.state == state)
        return int(self._connection.execute(counted).scalar_one())


def _row_values(work: QuestionWork) -> dict[str, Any]:
    return {**asdict(work), "about": orjson.dumps(work.about).decode()}


def _work_from_row(row: Any) -> QuestionWork:  # noqa: ANN401 - a row of the work table
    return QuestionWork(**{**row._mapping, "about": orjson.loads(row.about)})  # noqa: SLF001 - SQLAlchemy's own name for it


def _action_from_row(row: Any) -> QuestionAction:  # noqa: ANN401 - a row of the action table
    return QuestionAction(
        row.id, row.question, row.at, row.actor, row.action, orjson.loads(row.detail), row.step_id, row.note
    )
