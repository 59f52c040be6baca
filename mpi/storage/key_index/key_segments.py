"""Segments of the blocking-key index: writing, reading and compaction.

The keys of a few thousand records are spread over the whole base table, so that adding them rewrites
nearly every page. A segment stores them sorted, in two values of one row, and is written and read as
fast as memory is copied. Compaction later moves keys into the base table in key order, so that each
page is written once for all waiting segments.

Keys that records had in the base table and have lost are key tombstones in the segment. The rows stay
in the base table until compaction, and searches leave them out.

A segment never changes, so each process caches those that it has read. Deleted records get a record
tombstone in a table of its own. The compaction cursor tells how far compaction has come, so that each
snapshot has each key exactly once. When a record is expunged, its segments are rewritten under new
marks.
"""

import secrets
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import BigInteger, Connection, bindparam, delete, func, insert, select, text, update

from mpi.domain.tuning import DEFAULT_TUNING
from mpi.storage.driver.bulk_rows import delete_by_columns, insert_columns
from mpi.storage.driver.in_list import is_in
from mpi.storage.key_index.segment_arrays import (
    EMPTY_ROWS,
    STORED_DTYPE,
    CompactionCursor,
    IntArray,
    Segment,
    SegmentContent,
    SegmentRows,
    concatenate_rows,
    merge_sorted_rows,
    sort_distinct,
    sort_rows,
    subtract_rows,
)
from mpi.storage.tables import BlockingKeyRow, GoneFromRunsRow, KeyMergeRow, KeyRunRow, table_of

_key = table_of(BlockingKeyRow)
_segment = table_of(KeyRunRow)
_tombstone = table_of(GoneFromRunsRow)
_cursor = table_of(KeyMergeRow)

_DELETES_PER_COMPACTED_ROW = 40
"""Rows deleted in the time of compacting one row."""
_MAX_LOOKED_UP_RECORDS = 5_000
"""Records up to which tombstones are looked up by record.

Above it, all tombstones are read.
"""

_SEGMENTS = select(
    _segment.c.number,
    _segment.c.config_id,
    _segment.c.mark,
    _segment.c.group_id,
    _segment.c.records,
    _segment.c.size,
    _segment.c.commit_no,
    func.length(_segment.c.lost_keys, type_=BigInteger()) // STORED_DTYPE.itemsize,
).order_by(_segment.c.number)
_ARRAY_COLUMNS = ("keys", "record_ids", "lost_keys", "lost_ids")
_ARRAYS_OF_SEGMENT = select(*(_segment.c[name] for name in _ARRAY_COLUMNS)).where(
    _segment.c.number == bindparam("number")
)
_INSERT_SEGMENT = insert(_segment).values(
    number=select(func.coalesce(func.max(_segment.c.number), 0) + 1).scalar_subquery(),
    **{column.name: bindparam(column.name) for column in _segment.c if column.name != "number"},
)
_REWRITE_SEGMENT = (
    update(_segment)
    .where(_segment.c.number == bindparam("of"))
    .values({name: bindparam(name) for name in ("mark", "records", "size", *_ARRAY_COLUMNS)})
)
_DELETE_SEGMENTS = delete(_segment).where(is_in(_segment.c.number, "numbers"))
_CURSORS = select(_cursor.c.config_id, _cursor.c.upto, _cursor.c.group_id, _cursor.c.key, _cursor.c.record_id)


def _bigint_parameters(*names: str) -> list[Any]:
    """Return 64-bit integer parameters of the given names."""
    return [bindparam(name, type_=BigInteger()) for name in names]


_UPSERT_CURSOR = text(
    "INSERT INTO key_merge (config_id, upto, group_id, key, record_id) "
    "VALUES (:config, :upto, :group, :key, :record) ON CONFLICT (config_id) "
    "DO UPDATE SET upto = excluded.upto, group_id = excluded.group_id, key = excluded.key, "
    "record_id = excluded.record_id"
).bindparams(*_bigint_parameters("config", "upto", "group", "key", "record"))
_DELETE_CURSOR = delete(_cursor).where(_cursor.c.config_id == bindparam("config"))
_UPSERT_TOMBSTONE = text(
    "INSERT INTO gone_from_runs (config_id, record_id, run) VALUES (:config, :record, :run) "
    "ON CONFLICT (config_id, record_id) DO UPDATE SET run = excluded.run"
).bindparams(*_bigint_parameters("config", "record", "run"))
_TOMBSTONES = select(_tombstone.c.record_id, _tombstone.c.run).where(
    _tombstone.c.config_id == bindparam("config")
)
_TOMBSTONES_OF_RECORDS = _TOMBSTONES.where(is_in(_tombstone.c.record_id, "ids"))
_DELETE_TOMBSTONES = delete(_tombstone).where(
    _tombstone.c.config_id == bindparam("config"), _tombstone.c.run <= bindparam("upto")
)


class UncompactedKeys(NamedTuple):
    """The amount of blocking keys that wait to be compacted from segments.

    Args:
        record_count: number of records with keys in segments.
        is_compacting: whether a compaction has moved some of them already.
    """

    record_count: int
    is_compacting: bool


class SegmentMatches(NamedTuple):
    """Rows of key-index segments that match searched blocking keys.

    Args:
        entries: arrays of shape (2, n), key and record number, one for each segment.
        tombstones: array of shape (3, n): visibility group, key and record number of matching base-table
            rows that no longer count.
    """

    entries: list[IntArray]
    tombstones: IntArray

    def without_tombstoned(self, base_rows: IntArray) -> IntArray:
        """Drop cancelled rows from main-table matches; return key and record columns.

        Args:
            base_rows: array of shape (3, n): visibility group, key and record number.
        """
        return subtract_rows(base_rows, self.tombstones)[1:]

    def filter_tombstoned(self, base_rows: Collection[tuple[int, int, int]]) -> list[tuple[int, int]]:
        """Drop cancelled rows from main-table matches; return (key, record) pairs.

        Quicker than ``without_tombstoned`` for few rows.
        """
        tombstones = set(zip(*self.tombstones.tolist(), strict=True))
        return [row[1:] for row in base_rows if row not in tombstones]

    def pairs(self, limit: int | None = None) -> list[tuple[int, int]]:
        """Return up to ``limit`` matching (blocking key, record) pairs of the segments."""
        return [(key, record) for part in self.entries for key, record in part.T[:limit].tolist()][:limit]


NO_MATCHES = SegmentMatches([], EMPTY_ROWS)
"""Matches of a search where no segment exists."""


class KeySegments:
    """Repository of key-index segments: blocking keys not yet in the main table.

    New keys are written to small segments, which compaction later moves into the main key table (base table).
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._joined_keys = getattr(connection, "tuning", DEFAULT_TUNING.storage).joined_keys
        self._requested: Any = None
        self._segments: list[Segment] | None = None

    def prefetch(self) -> None:
        """Send the query for the list of key segments ahead of others.

        Queries sent later miss no key. If each statement has its own snapshot, a key that is compacted
        between two statements is found twice.
        """
        if (
            self._connection.dialect.name == "postgresql"
            and self._segments is None
            and self._requested is None
        ):
            self._requested = self._connection.execute(_SEGMENTS)

    def segments_of(self, config_id: int) -> list[Segment]:
        """Return the key-index segments of a matching configuration, oldest first."""
        return [segment for segment in self._all_segments() if segment.config_id == config_id]

    def _all_segments(self) -> list[Segment]:
        if self._segments is None:
            requested, self._requested = self._requested, None
            rows: Any = self._connection.execute(_SEGMENTS) if requested is None else requested
            self._segments = [Segment(*row) for row in rows]
        return self._segments

    def _forget_segments(self) -> None:
        self._segments = self._requested = None

    def write(
        self, config_id: int, rows: IntArray, commit_no: int, tombstones: IntArray = EMPTY_ROWS
    ) -> None:
        """Write new and cancelled blocking keys as key-index segments.

        Each visibility group gets a segment.

        Args:
            config_id: number of the configuration.
            rows: array of shape (3, n): visibility group, key and record number, ascending.
            commit_no: commit number of the transaction.
            tombstones: rows of the same shape in the base table that no longer count. A row in both arrays
                counts.
        """
        for group in sort_distinct(np.concatenate([rows[0], tombstones[0]])).tolist():
            entries, group_tombstones = (array[1:, array[0] == group] for array in (rows, tombstones))
            joined_segments = self._joinable_segments(
                config_id, group, entries.shape[1] + group_tombstones.shape[1]
            )
            contents = [self._cached_content(segment) for segment in joined_segments]
            live_rows = self._without_deleted_records(config_id, [content.entries for content in contents])
            entries = merge_sorted_rows([entries, *(part.pairs for part in live_rows)])
            group_tombstones = merge_sorted_rows(
                [group_tombstones, *(content.tombstones.pairs for content in contents)]
            )
            self._connection.execute(
                _INSERT_SEGMENT,
                {
                    "config_id": config_id,
                    "group_id": group,
                    "commit_no": min([commit_no, *(segment.commit_no for segment in joined_segments)]),
                    **_segment_values(entries, group_tombstones),
                },
            )
            # Deleted after the insertion, so that the new segment gets a greater number.
            self._delete_segments([segment.number for segment in joined_segments])

    def _joinable_segments(self, config_id: int, group: int, size: int) -> list[Segment]:
        """Return the newest key segments small enough to join with new keys.

        Segments under compaction are never joined.
        """
        cursor = self._read_cursor(config_id)
        candidates = [
            segment
            for segment in self.segments_of(config_id)
            if segment.group_id == group and (cursor is None or segment.number > cursor.last_segment)
        ]
        joinable = []
        while (
            candidates
            and candidates[-1].row_count <= size
            and candidates[-1].row_count + size <= self._joined_keys
        ):
            joinable.append(candidates.pop())
            size += joinable[-1].row_count
        return joinable

    def add_record_tombstones(self, config_id: int, record_ids: Collection[int]) -> None:
        """Mark all blocking keys that segments hold of records as deleted."""
        segments = self.segments_of(config_id)
        if segments and record_ids:
            last_segment = segments[-1].number
            tombstones = [
                {"config": config_id, "record": record, "run": last_segment} for record in record_ids
            ]
            self._connection.execute(_UPSERT_TOMBSTONE, tombstones)

    def erase(self, records: Collection[int]) -> None:
        """Destroy every key-segment row of records, rewriting the segments.

        A record tombstone would leave the hashes in the file. Base-table rows with a key tombstone of these
        records are deleted as well.
        """
        if not records:
            return
        erased_records = np.fromiter(records, np.int64, len(records))
        for segment in self._all_segments():
            content = self._read_content(segment)
            remaining = content.without_records(erased_records)
            if remaining.row_count < content.row_count:
                self._delete_from_base_table(
                    segment.config_id, subtract_rows(content.tombstones.rows, remaining.tombstones.rows)
                )
                self._connection.execute(
                    _REWRITE_SEGMENT,
                    {
                        "of": segment.number,
                        **_segment_values(remaining.entries.pairs, remaining.tombstones.pairs),
                    },
                )
        self._forget_segments()

    def delete_all(self, config_id: int | None) -> None:
        """Delete the key segments of one configuration, or of all with None."""
        for table in (_segment, _tombstone, _cursor):
            statement = delete(table)
            if config_id is not None:
                statement = statement.where(table.c.config_id == config_id)
            self._connection.execute(statement)
        self._forget_segments()

    def find_records(self, config_id: int, groups: Collection[int], keys: Collection[int]) -> SegmentMatches:
        """Return the segments' new and cancelled rows for given blocking keys.

        Args:
            config_id: number of the configuration.
            groups: visibility groups to search.
            keys: blocking keys to look up.
        """
        contents = [
            content for content in self._cached_contents(config_id) if content.segment.group_id in groups
        ]
        if not contents:
            return NO_MATCHES
        wanted_keys = np.fromiter(keys, np.int64, len(keys))
        wanted_keys.sort()
        entries = [
            part for content in contents if len((part := content.entries.rows_with_keys(wanted_keys)).keys)
        ]
        tombstones = [
            content.tombstones.rows_with_keys(wanted_keys)
            for content in contents
            if content.segment.tombstone_count
        ]
        return SegmentMatches(
            [part.pairs for part in self._without_deleted_records(config_id, entries)],
            concatenate_rows(tombstones),
        )

    def iterate_rows(self, config_id: int) -> Iterator[IntArray]:
        """Yield the valid blocking keys of each segment, read from the database.

        Yields:
            Arrays of shape (3, n): visibility group, key and record number.
        """
        for content in self._stored_contents(config_id):
            yield from (
                live_rows.rows for live_rows in self._without_deleted_records(config_id, [content.entries])
            )

    def key_tombstones(self, config_id: int) -> IntArray:
        """Return rows of the main key table that segments cancel.

        They are read from the database.

        Returns:
            Array of shape (3, n): visibility group, key and record number.
        """
        return concatenate_rows([content.tombstones for content in self._stored_contents(config_id)])

    def select_tombstoned(self, config_id: int, rows: IntArray) -> IntArray:
        """Return those of the given main-table rows that segments would cancel."""
        if not any(segment.tombstone_count for segment in self.segments_of(config_id)):
            return EMPTY_ROWS
        wanted_keys = np.unique(rows[1])
        tombstones = concatenate_rows(
            [content.tombstones.rows_with_keys(wanted_keys) for content in self._cached_contents(config_id)]
        )
        return subtract_rows(rows, subtract_rows(rows, tombstones))

    def key_sizes(self, config_id: int) -> tuple[IntArray, IntArray]:
        """Return every blocking key in segments, ascending, and its record count."""
        key_arrays = [rows[1] for rows in self.iterate_rows(config_id)]
        return np.unique(np.concatenate([np.empty(0, np.int64), *key_arrays]), return_counts=True)

    def uncompacted(self, config_id: int) -> UncompactedKeys:
        """Return the amount of blocking keys that wait for compaction."""
        record_count = sum(segment.record_count for segment in self.segments_of(config_id))
        return UncompactedKeys(record_count, is_compacting=self._read_cursor(config_id) is not None)

    def count_uncompacted_rows(self) -> int:
        """Return an upper bound of segment rows that await compaction.

        All configurations count. It is 0 only if there is no segment.
        """
        # One more for each segment, since compaction must also delete a segment without live rows.
        return sum(segment.row_count + 1 for segment in self._all_segments())

    def newest_mark(self) -> int | None:
        """Return the random identifier of the newest key segment, or None."""
        return self._all_segments()[-1].mark if self._all_segments() else None

    def compaction_cursors(self) -> frozenset[tuple[int, ...]]:
        """Return how far compactions of key segments under way have come.

        A changed cursor shows that another process compacts.
        """
        return frozenset(tuple(row) for row in self._connection.execute(_CURSORS))

    def compact(self, limit: int) -> int:
        """Move the next keys of segments into the main key table.

        The lowest keys come first.

        A compaction handles the segments that exist when it begins, from the lowest key to the highest.
        Segments written meanwhile wait for the next compaction. The configuration with the highest number
        comes first.

        Args:
            limit: maximum number of keys to move, but at least one for each segment.

        Returns:
            Number of rows moved or deleted with their segment; 0 only if there is no segment.
        """
        if not self._all_segments():
            return 0
        config_id = max(segment.config_id for segment in self._all_segments())
        cursor = self._read_cursor(config_id)
        last_segment = self.segments_of(config_id)[-1].number if cursor is None else cursor.last_segment
        contents = [
            content for content in self._cached_contents(config_id) if content.segment.number <= last_segment
        ]
        waiting_parts = [part for content in contents for part in content.parts]
        if not waiting_parts:
            return self._delete_compacted(
                config_id,
                [content.segment for content in contents],
                last_segment,
                limit * _DELETES_PER_COMPACTED_ROW,
            )
        share = max(1, limit // len(waiting_parts))
        # No segment has more than its share of rows up to the nearest of these positions.
        ends = [part.position_of(share - 1) for part in waiting_parts if len(part.keys) > share]
        end_position = min(ends) if ends else max(part.position_of(-1) for part in waiting_parts)
        moved_contents = [content.rows_up_to(end_position) for content in contents]
        self._move_to_base_table(config_id, moved_contents)
        group, key, record = end_position
        cursor_parameters = {
            "config": config_id,
            "upto": last_segment,
            "group": group,
            "key": key,
            "record": record,
        }
        self._connection.execute(_UPSERT_CURSOR, cursor_parameters)
        return sum(content.row_count for content in moved_contents)

    def _move_to_base_table(self, config_id: int, contents: Sequence[SegmentContent]) -> None:
        """Insert segments' new keys into the main key table; delete cancelled ones."""
        entries = concatenate_rows(
            self._without_deleted_records(config_id, [content.entries for content in contents])
        )
        # A tombstoned row that is also an entry stays in the base table.
        self._delete_from_base_table(
            config_id, subtract_rows(concatenate_rows([content.tombstones for content in contents]), entries)
        )
        # A damaged index may have a row in both places: compaction ignores the duplicate.
        insert_columns(self._connection, _key, base_table_columns(config_id, sort_rows(entries)), if_new=True)

    def _delete_from_base_table(self, config_id: int, rows: IntArray) -> None:
        """Delete rows from the main key table in order of its pages."""
        delete_by_columns(self._connection, _key, base_table_columns(config_id, sort_rows(rows)))

    def _delete_compacted(
        self, config_id: int, segments: Sequence[Segment], last_segment: int, limit: int
    ) -> int:
        """Delete compacted key segments; deleting the last ends the compaction."""
        deleted_numbers: list[int] = []
        deleted_rows = 0
        for segment in segments:
            if deleted_numbers and deleted_rows + segment.row_count > limit:
                break
            deleted_numbers.append(segment.number)
            deleted_rows += segment.row_count
        self._delete_segments(deleted_numbers)
        if len(deleted_numbers) == len(segments):
            self._connection.execute(_DELETE_CURSOR, {"config": config_id})
            self._connection.execute(_DELETE_TOMBSTONES, {"config": config_id, "upto": last_segment})
        return max(deleted_rows, 1)

    def _delete_segments(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._connection.execute(_DELETE_SEGMENTS, {"numbers": numbers})
        self._forget_segments()

    def _read_cursor(self, config_id: int) -> CompactionCursor | None:
        """Return how far a configuration's compaction of key segments is, or None."""
        if not self._all_segments():
            return None
        for config, last_segment, group, key, record in self._connection.execute(_CURSORS):
            if config == config_id:
                return CompactionCursor(last_segment, (group, key, record))
        return None

    def _cached_contents(self, config_id: int) -> list[SegmentContent]:
        """Return the uncompacted content of each key segment, from the cache.

        Rows of deleted records are included.
        """
        self._evict_deleted()
        segments = self.segments_of(config_id)
        if not segments:
            return []
        cursor = self._read_cursor(config_id)
        return [self._cached_content(segment).uncompacted(cursor) for segment in segments]

    def _stored_contents(self, config_id: int) -> Iterator[SegmentContent]:
        """Yield the uncompacted content of each key segment, from the database."""
        cursor = self._read_cursor(config_id)
        return (self._read_content(segment).uncompacted(cursor) for segment in self.segments_of(config_id))

    def _cached_content(self, segment: Segment) -> SegmentContent:
        cache = self._cache
        if (content := cache.get(segment.mark)) is None:
            content = cache[segment.mark] = self._read_content(segment)
        return content

    def _read_content(self, segment: Segment) -> SegmentContent:
        row = self._connection.execute(_ARRAYS_OF_SEGMENT, {"number": segment.number}).one()
        keys, records, lost_keys, lost_ids = (np.frombuffer(column, STORED_DTYPE) for column in row)
        return SegmentContent(SegmentRows(segment, keys, records), SegmentRows(segment, lost_keys, lost_ids))

    @property
    def _cache(self) -> dict[int, SegmentContent]:
        cache: dict[int, SegmentContent] = getattr(self._connection, "immutable_cache", {}).setdefault(
            "key_run", {}
        )
        return cache

    def _evict_deleted(self) -> None:
        """Remove deleted key segments from the cache.

        A segment that is newer than all segments of this snapshot may belong to a later transaction, and
        stays.
        """
        cache, segments = self._cache, self._all_segments()
        if not cache:
            return
        marks, last_commit = (
            {segment.mark for segment in segments},
            max((segment.commit_no for segment in segments), default=None),
        )
        for mark, content in list(cache.items()):
            if mark not in marks and (last_commit is None or content.segment.commit_no <= last_commit):
                cache.pop(mark, None)

    def _without_deleted_records(self, config_id: int, parts: Sequence[SegmentRows]) -> list[SegmentRows]:
        """Return segment rows without those of records marked as deleted."""
        if not parts:
            return []
        if sum(len(part.record_ids) for part in parts) <= _MAX_LOOKED_UP_RECORDS:
            records = sorted({record for part in parts for record in part.record_ids.tolist()})
            rows = self._connection.execute(_TOMBSTONES_OF_RECORDS, {"config": config_id, "ids": records})
        else:
            rows = self._connection.execute(_TOMBSTONES, {"config": config_id})
        tombstones = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 2).T
        return [part.without_records(tombstones[0][tombstones[1] >= part.segment.number]) for part in parts]


def base_table_columns(config_id: int, rows: IntArray) -> dict[str, list[int]]:
    """Convert blocking-key rows to columns of the main key table.

    Args:
        config_id: number of the configuration.
        rows: array of shape (3, n): visibility group, key and record number.
    """
    groups, keys, records = (column.tolist() for column in rows)
    return {"config_id": [config_id] * len(keys), "group_id": groups, "key": keys, "record_id": records}


def _segment_values(entries: IntArray, tombstones: IntArray) -> dict[str, Any]:
    """Return the column values of a new key segment, with random identifier."""
    columns = (column.astype(STORED_DTYPE).tobytes() for column in (*entries, *tombstones))
    return {
        "mark": secrets.randbits(63),
        "records": len(sort_distinct(np.concatenate([entries[1], tombstones[1]]))),
        "size": entries.shape[1] + tombstones.shape[1],
        **dict(zip(_ARRAY_COLUMNS, columns, strict=True)),
    }
