"""The forward index: each record's blocking keys, packed in one row.

It is authoritative, with some 200 bytes for each record. Searches read copies of the keys, by key, in the
base table and in segments. A secondary index by record took a sixth of the database and a third of the time
for writing keys (ADR 0058).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, bindparam, delete, func, select

from mpi.domain.tuning import DEFAULT_TUNING, StorageTuning
from mpi.storage.driver.bulk_rows import insert_columns
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.driver.prefetch import prefetch
from mpi.storage.key_index.segment_arrays import STORED_DTYPE, IntArray
from mpi.storage.tables import RecordKeysRow, table_of

_record_keys = table_of(RecordKeysRow)

# Module constants: composing a statement costs more than SQLite takes to run it.
_FORWARD_ROWS = select(
    _record_keys.c.record_id, _record_keys.c.group_id, _record_keys.c.packed, _record_keys.c.commit_no
).where(_record_keys.c.config_id == bindparam("config"))
_FORWARD_ROWS_OF_RECORDS = _FORWARD_ROWS.where(is_in(_record_keys.c.record_id, "ids"))
_RECORDS_WRITTEN_SINCE = select(_record_keys.c.record_id).where(
    _record_keys.c.config_id == bindparam("config"), _record_keys.c.commit_no > bindparam("since")
)
_FORWARD_ROWS_WRITTEN_SINCE = _FORWARD_ROWS.where(_record_keys.c.commit_no > bindparam("since")).limit(
    bindparam("row_limit")
)
_RECORDS_WITH_KEYS = select(_record_keys.c.record_id).where(
    _record_keys.c.config_id == bindparam("config"), is_in(_record_keys.c.record_id, "ids")
)
_FORWARD_ROWS_OF_RANGE = _FORWARD_ROWS.where(
    _record_keys.c.record_id.between(bindparam("first"), bindparam("last"))
)
_FORWARD_PAGE = (
    _FORWARD_ROWS.where(_record_keys.c.record_id > bindparam("after"))
    .order_by(_record_keys.c.record_id)
    .limit(bindparam("row_limit"))
)
_MAX_RECORD_ID = select(func.max(_record_keys.c.record_id)).where(
    _record_keys.c.config_id == bindparam("config")
)
_DELETE_FORWARD_ROWS = delete(_record_keys).where(
    _record_keys.c.config_id == bindparam("config"), is_in(_record_keys.c.record_id, "ids")
)


class PackedKeys(NamedTuple):
    """The blocking keys of one record as stored in one value.

    Args:
        group_id: visibility group in which the record is searched.
        keys: the record's keys as little-endian 64-bit integers, ascending.
    """

    group_id: int
    keys: bytes


class ForwardIndex:
    """Repository of the blocking keys of each record, for every matching configuration."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._tuning: StorageTuning = getattr(connection, "tuning", DEFAULT_TUNING.storage)

    def insert(self, config_id: int, keys_by_record: Mapping[int, PackedKeys], commit_no: int) -> None:
        """Insert the keys of records that have no row yet."""
        columns: dict[str, list[Any]] = {
            "config_id": [config_id] * len(keys_by_record),
            "record_id": list(keys_by_record),
            "group_id": [packed.group_id for packed in keys_by_record.values()],
            "packed": [packed.keys for packed in keys_by_record.values()],
            "commit_no": [commit_no] * len(keys_by_record),
        }
        insert_columns(self._connection, _record_keys, columns)

    def read_rows(self, config_id: int, record_ids: Collection[int]) -> Sequence[Any]:
        """Return the rows of one chunk of records.

        Returns:
            Record number, visibility group, packed keys and commit number of each.
        """
        parameters = {"config": config_id, "ids": record_ids}
        return self._connection.execute(_FORWARD_ROWS_OF_RECORDS, parameters).all()

    def read_range(self, config_id: int, first: int, last: int) -> Sequence[Any]:
        """Return the rows of records numbered ``first`` to ``last``, inclusive."""
        parameters = {"config": config_id, "first": first, "last": last}
        return self._connection.execute(_FORWARD_ROWS_OF_RANGE, parameters).all()

    def delete(self, config_id: int, record_ids: list[int]) -> None:
        """Delete the rows of one chunk of records."""
        self._connection.execute(_DELETE_FORWARD_ROWS, {"config": config_id, "ids": record_ids})

    def delete_all(self, config_id: int | None) -> None:
        """Delete the rows of one configuration, or of all with None."""
        statement = delete(_record_keys)
        if config_id is not None:
            statement = statement.where(_record_keys.c.config_id == config_id)
        self._connection.execute(statement)

    def max_record_id(self, config_id: int) -> int:
        """Return the highest number of a record with blocking keys, or 0."""
        return int(self._connection.execute(_MAX_RECORD_ID, {"config": config_id}).scalar() or 0)

    def packed_keys(self, config_id: int, record_ids: Collection[int]) -> dict[int, PackedKeys]:
        """Return the packed blocking keys of records that have any."""
        keys_by_record: dict[int, PackedKeys] = {}
        for chunk in iter_chunks(record_ids):
            keys_by_record.update(
                group_keys_by_record(
                    self._connection.execute(_FORWARD_ROWS_OF_RECORDS, {"config": config_id, "ids": chunk})
                )
            )
        return keys_by_record

    def records_written_since(self, config_id: int, commit_no: int) -> list[int]:
        """Return records whose blocking keys were written after a commit.

        Features are written in the same transaction. Records whose keys were deleted are not included.
        """
        rows = self._connection.execute(_RECORDS_WRITTEN_SINCE, {"config": config_id, "since": commit_no})
        return [row[0] for row in rows]

    def keys_written_since(self, config_id: int, commit_no: int, limit: int) -> dict[int, PackedKeys]:
        """Return blocking keys of up to ``limit`` records, written after a commit."""
        return group_keys_by_record(
            self._connection.execute(
                _FORWARD_ROWS_WRITTEN_SINCE, _since_parameters(config_id, commit_no, limit)
            )
        )

    def prefetch_keys_written_since(self, config_id: int, commit_no: int, limit: int) -> None:
        """Send the query of ``keys_written_since`` ahead of its use."""
        prefetch(
            self._connection, _FORWARD_ROWS_WRITTEN_SINCE, _since_parameters(config_id, commit_no, limit)
        )

    def records_with_keys(self, config_id: int, record_ids: Collection[int]) -> set[int]:
        """Return those of the given records that have blocking keys."""
        records: set[int] = set()
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_RECORDS_WITH_KEYS, {"config": config_id, "ids": chunk})
            records.update(row[0] for row in rows)
        return records

    def prefetch_records_with_keys(self, config_id: int, record_ids: Collection[int]) -> None:
        """Send the query of ``records_with_keys`` ahead of its use."""
        for chunk in iter_chunks(record_ids):
            prefetch(self._connection, _RECORDS_WITH_KEYS, {"config": config_id, "ids": chunk})

    def keys_of(self, config_id: int, record_ids: Collection[int]) -> dict[int, list[int]]:
        """Return ascending blocking keys by record, leaving out records without keys."""
        keys_by_record = self.packed_keys(config_id, record_ids)
        return {
            record: np.frombuffer(packed.keys, STORED_DTYPE).tolist()
            for record, packed in keys_by_record.items()
        }

    def iterate_rows(self, config_id: int) -> Iterator[IntArray]:
        """Yield all blocking keys by record, page by page.

        These are authoritative; ``BlockingKeys.iterate_searched_rows`` yields the copy that searches read.

        Yields:
            Arrays of shape (3, n): visibility group, key and record number.
        """
        last_record, page_size = -1, self._tuning.forward_page_records
        row_count = page_size
        while row_count == page_size:
            parameters = {"config": config_id, "after": last_record, "row_limit": page_size}
            rows = self._connection.execute(_FORWARD_PAGE, parameters).all()
            if (row_count := len(rows)) > 0:
                last_record = rows[-1][0]
                yield unpack_rows(group_keys_by_record(rows))


def _since_parameters(config_id: int, commit_no: int, limit: int) -> dict[str, int]:
    """Return the parameters of the query for keys written since a commit."""
    return {"config": config_id, "since": commit_no, "row_limit": limit}


def group_keys_by_record(rows: Iterable[Any]) -> dict[int, PackedKeys]:
    """Convert forward-index rows to blocking keys by record number."""
    return {row[0]: PackedKeys(row[1], row[2]) for row in rows}


def unpack_rows(keys_by_record: Mapping[int, PackedKeys]) -> IntArray:
    """Unpack keys to visibility group, key and record columns, in record order."""
    keys = np.frombuffer(b"".join(packed.keys for packed in keys_by_record.values()), STORED_DTYPE)
    counts = [len(packed.keys) // STORED_DTYPE.itemsize for packed in keys_by_record.values()]
    rows = np.empty((3, len(keys)), np.int64)
    rows[0] = np.repeat(np.array([packed.group_id for packed in keys_by_record.values()], np.int64), counts)
    rows[1] = keys
    rows[2] = np.repeat(np.array(list(keys_by_record), np.int64), counts)
    return rows
