"""Repository of oversized blocking keys and of records with a provisional ID."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import BigInteger, Connection, bindparam, cast, delete, exists, func, insert, select, update

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import LargeBlockRow, PendingRow, PurgedBlockRow, table_of

_block = table_of(LargeBlockRow)
_pending = table_of(PendingRow)
_purged = table_of(PurgedBlockRow)


class PendingWork(IntEnum):
    """What the worker has to finish before a record's ID is final."""

    SEARCH = 1
    CHECK = 2


# Module constants: composing a statement costs more than SQLite takes to run it.
_ADD_IF_CHECK_IS_DUE = insert(_pending).from_select(
    ["record_id", "since_commit", "awaits"],
    select(
        cast(bindparam("record", type_=BigInteger()), BigInteger()),
        cast(bindparam("commit", type_=BigInteger()), BigInteger()),
        cast(int(PendingWork.CHECK), BigInteger()),
    ).where(
        exists(
            select(1).where(
                _purged.c.config_id == bindparam("config"),
                is_in(_purged.c.key, "keys"),
                _purged.c.awaits_check > 0,
            )
        ),
        ~exists(select(1).where(_pending.c.record_id == bindparam("record"))),
    ),
)
_WORK_OF_RECORD = select(_pending.c.awaits).where(_pending.c.record_id == bindparam("record"))
_AWAIT_SEARCH = (
    update(_pending).where(_pending.c.record_id == bindparam("record")).values(awaits=int(PendingWork.SEARCH))
)
_FINISH_SEARCH = (
    update(_pending)
    .where(_pending.c.record_id == bindparam("record"), _pending.c.awaits == int(PendingWork.SEARCH))
    .values(awaits=int(PendingWork.CHECK), since_commit=bindparam("commit"))
)
_awaits_search = _pending.c.awaits == int(PendingWork.SEARCH)
_CHECKED = (
    select(_pending.c.record_id)
    .where(_pending.c.awaits == int(PendingWork.CHECK), _pending.c.since_commit <= bindparam("until"))
    .order_by(_pending.c.since_commit, _pending.c.record_id)
    .limit(bindparam("row_limit"))
)


@dataclass(frozen=True, slots=True)
class LargeBlock:
    """A blocking key that more records share than the alarm size.

    Args:
        key: the blocking key.
        records: number of records that had the key when this was noticed.
        first_commit: commit number at which it was noticed.
    """

    key: int
    records: int
    first_commit: int


class LargeBlockRepository:
    """Repository of very common blocking keys and of provisional IDs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_new(self, config_id: int, sizes: Mapping[int, int], commit_no: int) -> list[int]:
        """Store very common blocking keys not stored yet, and return them.

        Args:
            config_id: number of the configuration.
            sizes: number of records by key.
            commit_no: commit number of the transaction.
        """
        stored_keys = set(
            self._connection.execute(
                select(_block.c.key).where(_block.c.config_id == config_id, is_in(_block.c.key, list(sizes)))
            ).scalars()
        )
        new_keys = sorted(set(sizes) - stored_keys)
        rows = [
            {"config_id": config_id, "key": key, "records": sizes[key], "first_commit": commit_no}
            for key in new_keys
        ]
        if rows:
            self._connection.execute(insert(_block), rows)
        return new_keys

    def all(self, config_id: int) -> list[LargeBlock]:
        """Return a configuration's very common blocking keys, most records first."""
        rows = self._connection.execute(
            select(_block.c.key, _block.c.records, _block.c.first_commit)
            .where(_block.c.config_id == config_id)
            .order_by(_block.c.records.desc(), _block.c.key)
        )
        return [LargeBlock(*row) for row in rows]

    def add_pending(self, record_id: int, commit_no: int) -> None:
        """Mark a record for candidate search in the background."""
        if not self._connection.execute(_AWAIT_SEARCH, {"record": record_id}).rowcount:
            self._connection.execute(insert(_pending).values(record_id=record_id, since_commit=commit_no))

    def add_if_check_is_due(
        self, config_id: int, keys: Collection[int], record_id: int, commit_no: int
    ) -> None:
        """Mark a record's ID as provisional if its blocks await a check.

        Args:
            config_id: number of the configuration.
            keys: blocking keys of the record.
            record_id: the record.
            commit_no: commit number of the transaction.
        """
        parameters = {"config": config_id, "record": record_id, "commit": commit_no, "keys": list(keys)}
        self._connection.execute(_ADD_IF_CHECK_IS_DUE, parameters)

    def request_pending(self, record_id: int) -> Callable[[], PendingWork | None]:
        """Request what a record waits for; return a function to read it.

        The function reads the result once. It returns None where the record's ID is final.
        """
        rows = self._connection.execute(_WORK_OF_RECORD, {"record": record_id})

        def read() -> PendingWork | None:
            awaits = rows.scalar()
            return None if awaits is None else PendingWork(awaits)

        return read

    def is_pending(self, record_id: int) -> bool:
        """Return whether a record awaits candidate search or a block check."""
        return self.request_pending(record_id)() is not None

    def pending_among(self, record_ids: Collection[int]) -> set[int]:
        """Return those of some records that await candidate search in the background."""
        if not self.count_pending():
            return set()
        pending: set[int] = set()
        for chunk in iter_chunks(record_ids):
            query = select(_pending.c.record_id).where(is_in(_pending.c.record_id, chunk), _awaits_search)
            pending.update(self._connection.execute(query).scalars())
        return pending

    def oldest_pending(self, limit: int) -> list[int]:
        """Return up to ``limit`` records awaiting candidate search, longest wait first."""
        rows = self._connection.execute(
            select(_pending.c.record_id)
            .where(_awaits_search)
            .order_by(_pending.c.since_commit, _pending.c.record_id)
            .limit(limit)
        )
        return list(rows.scalars())

    def find_oldest_waiting(self) -> int | None:
        """Return the commit since which the oldest pending work waits.

        The work is a candidate search or a block check. The result is None if none waits.
        """
        return self._connection.execute(select(func.min(_pending.c.since_commit))).scalar()

    def count_pending(self) -> int:
        """Count the records that await candidate search in the background."""
        query = select(func.count()).select_from(_pending).where(_awaits_search)
        return int(self._connection.execute(query).scalar() or 0)

    def finish_search(self, record_id: int, commit_no: int) -> bool:
        """Note that a record's search runs; return whether it was waiting.

        The record then waits for checks of its blocks, like any other.
        """
        parameters = {"record": record_id, "commit": commit_no}
        return bool(self._connection.execute(_FINISH_SEARCH, parameters).rowcount)

    def list_checked(self, until: int, limit: int) -> list[int]:
        """Return records that await a check due at a commit, oldest first.

        Args:
            until: the commit number.
            limit: most records to return.
        """
        return list(self._connection.execute(_CHECKED, {"until": until, "row_limit": limit}).scalars())

    def remove_pending(self, record_ids: Collection[int]) -> None:
        """Note that the IDs of records are final."""
        for chunk in iter_chunks(record_ids):
            self._connection.execute(delete(_pending).where(is_in(_pending.c.record_id, chunk)))
