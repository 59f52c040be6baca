"""Repository of steps: what people did and can undo."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, or_, select, update

from mpi.storage.driver.chunks import MAX_BIGINT, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.tables import AnyRow, ApprovalRow, DecisionMemberRow, NoteRow, StepRow, table_of

_step = table_of(StepRow)
_approval = table_of(ApprovalRow)
_member = table_of(DecisionMemberRow)
_note = table_of(NoteRow)


@dataclass(frozen=True, slots=True)
class Step:
    """An undoable act of a person, such as a decision or merge.

    Args:
        id: number of the step.
        kind: ``decision``, ``merge``, ``split``, ``move``, ``undo``, …
        commit_no: commit number of the act.
        undone_commit: commit number of its undo.
        reason: reason code of its maker.
        detail: numbers of the records and persons that the act concerns.
    """

    id: int
    kind: str
    commit_no: int
    undone_commit: int | None
    reason: str
    detail: dict[str, Any]


class Steps:
    """Repository of undoable acts (steps), with their notes and approvals."""

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def add(self, step: Step) -> None:
        """Add a step: an undoable act of a person."""
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
        """Return an undoable act (step) by number, or None."""
        if abs(number) > MAX_BIGINT:
            return None
        row = self._connection.execute(select(_step).where(_step.c.id == number)).first()
        return None if row is None else _step_from_row(row)

    def by_ids(self, numbers: Collection[int]) -> dict[int, Step]:
        """Return undoable acts (steps) by number."""
        steps: dict[int, Step] = {}
        for chunk in iter_chunks(numbers):
            rows = self._connection.execute(select(_step).where(is_in(_step.c.id, chunk)))
            steps.update({row.id: _step_from_row(row) for row in rows})
        return steps

    def steps_in_commits(self, commits: Collection[int]) -> list[Step]:
        """Return undoable acts (steps) done or undone in given commits."""
        steps: dict[int, Step] = {}
        for chunk in iter_chunks(commits):
            rows = self._connection.execute(
                select(_step).where(or_(is_in(_step.c.commit_no, chunk), is_in(_step.c.undone_commit, chunk)))
            )
            steps.update({row.id: _step_from_row(row) for row in rows})
        return [steps[number] for number in sorted(steps)]

    def latest(self, limit: int) -> list[Step]:
        """Return up to ``limit`` undoable acts (steps), newest first."""
        rows = self._connection.execute(select(_step).order_by(_step.c.id.desc()).limit(limit))
        return [_step_from_row(row) for row in rows]

    def latest_of_kinds(self, kinds: Collection[str], limit: int) -> list[Step]:
        """Return the latest steps of some kinds, newest first."""
        rows = self._connection.execute(
            select(_step).where(_step.c.kind.in_(kinds)).order_by(_step.c.id.desc()).limit(limit)
        )
        return [_step_from_row(row) for row in rows]

    def set_detail(self, number: int, detail: dict[str, Any]) -> None:
        """Replace the stored details of a step (an undoable act)."""
        self._connection.execute(
            update(_step).where(_step.c.id == number).values(detail=orjson.dumps(detail).decode())
        )

    def add_approval(self, number: int, decision_id: int, kind: str, commit_no: int) -> None:
        """Record a second approval of a decision or of its undo.

        The commit tells who approved.
        """
        self._connection.execute(
            insert(_approval).values(
                id=number, decision_id=decision_id, kind=kind, status="approved", commit_no=commit_no
            )
        )

    def approvals_of(self, decision_ids: Collection[int]) -> dict[int, list[tuple[str, int]]]:
        """Return kind of step and commit of second approvals, by decision.

        The kind is that of the step that was approved: the one that made the decision, or its undo.
        """
        approvals: dict[int, list[tuple[str, int]]] = {}
        for chunk in iter_chunks(decision_ids):
            rows = self._connection.execute(select(_approval).where(is_in(_approval.c.decision_id, chunk)))
            for row in rows:
                approvals.setdefault(row.decision_id, []).append((row.kind, row.commit_no))
        return approvals

    def mark_undone(self, number: int, commit_no: int) -> None:
        """Record that a step, an act of a person, was undone."""
        self._connection.execute(update(_step).where(_step.c.id == number).values(undone_commit=commit_no))

    def add_note(self, number: int, decision_id: int, commit_no: int, body: str) -> None:
        """Add a free-text note to a decision; it can be expunged alone."""
        stored = self._keys.encrypt_text(decision_note_place(number), body)
        self._connection.execute(
            insert(_note).values(id=number, decision_id=decision_id, commit_no=commit_no, body=stored)
        )

    def steps_in_force_after(self, kind: str, step_id: int) -> list[Step]:
        """Return later steps (undoable acts) of a kind that are not undone."""
        conditions = (_step.c.kind == kind, _step.c.id > step_id, _step.c.undone_commit.is_(None))
        rows = self._connection.execute(select(_step).where(*conditions).order_by(_step.c.id))
        return [_step_from_row(row) for row in rows]

    def steps_in_force_since(self, kind: str, commit_no: int) -> list[Step]:
        """Return steps of a kind that stand, from a commit on."""
        conditions = (_step.c.kind == kind, _step.c.commit_no >= commit_no, _step.c.undone_commit.is_(None))
        rows = self._connection.execute(select(_step).where(*conditions).order_by(_step.c.id))
        return [_step_from_row(row) for row in rows]

    def erase_notes(self, record_id: int) -> None:
        """Destroy the notes of every decision about a record.

        The decisions stay; they hold numbers only.
        """
        about = select(_member.c.decision_id).where(_member.c.record_id == record_id)
        self._connection.execute(delete(_note).where(_note.c.decision_id.in_(about)))

    def notes(self, decision_ids: Collection[int]) -> dict[int, list[str]]:
        """Return the free-text notes of decisions, by decision."""
        notes: dict[int, list[str]] = {}
        for chunk in iter_chunks(decision_ids):
            rows = self._connection.execute(
                select(_note).where(is_in(_note.c.decision_id, chunk)).order_by(_note.c.id)
            )
            for row in rows:
                notes.setdefault(row.decision_id, []).append(
                    self._keys.decrypt_text(decision_note_place(row.id), row.body)
                )
        return notes


def decision_note_place(number: int) -> str:
    """Return the place of a decision's note, which binds its encryption."""
    return f"note.body|{number}"


def _step_from_row(row: AnyRow) -> Step:
    return Step(
        id=row.id,
        kind=row.kind,
        commit_no=row.commit_no,
        undone_commit=row.undone_commit,
        reason=row.reason,
        detail=orjson.loads(row.detail),
    )
