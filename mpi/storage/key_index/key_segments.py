"""Segments of the blocking-key index: writing and compaction.

The keys of a few thousand records are spread over the whole base table, so that adding them rewrites
nearly every page. A segment stores them sorted, in two values of one row, and is written and read as
fast as memory is copied. Compaction later moves keys into the base table in key order, so that each
page is written once for all waiting segments.

Keys that records had in the base table and have lost are key tombstones in the segment. The rows stay
in the base table until compaction, and searches leave them out.

A segment never changes. Deleted records get a record tombstone in a table of its own. When a record is
expunged, its segments are rewritten under new marks.
"""

import secrets
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, Connection, bindparam, delete, func, insert, select, text, update

from mpi.domain.tuning import DEFAULT_TUNING
from mpi.storage.driver.bulk_rows import delete_by_columns, insert_columns
from mpi.storage.driver.in_list import is_in
from mpi.storage.key_index.segment_arrays import (
    EMPTY_ROWS,
    STORED_DTYPE,
    IntArray,
    Segment,
    SegmentContent,
    concatenate_rows,
    merge_sorted_rows,
    sort_distinct,
    sort_rows,
    subtract_rows,
)
from mpi.storage.key_index.segment_reader import ARRAY_COLUMNS, SegmentReader
from mpi.storage.tables import BlockingKeyRow, GoneFromRunsRow, KeyMergeRow, KeyRunRow, table_of

_key = table_of(BlockingKeyRow)
_segment = table_of(KeyRunRow)
_tombstone = table_of(GoneFromRunsRow)
_cursor = table_of(KeyMergeRow)

_DELETES_PER_COMPACTED_ROW = 40
"""Rows deleted in the time of compacting one row."""

_INSERT_SEGMENT = insert(_segment).values(
    number=select(func.coalesce(func.max(_segment.c.number), 0) + 1).scalar_subquery(),
    **{column.name: bindparam(column.name) for column in _segment.c if column.name != "number"},
)
_REWRITE_SEGMENT = (
    update(_segment)
    .where(_segment.c.number == bindparam("of"))
    .values({name: bindparam(name) for name in ("mark", "records", "size", *ARRAY_COLUMNS)})
)
_DELETE_SEGMENTS = delete(_segment).where(is_in(_segment.c.number, "numbers"))


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
_DELETE_TOMBSTONES = delete(_tombstone).where(
    _tombstone.c.config_id == bindparam("config"), _tombstone.c.run <= bindparam("upto")
)


class KeySegments(SegmentReader):
    """Repository of key-index segments: blocking keys not yet in the main table.

    New keys are written to small segments, which compaction later moves into the main key table (base table).
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._joined_keys = getattr(connection, "tuning", DEFAULT_TUNING.storage).joined_keys

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
        **dict(zip(ARRAY_COLUMNS, columns, strict=True)),
    }
