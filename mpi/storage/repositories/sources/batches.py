"""Repository of load receipts, rejected rows and the progress of undos."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from mpi.storage.tables import AnyRow, BatchRow, CommitRow, RejectRow, SourceRow, TakenBackRow, table_of

_batch = table_of(BatchRow)
_commit = table_of(CommitRow)
_reject = table_of(RejectRow)
_source = table_of(SourceRow)
_taken_back = table_of(TakenBackRow)

LOADED = "loaded"
"""Status of a complete load."""
LOADING = "loading"
"""Status of an unfinished load, in progress or interrupted.

The same file, sent and read in the same way again, continues it.
"""
UNDOING = "undoing"
"""Status of a load whose undo is in progress or interrupted.

Another undo continues it.
"""
UNDONE = "undone"
"""Status of an undone load."""

# Module constants, since a load reads its receipt in each transaction.
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
    """Receipt of one load of a source's file.

    ``undone_commit`` is the first commit that undid a part of the load. During an undo, ``undoing_commit`` is
    the last such commit so far, and ``undoing_worker`` the process that undoes the load, unless it has let
    others continue. ``issues`` is None for a load from before issues were kept.
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
    issues: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class StoredReject:
    """Rejected row of a loaded file, without its text.

    It says where the row is and why it was rejected. ``local_id`` is None where the row has no readable one,
    where it must not be kept, and where it was not read.
    """

    line: int
    offset: int | None
    field: str | None
    reason: str
    detail: str
    local_id: str | None = None


class Batches:
    """Repository of load receipts, rejected rows and the progress of undos.

    Rejected rows are only added.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, values: dict[str, Any], counts: dict[str, int], issues: dict[str, int]) -> None:
        """Add the receipt of a file load.

        Args:
            values: the columns that need no conversion.
            counts: numbers of rows by outcome.
            issues: numbers of records by field and code of a quality issue.
        """
        self._connection.execute(
            insert(_batch).values(
                **values, counts=orjson.dumps(counts).decode(), issues=orjson.dumps(issues).decode()
            )
        )

    def update_progress(self, number: int, status: str, counts: dict[str, int]) -> None:
        """Set the status and row counts on a file load's receipt."""
        parameters = {"number": number, "now": status, "so_far": orjson.dumps(counts).decode()}
        self._connection.execute(_UPDATE_PROGRESS, parameters)

    def find_unfinished(self, source_id: int, digest: str, snapshot: str) -> Batch | None:
        """Return the latest unfinished load of a source's file, or None.

        Args:
            source_id: number of the source.
            digest: digest of the file's content and of how it is read.
            snapshot: ``full`` or ``delta``.
        """
        batch_id = self._connection.execute(
            select(func.max(_batch.c.id)).where(
                _batch.c.source_id == source_id,
                _batch.c.file_digest == digest,
                _batch.c.snapshot == snapshot,
                _batch.c.status == LOADING,
            )
        ).scalar()
        return None if batch_id is None else self.get(int(batch_id))

    def list_complete(self, source_id: int, snapshot: str) -> list[Batch]:
        """Return receipts of a source's complete loads of a kind, latest first.

        Args:
            source_id: number of the source.
            snapshot: ``full`` or ``delta``.
        """
        query = _BATCHES.where(
            _batch.c.source_id == source_id, _batch.c.status == LOADED, _batch.c.snapshot == snapshot
        )
        return [_batch_from_row(row) for row in self._connection.execute(query.order_by(_batch.c.id.desc()))]

    def unfinished_ids(self, source_id: int) -> list[int]:
        """Return the numbers of a source's unfinished loads."""
        query = select(_batch.c.id).where(_batch.c.source_id == source_id, _batch.c.status == LOADING)
        return [row.id for row in self._connection.execute(query.order_by(_batch.c.id))]

    def are_all_done(self) -> bool:
        """Return whether no file load is in progress or interrupted."""
        return self._connection.execute(_UNFINISHED_LOAD).first() is None

    def has_status(self, statuses: Collection[str]) -> bool:
        """Return whether a file load has one of some statuses."""
        query = select(_batch.c.id).where(_batch.c.status.in_(statuses)).limit(1)
        return self._connection.execute(query).first() is not None

    def has_undo_since(self, source_id: int, moment: str) -> bool:
        """Return whether a source's load was undone since a stored timestamp."""
        query = select(_batch.c.id).join(_commit, _commit.c.no == _batch.c.undone_commit)
        query = query.where(_batch.c.source_id == source_id, _commit.c.at >= moment).limit(1)
        return self._connection.execute(query).first() is not None

    def add_rejects(self, rows: list[dict[str, Any]]) -> None:
        """Add rejected rows of a loaded file."""
        if rows:
            self._connection.execute(insert(_reject), rows)

    def get(self, number: int) -> Batch | None:
        """Return the receipt of a file load by number, or None."""
        row = self._connection.execute(_BATCH, {"number": number}).first()
        return None if row is None else _batch_from_row(row)

    def begin_undo(self, number: int, commit_no: int) -> None:
        """Mark a file load as being undone."""
        self._set(number, status=UNDOING, undone_commit=commit_no)

    def mark_records_undone(
        self, number: int, record_ids: Collection[int], commit_no: int, worker: str
    ) -> None:
        """Mark the loading of records as undone, naming the process at work.

        The undo of a load proceeds record by record.
        """
        self._set(number, undoing_commit=commit_no, undoing_worker=worker)
        rows = [{"batch_id": number, "record_id": record} for record in record_ids]
        if rows:
            self._connection.execute(insert(_taken_back), rows)

    def undone_records(self, number: int) -> set[int]:
        """Return the records for which undoing a file load is done.

        The undo of a load proceeds record by record.
        """
        query = select(_taken_back.c.record_id).where(_taken_back.c.batch_id == number)
        return {row[0] for row in self._connection.execute(query)}

    def release_undo(self, number: int) -> None:
        """Let another process continue the undo of a file load at once."""
        self._set(number, undoing_worker=None)

    def end_undo(self, number: int) -> None:
        """Mark a file load as completely undone."""
        self._set(number, status=UNDONE, undoing_commit=None, undoing_worker=None)
        self._connection.execute(delete(_taken_back).where(_taken_back.c.batch_id == number))

    def _set(self, number: int, **values: Any) -> None:  # noqa: ANN401 - of columns
        self._connection.execute(update(_batch).where(_batch.c.id == number).values(**values))

    def rejects(
        self, number: int, limit: int, offset: int = 0, without_reason: str = ""
    ) -> list[StoredReject]:
        """Return rejected rows of a load, without those of a reason."""
        columns = (_reject.c.line, _reject.c.offset, _reject.c.field, _reject.c.reason, _reject.c.detail)
        query = select(*columns).where(_reject.c.batch_id == number, _reject.c.reason != without_reason)
        rows = self._connection.execute(query.order_by(_reject.c.seq).limit(limit).offset(offset))
        return [StoredReject(row.line, row[1], row.field, row.reason, row.detail) for row in rows]

    def count_rejects(self, numbers: Collection[int], reason: str) -> dict[int, int]:
        """Return how many rows of each load were rejected for a reason."""
        query = select(_reject.c.batch_id, func.count()).group_by(_reject.c.batch_id)
        query = query.where(_reject.c.batch_id.in_(numbers), _reject.c.reason == reason)
        return {int(number): int(count) for number, count in self._connection.execute(query)}

    def named_rejects(self, number: int, limit: int) -> list[StoredReject]:
        """Return a load's rejected rows with their local IDs, in file order."""
        columns = (
            _reject.c.line, _reject.c.offset, _reject.c.field, _reject.c.reason, _reject.c.detail,
            _reject.c.local_id,
        )  # fmt: skip
        query = select(*columns).where(_reject.c.batch_id == number).order_by(_reject.c.seq)
        return [StoredReject(*row) for row in self._connection.execute(query.limit(limit))]

    def latest(self, limit: int, before: int | None = None, source: str | None = None) -> list[Batch]:
        """Return receipts of file loads, latest first.

        Args:
            limit: most of them.
            before: only loads with a smaller number; None for all.
            source: code of the source; None for all.
        """
        query = _BATCHES.order_by(_batch.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_batch.c.id < before)
        if source is not None:
            query = query.where(_source.c.code == source)
        return [_batch_from_row(row) for row in self._connection.execute(query)]

    def latest_by_source(self) -> dict[str, Batch]:
        """Return the receipt of each source's latest load, by code."""
        newest = select(func.max(_batch.c.id)).group_by(_batch.c.source_id)
        rows = self._connection.execute(_BATCHES.where(_batch.c.id.in_(newest)))
        return {row.code: _batch_from_row(row) for row in rows}

    def all(self) -> list[Batch]:
        """Return the receipts of all file loads, oldest first."""
        return [_batch_from_row(row) for row in self._connection.execute(_ALL_BATCHES)]


def _batch_from_row(row: AnyRow) -> Batch:
    return Batch(
        id=row.id,
        source=row.code,
        commit_no=row.commit_no,
        snapshot=row.snapshot,
        status=row.status,
        counts=orjson.loads(row.counts),
        held_reason=row.held_reason,
        as_of=row.as_of,
        undone_commit=row.undone_commit,
        undoing_commit=row.undoing_commit,
        undoing_worker=row.undoing_worker,
        issues=None if row.issues is None else orjson.loads(row.issues),
    )
