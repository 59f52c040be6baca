"""Repository of blocking keys whose blocks are too large.

The set of these keys is derived from the active records, a moment late: a key whose check is due may err.
"""

from collections.abc import Callable, Collection, Iterable
from enum import IntEnum

import numpy as np
from sqlalchemy import Connection, bindparam, delete, func, select, update

from mpi.storage.driver.bulk_rows import insert_columns
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import fetch_all, prefetch
from mpi.storage.key_index.segment_arrays import IntArray, mask_members, sort_distinct
from mpi.storage.tables import PurgedBlockRow, table_of

_block = table_of(PurgedBlockRow)
_of_config = _block.c.config_id == bindparam("config")

# Module constants: composing a statement costs more than SQLite takes to run it.
_AMONG = select(_block.c.key).where(_of_config, is_in(_block.c.key, "keys"))
_ALL = select(_block.c.key).where(_of_config)
_SOME = _ALL.limit(bindparam("row_limit"))
_DUE = (
    select(_block.c.key, _block.c.awaits_check)
    .where(_of_config, _block.c.awaits_check > 0)
    .order_by(_block.c.first_commit, _block.c.key)
)
_DUE_AMONG = select(_block.c.key, _block.c.awaits_check).where(
    _of_config, _block.c.awaits_check > 0, is_in(_block.c.key, "keys")
)
_COUNT_DUE = select(func.count()).select_from(_block).where(_of_config, _block.c.awaits_check > 0)
_REQUEST_CHECK = update(_block).where(_of_config, is_in(_block.c.key, "keys")).values(awaits_check=1)
_REQUEST_COUNT = (
    update(_block)
    .where(_of_config, _block.c.awaits_check == 0, is_in(_block.c.key, "keys"))
    .values(awaits_check=2)
)
_REQUEST_CHECK_SINCE = (
    update(_block).where(_of_config, _block.c.first_commit > bindparam("since")).values(awaits_check=1)
)
_SET_CHECKED = update(_block).where(_of_config, is_in(_block.c.key, "keys")).values(awaits_check=0)
_REMOVE = delete(_block).where(_of_config, is_in(_block.c.key, "keys"))


class BlockCheck(IntEnum):
    """What the worker has to check of a purged key."""

    PAIRS = 1
    SIZE = 2


class PurgedBlocks:
    """Repository of blocking keys that bring no pairs, for every configuration."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def select_purged(self, config_id: int, keys: Collection[int]) -> set[int]:
        """Return those of some blocking keys that bring no pairs."""
        return self.request_purged(config_id, keys)()

    def intersect(self, config_id: int, keys: IntArray) -> IntArray:
        """Return those of many blocking keys that bring no pairs, ascending.

        Mostly few keys bring none. Reading these is faster than asking for each of the given keys.
        """
        if not len(keys):
            return keys
        rows = self._connection.execute(_SOME, {"config": config_id, "row_limit": len(keys)}).all()
        if len(rows) == len(keys):
            purged = self.select_purged(config_id, sort_distinct(keys).tolist())
            return np.sort(np.fromiter(purged, np.int64, len(purged)))
        if not rows:
            return keys[:0]
        stored = np.sort(np.fromiter((row[0] for row in rows), np.int64, len(rows)))
        return stored[mask_members(np.sort(keys), stored)]

    def request_purged(self, config_id: int, keys: Collection[int]) -> Callable[[], set[int]]:
        """Send the query of ``select_purged`` and return a function that reads it."""
        results = [
            self._connection.execute(_AMONG, {"config": config_id, "keys": chunk})
            for chunk in iter_chunks(keys)
        ]
        return lambda: {row[0] for rows in results for row in rows}

    def prefetch_purged(self, config_id: int, keys: Collection[int]) -> None:
        """Send the query of ``select_purged`` ahead of its use."""
        for chunk in iter_chunks(keys):
            prefetch(self._connection, _AMONG, {"config": config_id, "keys": chunk})

    def all(self, config_id: int) -> IntArray:
        """Return every blocking key that brings no pairs, ascending."""
        rows = fetch_all(self._connection, _ALL, {"config": config_id})
        return np.sort(np.fromiter((row[0] for row in rows), np.int64, len(rows)))

    def add(self, config_id: int, keys: Iterable[int], commit_no: int) -> None:
        """Store purged blocking keys, whose check is due.

        Args:
            config_id: number of the configuration.
            keys: the keys; those that are stored already stay as they are.
            commit_no: commit number of the transaction.
        """
        ascending = sorted(set(keys))
        if not ascending:
            return
        columns = {
            "config_id": [config_id] * len(ascending),
            "key": ascending,
            "first_commit": [commit_no] * len(ascending),
            "awaits_check": [int(BlockCheck.PAIRS)] * len(ascending),
        }
        insert_columns(self._connection, _block, columns, if_new=True)

    def request_check(self, config_id: int, keys: Collection[int]) -> None:
        """Mark purged keys whose pairs may be wrong."""
        for chunk in iter_chunks(keys):
            self._connection.execute(_REQUEST_CHECK, {"config": config_id, "keys": chunk})

    def request_count(self, config_id: int, keys: Collection[int]) -> None:
        """Mark purged keys that a record has lost."""
        for chunk in iter_chunks(keys):
            self._connection.execute(_REQUEST_COUNT, {"config": config_id, "keys": chunk})

    def request_check_since(self, config_id: int, commit_no: int) -> None:
        """Mark the keys for a check that were stored after a commit."""
        self._connection.execute(_REQUEST_CHECK_SINCE, {"config": config_id, "since": commit_no})

    def list_due(self, config_id: int) -> dict[int, BlockCheck]:
        """Return the keys whose check is due, in order of purging."""
        rows = self._connection.execute(_DUE, {"config": config_id})
        return {row[0]: BlockCheck(row[1]) for row in rows}

    def select_due(self, config_id: int, keys: Collection[int]) -> dict[int, BlockCheck]:
        """Return those of some keys whose check is due."""
        checks: dict[int, BlockCheck] = {}
        for chunk in iter_chunks(keys):
            rows = self._connection.execute(_DUE_AMONG, {"config": config_id, "keys": chunk})
            checks.update({row[0]: BlockCheck(row[1]) for row in rows})
        return checks

    def count_due(self, config_id: int) -> int:
        """Count the keys whose check is due."""
        return int(self._connection.execute(_COUNT_DUE, {"config": config_id}).scalar() or 0)

    def set_checked(self, config_id: int, keys: Collection[int]) -> None:
        """Store that keys are checked and stay purged."""
        for chunk in iter_chunks(keys):
            self._connection.execute(_SET_CHECKED, {"config": config_id, "keys": chunk})

    def remove(self, config_id: int, keys: Collection[int]) -> None:
        """Store that keys bring pairs again."""
        for chunk in iter_chunks(keys):
            self._connection.execute(_REMOVE, {"config": config_id, "keys": chunk})

    def delete_all(self, config_id: int | None) -> None:
        """Delete the keys of one configuration, or of all with None."""
        statement = delete(_block)
        if config_id is not None:
            statement = statement.where(_block.c.config_id == config_id)
        self._connection.execute(statement)
