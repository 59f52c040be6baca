"""Steps: what people did, so that it can be undone."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, or_, select, update

from mpi.storage.driver.chunks import MAX_BIGINT, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import ApprovalRow, DecisionMemberRow, NoteRow, StepRow

_step = StepRow.__table__  # type: ignore[attr-defined]
_approval = ApprovalRow.__table__  # type: ignore[attr-defined]
_member = DecisionMemberRow.__table__  # type: ignore[attr-defined]
_note = NoteRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that a person did.

    Args:
        id: its number.
        kind: ``decision``, ``merge``, ``split``, ``move``, ``undo``, …
        commit_no: when.
        undone_commit: when it was taken back.
        reason: its maker's code.
        detail: numbers of what it was about.
    """

    id: int
    kind: str
    commit_no: int
    undone_commit: int | None
    reason: str
    detail: dict[str, Any]


class Steps:
    """What people did."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, step: Step) -> None:
        """Add a step."""
        self._connection.execute(
            insert(_step).values(
                id=step.id,
                kind=step.kind,
                commit_no=step.commit_no,
                undone_commit=step.undone_commit,
                reason=step.reason,
                detail=orjson.dumps(step.detail).decode(),
            )
        )

    def get(self, number: int) -> Step | None:
        """A step by its number."""
        if abs(number) > MAX_BIGINT:
            return None
        row = self._connection.execute(select(_step).where(_step.c.id == number)).first()
        return None if row is None else _step_from_row(row)

    def steps_in_commits(self, commits: Collection[int]) -> list[Step]:
        """Steps that were done or undone in any of the commits."""
        found: dict[int, Step] = {}
        for chunk in iter_chunks(commits):
            rows = self._connection.execute(
                select(_step).where(or_(is_in(_step.c.commit_no, chunk), is_in(_step.c.undone_commit, chunk)))
            )
            found.update({row.id: _step_from_row(row) for row in rows})
        return [found[number] for number in sorted(found)]

    def latest(self, limit: int) -> list[Step]:
        """Steps, newest first."""
        rows = self._connection.execute(select(_step).order_by(_step.c.id.desc()).limit(limit))
        return [_step_from_row(row) for row in rows]

    def set_detail(self, number: int, detail: dict[str, Any]) -> None:
        """Note what became of a step that waited."""
        self._connection.execute(
            update(_step).where(_step.c.id == number).values(detail=orjson.dumps(detail).decode())
        )

    def add_approval(self, number: int, decision_id: int, kind: str, commit_no: int) -> None:
        """Note that somebody gave the second word on a decision, or on its undo; who, the commit says."""
        self._connection.execute(
            insert(_approval).values(
                id=number, decision_id=decision_id, kind=kind, status="approved", commit_no=commit_no
            )
        )

    def mark_undone(self, number: int, commit_no: int) -> None:
        """Note that a step was taken back."""
        self._connection.execute(update(_step).where(_step.c.id == number).values(undone_commit=commit_no))

    def add_note(self, number: int, decision_id: int, commit_no: int, body: str) -> None:
        """Add free text to a decision; it can be expunged alone."""
        self._connection.execute(
            insert(_note).values(id=number, decision_id=decision_id, commit_no=commit_no, body=body)
        )

    def steps_in_force_after(self, kind: str, after: int) -> list[Step]:
        """Steps of a kind that were done after another one and are not undone."""
        wanted = (_step.c.kind == kind, _step.c.id > after, _step.c.undone_commit.is_(None))
        rows = self._connection.execute(select(_step).where(*wanted).order_by(_step.c.id))
        return [_step_from_row(row) for row in rows]

    def erase_notes(self, record_id: int) -> None:
        """Destroy the free text of every decision about a record; the decisions stay, which hold numbers."""
        about = select(_member.c.decision_id).where(_member.c.record_id == record_id)
        self._connection.execute(delete(_note).where(_note.c.decision_id.in_(about)))

    def notes(self, decision_ids: Collection[int]) -> dict[int, list[str]]:
        """Free text about decisions."""
        found: dict[int, list[str]] = {}
        for chunk in iter_chunks(decision_ids):
            rows = self._connection.execute(
                select(_note).where(is_in(_note.c.decision_id, chunk)).order_by(_note.c.id)
            )
            for row in rows:
                found.setdefault(row.decision_id, []).append(row.body)
        return found


def _step_from_row(row: Any) -> Step:  # noqa: ANN401 - a row of the step table
    return Step(row.id, row.kind, row.commit_no, row.undone_commit, row.reason, orjson.loads(row.detail))
