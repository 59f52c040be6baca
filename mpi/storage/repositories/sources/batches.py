"""Receipts of loads, and the rows they refused."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from mpi.storage.tables import BatchRow, RejectRow, SourceRow, TakenBackRow

_batch = BatchRow.__table__  # type: ignore[attr-defined]
_reject = RejectRow.__table__  # type: ignore[attr-defined]
_source = SourceRow.__table__  # type: ignore[attr-defined]
_taken_back = TakenBackRow.__table__  # type: ignore[attr-defined]

LOADING = "loading"
"""Status of a load that is not done, and may be under way: the same file sent again, and read in the same
way, goes on with it."""
UNDOING = "undoing"
"""Status of a load that is being taken back, or of which that was interrupted: a further undo goes on."""
UNDONE = "undone"
"""Status of a load that was taken back."""

# Composed once: a load asks for its own with each of its chunks.
_BATCHES = select(_batch, _source.c.code).join(_source, _source.c.id == _batch.c.source_id)
_ALL_BATCHES = _BATCHES.order_by(_batch.c.id)
_BATCH = _BATCHES.where(_batch.c.id == bindparam("number"))
_UNFINISHED_LOAD = select(_batch.c.id).where(_batch.c.status == LOADING).limit(1)
_UPDATE_PROGRESS = (
    update(_batch)
    .where(_batch.c.id == bindparam("number"))
    .values(status=bindparam("now"), counts=bindparam("so_far"))
)


@dataclass(frozen=True, slots=True)
class Batch:
    """One load's receipt.

    ``undone_commit`` is the first commit that took some of it back. While that goes on, ``undoing_commit`` is
    the last so far, and ``undoing_worker`` the process that does it, if it has not left it.
    """

    id: int
    source: str
    commit_no: int
    snapshot: str
    status: str
    counts: dict[str, int]
    held_reason: str | None
    as_of: str | None = None
    undone_commit: int | None = None
    undoing_commit: int | None = None
    undoing_worker: str | None = None


class Batches:
    """What was loaded, and what of it was refused."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, values: dict[str, Any], counts: dict[str, int]) -> None:
        """Add a receipt."""
        self._connection.execute(insert(_batch).values(**values, counts=orjson.dumps(counts).decode()))

    def update_progress(self, number: int, status: str, counts: dict[str, int]) -> None:
        """Note how far a load has come."""
        given = {"number": number, "now": status, "so_far": orjson.dumps(counts).decode()}
        self._connection.execute(_UPDATE_PROGRESS, given)

    def find_unfinished(self, source_id: int, digest: str, snapshot: str) -> Batch | None:
        """The latest load of a file that is not done, by the digest of its content and of how it is read."""
        found = self._connection.execute(
            select(func.max(_batch.c.id)).where(
                _batch.c.source_id == source_id,
                _batch.c.file_digest == digest,
                _batch.c.snapshot == snapshot,
                _batch.c.status == LOADING,
            )
        ).scalar()
        return None if found is None else self.get(int(found))

    def unfinished_ids(self, source_id: int) -> list[int]:
        """Numbers of the loads of a source that are not done."""
        found = select(_batch.c.id).where(_batch.c.source_id == source_id, _batch.c.status == LOADING)
        return [row.id for row in self._connection.execute(found.order_by(_batch.c.id))]

    def are_all_done(self) -> bool:
        """Whether no load is under way, and none was interrupted."""
        return self._connection.execute(_UNFINISHED_LOAD).first() is None

    def add_rejects(self, rows: list[dict[str, Any]]) -> None:
        """Add refused rows."""
        if rows:
            self._connection.execute(insert(_reject), rows)

    def get(self, number: int) -> Batch | None:
        """A receipt by its number."""
        row = self._connection.execute(_BATCH, {"number": number}).first()
        return None if row is None else _batch_from_row(row)

    def begin_undo(self, number: int, commit_no: int) -> None:
        """Note that a load is being taken back from now on."""
        self._set(number, status=UNDOING, undone_commit=commit_no)

    def mark_records_undone(self, number: int, record_ids: Collection[int], commit_no: int, worker: str) -> None:
        """Note that nothing that it said of these records counts any more, and who says so."""
        self._set(number, undoing_commit=commit_no, undoing_worker=worker)
        rows = [{"batch_id": number, "record_id": record} for record in record_ids]
        if rows:
            self._connection.execute(insert(_taken_back), rows)

    def undone_records(self, number: int) -> set[int]:
        """The records of which nothing that it said counts any more, while it is being taken back."""
        found = select(_taken_back.c.record_id).where(_taken_back.c.batch_id == number)
        return {row[0] for row in self._connection.execute(found)}

    def release_undo(self, number: int) -> None:
        """Note that its process does not go on with it, so that another can at once."""
        self._set(number, undoing_worker=None)

    def end_undo(self, number: int) -> None:
        """Note that a load was taken back: nothing that it said counts any more."""
        self._set(number, status=UNDONE, undoing_commit=None, undoing_worker=None)
        self._connection.execute(delete(_taken_back).where(_taken_back.c.batch_id == number))

    def _set(self, number: int, **values: Any) -> None:  # noqa: ANN401 - of columns
        self._connection.execute(update(_batch).where(_batch.c.id == number).values(**values))

    def all(self) -> list[Batch]:
        """Every receipt, oldest first."""
        return [_batch_from_row(row) for row in self._connection.execute(_ALL_BATCHES)]


def _batch_from_row(row: Any) -> Batch:  # noqa: ANN401 - a row
    return Batch(
        row.id,
        row.code,
        row.commit_no,
        row.snapshot,
        row.status,
        orjson.loads(row.counts),
        row.held_reason,
        row.as_of,
        row.undone_commit,
        row.undoing_commit,
        row.undoing_worker,
    )
