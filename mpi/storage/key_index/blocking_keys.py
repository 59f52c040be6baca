"""Read and write access to the blocking keys of records.

Keys are stored twice: by record in the forward index, and by key. The base table (``blocking_key``) has one
row for each key, and segments hold the keys that loads wrote lately (ADR 0059). A search reads base table and
segments.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import orjson
from sqlalchemy import Connection, Executable, bindparam, delete, func, select, tuple_

from mpi.domain.tuning import DEFAULT_TUNING, StorageTuning
from mpi.storage.driver.bulk_rows import delete_by_columns, insert_columns
from mpi.storage.driver.chunks import CHUNK_SIZE, iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.key_index.forward_index import ForwardIndex, PackedKeys, group_keys_by_record, unpack_rows
from mpi.storage.key_index.key_segments import KeySegments, base_table_columns
from mpi.storage.key_index.purged_blocks import PurgedBlocks
from mpi.storage.key_index.segment_arrays import (
    EMPTY_ROWS,
    IntArray,
    sort_rows,
    split_unshared_rows,
    subtract_rows,
)
from mpi.storage.tables import BlockingKeyRow, table_of

_key = table_of(BlockingKeyRow)

# Module constants: composing a statement costs more than SQLite takes to run it.
_ROWS_OF_KEYS_IN_GROUPS = select(_key.c.group_id, _key.c.key, _key.c.record_id).where(
    _key.c.config_id == bindparam("config"), is_in(_key.c.group_id, "groups"), is_in(_key.c.key, "keys")
)
_LIMITED_ROWS_OF_KEYS_IN_GROUPS = _ROWS_OF_KEYS_IN_GROUPS.limit(bindparam("row_limit"))
_KEY_SIZES = (
    select(_key.c.key, func.count()).where(_key.c.config_id == bindparam("config")).group_by(_key.c.key)
)
_LARGE_KEY_SIZES = _KEY_SIZES.having(func.count() > bindparam("threshold"))
_SIZES_OF_KEYS = _KEY_SIZES.where(is_in(_key.c.key, "keys"))
_ROWS_OF_KEYS = select(_key.c.group_id, _key.c.key, _key.c.record_id).where(
    _key.c.config_id == bindparam("config"), is_in(_key.c.key, "keys")
)
_POSITION_COLUMNS = (_key.c.group_id, _key.c.key, _key.c.record_id)
_BASE_TABLE_PAGE = (
    select(*_POSITION_COLUMNS)
    .where(
        _key.c.config_id == bindparam("config"),
        tuple_(*_POSITION_COLUMNS) > tuple_(bindparam("group"), bindparam("key"), bindparam("record")),
    )
    .order_by(*_POSITION_COLUMNS)
    .limit(bindparam("row_limit"))
)

_MIN_BIGINT = -(2**63)


class BlockingKeys:
    """Repository of records' blocking keys, for every matching configuration.

    The forward index (all keys by record) is authoritative. Searches read the base table (records by key) and
    the segments, which hold recent keys. Where a record loses a key that brings no pairs, as too many records
    hold it, the key is marked for a check.

    Attributes:
        forward: the forward index.
        segments: the segments.
        purged_blocks: keys that bring no pairs.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.purged_blocks = PurgedBlocks(connection)
        self._tuning: StorageTuning = getattr(connection, "tuning", DEFAULT_TUNING.storage)
        self.forward = ForwardIndex(connection)
        self.segments = KeySegments(connection)
        self._is_sqlite = connection.dialect.name == "sqlite"

    def write(
        self,
        config_id: int,
        keys_by_record: Mapping[int, PackedKeys],
        commit_no: int,
        *,
        as_segment: bool = False,
        rewritten: Collection[int] = (),
    ) -> None:
        """Store the blocking keys of records.

        Args:
            config_id: number of the configuration.
            keys_by_record: keys of each record, by record number.
            commit_no: commit number of the transaction that writes.
            as_segment: whether the keys go into a segment, to be compacted later, instead of the base table.
            rewritten: records that may have keys already, which these keys replace. All others must have
                none. Keys that a record keeps stay in the base table, unless some of the record's keys may be
                in a segment.
        """
        nonempty = {record: packed for record, packed in keys_by_record.items() if packed.keys}
        rows, tombstones = unpack_rows(nonempty), EMPTY_ROWS
        if rewritten and as_segment:
            rows, tombstones = self._replace_with_tombstones(config_id, rows, rewritten)
        elif rewritten:
            rows = subtract_rows(rows, self._delete_all_but(config_id, rows, rewritten))
        self.forward.insert(config_id, nonempty, commit_no)
        if len(nonempty) > 1:
            # Keys of a single record are stored in order.
            rows = sort_rows(rows)
        if as_segment:
            self.segments.write(config_id, rows, commit_no, sort_rows(tombstones))
        else:
            self._insert_into_base_table(config_id, rows, commit_no)

    def _insert_into_base_table(self, config_id: int, rows: IntArray, commit_no: float) -> None:
        """Insert blocking keys into the main table; keep cancelled ones apart.

        A row that segments cancel in the main table (a key tombstone) is written into a segment instead.
        """
        tombstoned = self.segments.select_tombstoned(config_id, rows)
        if tombstoned.size:
            # Searches would not see these rows in the base table, which may hold them already.
            self.segments.write(config_id, tombstoned, int(commit_no))
            rows = subtract_rows(rows, tombstoned)
        insert_columns(self._connection, _key, base_table_columns(config_id, rows))

    def _replace_with_tombstones(
        self, config_id: int, rows: IntArray, record_ids: Collection[int]
    ) -> tuple[IntArray, IntArray]:
        """Cancel records' old blocking keys without visiting the main key table.

        Args:
            config_id: number of the configuration.
            rows: visibility group, key and record number of the keys that the records will have.
            record_ids: the records.

        Returns:
            Rows to write into a segment, and base-table rows that need key tombstones.
        """
        base_rows, segment_rows = [EMPTY_ROWS], [EMPTY_ROWS]
        for chunk in iter_chunks(record_ids):
            forward_rows = self.forward.read_rows(config_id, chunk)
            oldest_commit = self._oldest_segment_commit(config_id)
            keys_in_segments = group_keys_by_record(row for row in forward_rows if row[3] >= oldest_commit)
            self.segments.add_record_tombstones(config_id, keys_in_segments)
            # Any of these keys may be in the base table as well.
            segment_rows.append(unpack_rows(keys_in_segments))
            base_rows.append(
                unpack_rows(group_keys_by_record(row for row in forward_rows if row[3] < oldest_commit))
            )
            if forward_rows:
                self.forward.delete(config_id, [row[0] for row in forward_rows])
                self._note_lost_keys(config_id, unpack_rows(group_keys_by_record(forward_rows)))
        entries, tombstones = split_unshared_rows(rows, np.concatenate(base_rows, axis=1))
        return entries, np.concatenate([tombstones, *segment_rows], axis=1)

    def _delete_all_but(self, config_id: int, rows: IntArray, record_ids: Collection[int]) -> IntArray:
        """Delete records' old blocking keys, except main-table rows that stay.

        Args:
            config_id: number of the configuration.
            rows: visibility group, key and record number of the keys that the records will have.
            record_ids: the records.

        Returns:
            The rows that the records had in the base table.
        """
        base_rows = [EMPTY_ROWS]
        for chunk in iter_chunks(record_ids):
            forward_rows = self.forward.read_rows(config_id, chunk)
            oldest_commit = self._oldest_segment_commit(config_id)
            rows_in_segments = [row for row in forward_rows if row[3] >= oldest_commit]
            self._delete_records(config_id, rows_in_segments)
            keys_in_base = group_keys_by_record(row for row in forward_rows if row[3] < oldest_commit)
            if keys_in_base:
                old_rows = unpack_rows(keys_in_base)
                obsolete_rows = sort_rows(subtract_rows(old_rows, rows))
                delete_by_columns(self._connection, _key, base_table_columns(config_id, obsolete_rows))
                self._note_lost_keys(config_id, obsolete_rows)
                base_rows.append(old_rows)
                self.forward.delete(config_id, list(keys_in_base))
        return np.concatenate(base_rows, axis=1)

    def _oldest_segment_commit(self, config_id: int) -> float:
        """Return the first commit number of the oldest key segment, or infinity.

        Keys that an earlier commit wrote are in no segment.
        """
        return min((segment.commit_no for segment in self.segments.segments_of(config_id)), default=inf)

    def delete(self, config_id: int, record_ids: Collection[int]) -> None:
        """Delete the blocking keys of records."""
        for chunk in iter_chunks(record_ids):
            self._delete_records(config_id, self.forward.read_rows(config_id, chunk))

    def delete_range(self, config_id: int, first: int, last: int) -> None:
        """Delete blocking keys of records numbered ``first`` to ``last``, inclusive."""
        self._delete_records(config_id, self.forward.read_range(config_id, first, last))

    def _delete_records(self, config_id: int, rows: Collection[Any]) -> None:
        if rows:
            keys_by_record = group_keys_by_record(rows)
            key_rows = sort_rows(unpack_rows(keys_by_record))
            delete_by_columns(self._connection, _key, base_table_columns(config_id, key_rows))
            self._note_lost_keys(config_id, key_rows)
            oldest_commit = self._oldest_segment_commit(config_id)
            self.segments.add_record_tombstones(
                config_id, [row[0] for row in rows if row[3] >= oldest_commit]
            )
            self.forward.delete(config_id, list(keys_by_record))

    def _note_lost_keys(self, config_id: int, rows: IntArray) -> None:
        """Mark purged keys that records have lost for a check."""
        self.purged_blocks.request_count(config_id, np.unique(rows[1]).tolist())

    def repair(self, config_id: int, mismatches: Collection[tuple[int, int, int]]) -> None:
        """Restore the blocking keys that searches read of damaged records.

        The forward index (all keys by record) tells which keys a record has.

        Args:
            config_id: number of the configuration.
            mismatches: visibility group, key and record number of each row that base table and segments have
                and the forward index lacks, or the other way round.
        """
        records = {row[2] for row in mismatches}
        # Tombstones concern whole records, so all keys of a damaged record go to the base table.
        self.segments.add_record_tombstones(config_id, records)
        true_rows = sort_rows(unpack_rows(self.forward.packed_keys(config_id, records)))
        wrong_rows = columns_from_rows(list(mismatches))
        for rows in (sort_rows(wrong_rows), true_rows):
            delete_by_columns(self._connection, _key, base_table_columns(config_id, rows))
        self._insert_into_base_table(config_id, true_rows, self._oldest_segment_commit(config_id))

    def delete_all(self, config_id: int | None) -> None:
        """Delete the blocking keys of one configuration, or of all with None."""
        self.forward.delete_all(config_id)
        statement = delete(_key)
        if config_id is not None:
            statement = statement.where(_key.c.config_id == config_id)
        self._connection.execute(statement)
        self.segments.delete_all(config_id)
        self.purged_blocks.delete_all(config_id)

    def iterate_searched_rows(self, config_id: int) -> Iterator[IntArray]:
        """Yield all blocking keys that searches read, main table before segments.

        They must equal the keys of ``forward.iterate_rows``.

        Yields:
            Arrays of shape (3, n): visibility group, key and record number.
        """
        tombstones = self.segments.key_tombstones(config_id)
        last_position, page_size = (_MIN_BIGINT, _MIN_BIGINT, _MIN_BIGINT), self._tuning.base_page_rows
        row_count = page_size
        while row_count == page_size:
            position_parameters = dict(zip(("group", "key", "record"), last_position, strict=True))
            rows = self._connection.execute(
                _BASE_TABLE_PAGE,
                {"config": config_id, "row_limit": page_size, **position_parameters},
            ).all()
            if (row_count := len(rows)) > 0:
                last_position = (rows[-1][0], rows[-1][1], rows[-1][2])
                page = columns_from_rows(rows)
                yield subtract_rows(page, _select_near_page(page, tombstones))
        yield from self.segments.iterate_rows(config_id)

    def find_records(
        self, config_id: int, groups: Collection[int], keys: Collection[int], limit_per_key: int | None = None
    ) -> list[tuple[int, int]]:
        """Return (key, record number) pairs of records that share given keys.

        Args:
            config_id: number of the configuration.
            groups: visibility groups to search.
            keys: blocking keys to look up.
            limit_per_key: if given, reading stops after this many pairs a key on average. If more than that
                many pairs for each key are returned, at least one key is over the limit.
        """
        # Segments first: a key that compaction moves in between is then found twice, but never missed.
        segment_matches = self.segments.find_records(config_id, groups, keys)
        pairs = segment_matches.pairs(limit_per_key and limit_per_key * len(keys) + 1)
        for chunk in iter_chunks(keys):
            parameters = {"config": config_id, "groups": groups, "keys": chunk}
            if limit_per_key is None:
                base_rows = self._fetch_rows(_ROWS_OF_KEYS_IN_GROUPS, parameters)
            else:
                # Enough to exceed the limit even after all tombstoned rows are left out.
                row_limit = limit_per_key * len(chunk) + 1 + segment_matches.tombstones.shape[1]
                base_rows = self._fetch_rows(
                    _LIMITED_ROWS_OF_KEYS_IN_GROUPS, parameters | {"row_limit": row_limit}
                )
            pairs += segment_matches.filter_tombstoned(base_rows)
        return pairs

    def _fetch_rows(self, statement: Executable, parameters: Mapping[str, Any]) -> list[tuple[int, int, int]]:
        """Run a query for blocking keys; return rows of three integers."""
        return [(row[0], row[1], row[2]) for row in self._connection.execute(statement, parameters)]

    def large_keys(self, config_id: int, threshold: int) -> list[tuple[int, int]]:
        """Return blocking keys that many records share, with record counts.

        The largest come first.

        Args:
            config_id: number of the configuration.
            threshold: record count that a key must exceed.
        """
        keys, counts = self.segments.key_sizes(config_id)
        # A key above the threshold exceeds half of it in segments or in the base table.
        base_threshold = threshold // 2 if keys.size else threshold
        rows = self._connection.execute(_LARGE_KEY_SIZES, {"config": config_id, "threshold": base_threshold})
        sizes = Counter({row[0]: row[1] for row in rows})
        for chunk in iter_chunks(keys[counts > base_threshold].tolist()):
            rows = self._connection.execute(_SIZES_OF_KEYS, {"config": config_id, "keys": chunk})
            sizes.update(dict.fromkeys(chunk, 0) | {row[0]: row[1] for row in rows if row[0] not in sizes})
        self._subtract_tombstoned(config_id, sizes)
        shared_keys, _, places = np.intersect1d(
            np.fromiter(sizes, np.int64), keys, assume_unique=True, return_indices=True
        )
        sizes.update(dict(zip(shared_keys.tolist(), counts[places].tolist(), strict=True)))
        large = [(key, size) for key, size in sizes.items() if size > threshold]
        return sorted(large, key=lambda item: (-item[1], item[0]))

    def _subtract_tombstoned(self, config_id: int, sizes: Counter[int]) -> None:
        """Subtract cancelled main-table rows from record counts of blocking keys.

        The counts change in place.
        """
        tombstones = self.segments.key_tombstones(config_id)
        for key_chunk in _chunk_keys_by_size(
            {key: sizes[key] for key in sizes.keys() & set(np.unique(tombstones[1]).tolist())},
            self._tuning.base_page_rows,
        ):
            base_rows = columns_from_rows(
                self._fetch_rows(_ROWS_OF_KEYS, {"config": config_id, "keys": key_chunk})
            )
            keys, counts = np.unique(subtract_rows(base_rows, tombstones)[1], return_counts=True)
            live_sizes = dict(zip(keys.tolist(), counts.tolist(), strict=True))
            sizes.update({key: live_sizes.get(key, 0) - sizes[key] for key in key_chunk})

    def find_records_in_parts(
        self, config_id: int, groups: Collection[int], keys: Collection[int]
    ) -> Iterator[IntArray]:
        """Yield key and record arrays of records that share many given keys.

        Like ``find_records`` without a limit. Ascending keys are looked up fastest.

        Yields:
            Arrays of shape (2, n): key and record number.
        """
        segment_matches = self.segments.find_records(config_id, groups, keys)
        yield from segment_matches.entries
        yield from map(
            segment_matches.without_tombstoned, self.find_in_base_table(config_id, groups, iter_chunks(keys))
        )

    def find_in_base_table(
        self, config_id: int, groups: Collection[int], parts: Iterable[Collection[int]]
    ) -> Iterator[IntArray]:
        """Yield the main key table's rows of keys, by key list.

        Segments and the keys that they cancel are not considered.

        Segments and key tombstones are not considered.

        Args:
            config_id: number of the configuration.
            groups: visibility groups to search.
            parts: lists of keys.

        Yields:
            Arrays of shape (3, n): visibility group, key and record number.
        """
        if not self._is_sqlite:
            for part in parts:
                parameters = {"config": config_id, "groups": groups, "keys": part}
                yield columns_from_rows(self._fetch_rows(_ROWS_OF_KEYS_IN_GROUPS, parameters))
            return
        # Handing over single rows costs more than finding them.
        statement = (
            "SELECT json_group_array(k.key), json_group_array(k.record_id) "
            "FROM json_each(?) AS wanted CROSS JOIN blocking_key AS k "
            "WHERE k.config_id = ? AND k.group_id = ? AND k.key = wanted.value"
        )
        driver: Any = self._connection.connection.driver_connection
        for part in parts:
            keys_json = orjson.dumps(list(part)).decode()
            for group in groups:
                columns = driver.execute(statement, (keys_json, config_id, group)).fetchone()
                keys, records = (orjson.loads(column) for column in columns)
                rows = np.full((3, len(keys)), group, np.int64)
                rows[1:] = keys, records
                yield rows


def columns_from_rows(rows: Sequence[Any]) -> IntArray:
    """Convert rows of three integers to an array of shape (3, n)."""
    return np.array([tuple(row) for row in rows], np.int64).reshape(-1, 3).T


def _chunk_keys_by_size(sizes: Mapping[int, int], page_rows: int) -> Iterator[list[int]]:
    """Yield lists of blocking keys that together have about ``page_rows`` records."""
    chunk: list[int] = []
    record_count = 0
    for key, size in sizes.items():
        chunk.append(key)
        record_count += size
        if record_count >= page_rows or len(chunk) == CHUNK_SIZE:
            yield chunk
            chunk, record_count = [], 0
    if chunk:
        yield chunk


def _select_near_page(page: IntArray, rows: IntArray) -> IntArray:
    """Return rows that may lie within a page of the key table."""
    first, last = page[:2, 0], page[:2, -1]
    if first[0] != last[0]:
        return rows
    groups, keys, _ = rows
    return rows[:, (groups == first[0]) & (keys >= first[1]) & (keys <= last[1])]
