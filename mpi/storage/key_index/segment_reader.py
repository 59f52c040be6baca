"""Reading of segments of the blocking-key index, and their cache.

A segment never changes, so each process caches those that it has read. Keys that records had in the base
table and have lost are key tombstones in a segment. Deleted records have a record tombstone in a table of its
own. The compaction cursor tells how far compaction has come, so that each snapshot has each key exactly once.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import BigInteger, Connection, bindparam, func, select

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
    subtract_rows,
)
from mpi.storage.tables import GoneFromRunsRow, KeyMergeRow, KeyRunRow, table_of

_segment = table_of(KeyRunRow)
_tombstone = table_of(GoneFromRunsRow)
_cursor = table_of(KeyMergeRow)

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
ARRAY_COLUMNS = ("keys", "record_ids", "lost_keys", "lost_ids")
_ARRAYS_OF_SEGMENT = select(*(_segment.c[name] for name in ARRAY_COLUMNS)).where(
    _segment.c.number == bindparam("number")
)
_CURSORS = select(_cursor.c.config_id, _cursor.c.upto, _cursor.c.group_id, _cursor.c.key, _cursor.c.record_id)
_TOMBSTONES = select(_tombstone.c.record_id, _tombstone.c.run).where(
    _tombstone.c.config_id == bindparam("config")
)
_TOMBSTONES_OF_RECORDS = _TOMBSTONES.where(is_in(_tombstone.c.record_id, "ids"))


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


class SegmentReader:
    """Reader of key-index segments: blocking keys not yet in the main table.

    Args:
        connection: connection with an open transaction.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
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
