"""The blocking keys that loads wrote last, as sorted runs: the table of all is gone to for many at once.

The keys of some thousand records lie everywhere among those of a million: to add them is to write nearly
every page of the table, or of its index. A run has them in two columns, each one value: a hundredth of the
rows, which is written and read as fast as memory is copied. From there they are merged into the table of all
in the order of their keys, so that each of its pages is written once for all the runs that wait.

Keys that records had among all and have lost are in the run as well, and stay among all until it is merged:
to take them out is to go to nearly every page too. Whoever searches leaves them out.

A run never changes, so that a process keeps those that it has read. What is dropped is noted beside them, and
so is how far a merge has come: a snapshot has each key once. Where a record is expunged its runs are written
anew, under other marks.
"""

import secrets
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import BigInteger, Connection, bindparam, delete, func, insert, select, text, update

from mpi.storage.driver.bulk_rows import delete_by_columns, insert_columns
from mpi.storage.driver.in_list import is_in
from mpi.storage.key_index.segment_arrays import (
    STORED_DTYPE,
    EMPTY_ROWS,
    SegmentContent,
    CompactionCursor,
    IntArray,
    SegmentRows,
    Segment,
    sort_rows,
    concatenate_rows,
    subtract_rows,
    merge_sorted_rows,
)
from mpi.storage.tables import BlockingKeyRow, GoneFromRunsRow, KeyMergeRow, KeyRunRow

_key = BlockingKeyRow.__table__  # type: ignore[attr-defined]
_segment = KeyRunRow.__table__  # type: ignore[attr-defined]
_tombstone = GoneFromRunsRow.__table__  # type: ignore[attr-defined]
_cursor = KeyMergeRow.__table__  # type: ignore[attr-defined]

MAX_JOINED_KEYS = 60_000
"""That small transactions' runs, which come one after the other, are put together up to."""
_DELETES_PER_COMPACTED_ROW = 40
"""Rows of merged runs that are dropped in the time in which one is merged."""
_MAX_LOOKED_UP_RECORDS = 5_000
"""Records of which it is asked by number whether they are gone; beyond that all that are gone are read."""

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
_ARRAYS_OF_SEGMENT = select(*(_segment.c[name] for name in _ARRAY_COLUMNS)).where(_segment.c.number == bindparam("number"))
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
_TOMBSTONES = select(_tombstone.c.record_id, _tombstone.c.run).where(_tombstone.c.config_id == bindparam("config"))
_TOMBSTONES_OF_RECORDS = _TOMBSTONES.where(is_in(_tombstone.c.record_id, "ids"))
_DELETE_TOMBSTONES = delete(_tombstone).where(_tombstone.c.config_id == bindparam("config"), _tombstone.c.run <= bindparam("upto"))


class UncompactedKeys(NamedTuple):
    """What waits to be merged.

    Args:
        record_count: how many have keys in runs.
        is_compacting: whether a merge has moved some of what waits already.
    """

    record_count: int
    is_compacting: bool


class SegmentMatches(NamedTuple):
    """What runs have of some keys.

    Args:
        entries: who has one of them: two columns, key and record; a part a run.
        tombstones: who is found among all by one of them, and has it no more: visibility group, key and record.
    """

    entries: list[IntArray]
    tombstones: IntArray

    def without_tombstoned(self, base_rows: IntArray) -> IntArray:
        """Key and record of what was found among all, without what was lost; given with the group."""
        return subtract_rows(base_rows, self.tombstones)[1:]

    def filter_tombstoned(self, base_rows: Collection[tuple[int, int, int]]) -> list[tuple[int, int]]:
        """The same, by row."""
        lost = set(zip(*self.tombstones.tolist(), strict=True))
        return [row[1:] for row in base_rows if row not in lost]

    def pairs(self, limit: int | None = None) -> list[tuple[int, int]]:
        """Who has one of the keys, or so many."""
        return [(key, record) for part in self.entries for key, record in part.T[:limit].tolist()][:limit]


NO_MATCHES = SegmentMatches([], EMPTY_ROWS)


class KeySegments:
    """The runs of every configuration, as one unit of work finds and leaves them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._requested: Any = None
        self._segments: list[Segment] | None = None

    def prefetch(self) -> None:
        """Send ahead the question which runs there are; of what is asked later none is missed.

        Where each statement is of a moment of its own a key that is merged between the two is found twice.
        """
        if self._connection.dialect.name == "postgresql" and self._segments is None and self._requested is None:
            self._requested = self._connection.execute(_SEGMENTS)

    def segments_of(self, config_id: int) -> list[Segment]:
        """The runs of a configuration, oldest first."""
        return [run for run in self._all_segments() if run.config_id == config_id]

    def _all_segments(self) -> list[Segment]:
        if self._segments is None:
            asked, self._requested = self._requested, None
            rows: Any = self._connection.execute(_SEGMENTS) if asked is None else asked
            self._segments = [Segment(*row) for row in rows]
        return self._segments

    def _forget_segments(self) -> None:
        self._segments = self._requested = None

    def write(self, config_id: int, rows: IntArray, commit_no: int, tombstones: IntArray = EMPTY_ROWS) -> None:
        """Add keys.

        Args:
            config_id: the configuration.
            rows: three columns, visibility group, key and record, ascending.
            commit_no: of the transaction.
            tombstones: the same of keys among all that their records have no more; rows of both are had.
        """
        for group in np.unique(np.concatenate([rows[0], tombstones[0]])).tolist():
            has, gone = (some[1:, some[0] == group] for some in (rows, tombstones))
            earlier = self._joinable_segments(config_id, group, has.shape[1] + gone.shape[1])
            contents = [self._cached_content(run) for run in earlier]
            standing = self._without_deleted_records(config_id, [content.entries for content in contents])
            has = merge_sorted_rows([has, *(part.pairs for part in standing)])
            gone = merge_sorted_rows([gone, *(content.tombstones.pairs for content in contents)])
            self._connection.execute(
                _INSERT_SEGMENT,
                {
                    "config_id": config_id,
                    "group_id": group,
                    "commit_no": min([commit_no, *(run.commit_no for run in earlier)]),
                    **_segment_values(has, gone),
                },
            )
            # After that which takes their place: its number is to be greater.
            self._delete_segments([run.number for run in earlier])

    def _joinable_segments(self, config_id: int, group: int, size: int) -> list[Segment]:
        """The last runs that are to be put together with so many keys; a merge has moved none of theirs."""
        merge = self._read_cursor(config_id)
        mine = [
            run
            for run in self.segments_of(config_id)
            if run.group_id == group and (merge is None or run.number > merge.last_segment)
        ]
        small = []
        while mine and mine[-1].row_count <= size and mine[-1].row_count + size <= MAX_JOINED_KEYS:
            small.append(mine.pop())
            size += small[-1].row_count
        return small

    def add_record_tombstones(self, config_id: int, record_ids: Collection[int]) -> None:
        """Note that what the runs have of these records is their keys no more."""
        runs = self.segments_of(config_id)
        if runs and record_ids:
            last = runs[-1].number
            gone = [{"config": config_id, "record": record, "run": last} for record in record_ids]
            self._connection.execute(_UPSERT_TOMBSTONE, gone)

    def erase(self, records: Collection[int]) -> None:
        """Destroy what any run has of some records: a note that they are gone would leave it there.

        What they have lost is no more among all either.
        """
        if not records:
            return
        wanted = np.fromiter(records, np.int64, len(records))
        for run in self._all_segments():
            content = self._read_content(run)
            left = content.without_records(wanted)
            if left.row_count < content.row_count:
                self._delete_from_base_table(run.config_id, subtract_rows(content.tombstones.rows, left.tombstones.rows))
                self._connection.execute(
                    _REWRITE_SEGMENT, {"of": run.number, **_segment_values(left.entries.pairs, left.tombstones.pairs)}
                )
        self._forget_segments()

    def delete_all(self, config_id: int | None) -> None:
        """Remove the runs of a configuration, or of all."""
        for table in (_segment, _tombstone, _cursor):
            statement = delete(table)
            if config_id is not None:
                statement = statement.where(table.c.config_id == config_id)
            self._connection.execute(statement)
        self._forget_segments()

    def find_records(self, config_id: int, groups: Collection[int], keys: Collection[int]) -> SegmentMatches:
        """Every record in those visibility groups that has one of the keys, or has lost it."""
        contents = [content for content in self._cached_contents(config_id) if content.segment.group_id in groups]
        if not contents:
            return NO_MATCHES
        wanted = np.fromiter(keys, np.int64, len(keys))
        wanted.sort()
        has = [part for content in contents if len((part := content.entries.rows_with_keys(wanted)).keys)]
        lost = [content.tombstones.rows_with_keys(wanted) for content in contents if content.segment.tombstone_count]
        return SegmentMatches([part.pairs for part in self._without_deleted_records(config_id, has)], concatenate_rows(lost))

    def iterate_rows(self, config_id: int) -> Iterator[IntArray]:
        """Visibility group, key and record of every row that records have, as stored; a run at a time."""
        for content in self._stored_contents(config_id):
            yield from (standing.rows for standing in self._without_deleted_records(config_id, [content.entries]))

    def key_tombstones(self, config_id: int) -> IntArray:
        """The same of those that records have lost, all at once."""
        return concatenate_rows([content.tombstones for content in self._stored_contents(config_id)])

    def select_tombstoned(self, config_id: int, rows: IntArray) -> IntArray:
        """Those of some rows that would not be found among all: there they were lost, and are so still."""
        if not any(run.tombstone_count for run in self.segments_of(config_id)):
            return EMPTY_ROWS
        wanted = np.unique(rows[1])
        lost = concatenate_rows([content.tombstones.rows_with_keys(wanted) for content in self._cached_contents(config_id)])
        return subtract_rows(rows, subtract_rows(rows, lost))

    def key_sizes(self, config_id: int) -> tuple[IntArray, IntArray]:
        """Every key that a run has, ascending, and how many records have it there."""
        own = [rows[1] for rows in self.iterate_rows(config_id)]
        return np.unique(np.concatenate([np.empty(0, np.int64), *own]), return_counts=True)

    def uncompacted(self, config_id: int) -> UncompactedKeys:
        """What waits of a configuration."""
        records = sum(run.record_count for run in self.segments_of(config_id))
        return UncompactedKeys(records, is_compacting=self._read_cursor(config_id) is not None)

    def count_uncompacted_rows(self) -> int:
        """How many keys wait at most, of all configurations; 0 only where none does."""
        # One more for each: one of which all is gone is dropped in a merge as well.
        return sum(run.row_count + 1 for run in self._all_segments())

    def newest_mark(self) -> int | None:
        """The mark of the run that was written last; None where there is none."""
        return self._all_segments()[-1].mark if self._all_segments() else None

    def compaction_cursors(self) -> frozenset[tuple[int, ...]]:
        """How far the merges that are under way have come: another where anybody goes on with one."""
        return frozenset(tuple(row) for row in self._connection.execute(_CURSORS))

    def compact(self, limit: int) -> int:
        """Move the next keys of the last configuration that has some among all, least first.

        A merge goes from the least key to the greatest of the runs that there are when it begins; what is put
        into others meanwhile is left to the next.

        Args:
            limit: keys that are moved at most, where that is as many as there are runs.

        Returns:
            how many were moved, or went with a run that is dropped; 0 only where nothing waits.
        """
        if not self._all_segments():
            return 0
        config_id = max(run.config_id for run in self._all_segments())
        merge = self._read_cursor(config_id)
        upto = self.segments_of(config_id)[-1].number if merge is None else merge.last_segment
        contents = [content for content in self._cached_contents(config_id) if content.segment.number <= upto]
        left = [part for content in contents for part in content.parts]
        if not left:
            return self._delete_compacted(config_id, [content.segment for content in contents], upto, limit * _DELETES_PER_COMPACTED_ROW)
        share = max(1, limit // len(left))
        # None of the runs has more than its share up to there.
        ends = [part.position_of(share - 1) for part in left if len(part.keys) > share]
        last = min(ends) if ends else max(part.position_of(-1) for part in left)
        moved = [content.rows_up_to(last) for content in contents]
        self._move_to_base_table(config_id, moved)
        group, key, record = last
        came_to = {"config": config_id, "upto": upto, "group": group, "key": key, "record": record}
        self._connection.execute(_UPSERT_CURSOR, came_to)
        return sum(content.row_count for content in moved)

    def _move_to_base_table(self, config_id: int, contents: Sequence[SegmentContent]) -> None:
        has = concatenate_rows(self._without_deleted_records(config_id, [content.entries for content in contents]))
        # What was lost and is had again is left where it is.
        self._delete_from_base_table(config_id, subtract_rows(concatenate_rows([content.tombstones for content in contents]), has))
        # A row that damage has put into both is one row: the merge goes on, and it is in its place after it.
        insert_columns(self._connection, _key, base_table_columns(config_id, sort_rows(has)), if_new=True)

    def _delete_from_base_table(self, config_id: int, rows: IntArray) -> None:
        delete_by_columns(self._connection, _key, base_table_columns(config_id, sort_rows(rows)))

    def _delete_compacted(self, config_id: int, runs: Sequence[Segment], upto: int, most: int) -> int:
        """Drop runs of which all is among all; with the last of them the merge is over."""
        dropped: list[int] = []
        size = 0
        for run in runs:
            if dropped and size + run.row_count > most:
                break
            dropped.append(run.number)
            size += run.row_count
        self._delete_segments(dropped)
        if len(dropped) == len(runs):
            self._connection.execute(_DELETE_CURSOR, {"config": config_id})
            self._connection.execute(_DELETE_TOMBSTONES, {"config": config_id, "upto": upto})
        return max(size, 1)

    def _delete_segments(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._connection.execute(_DELETE_SEGMENTS, {"numbers": numbers})
        self._forget_segments()

    def _read_cursor(self, config_id: int) -> CompactionCursor | None:
        if not self._all_segments():
            return None
        for config, upto, group, key, record in self._connection.execute(_CURSORS):
            if config == config_id:
                return CompactionCursor(upto, (group, key, record))
        return None

    def _cached_contents(self, config_id: int) -> list[SegmentContent]:
        """What each run has left, what is gone among it."""
        self._evict_deleted()
        runs = self.segments_of(config_id)
        if not runs:
            return []
        merge = self._read_cursor(config_id)
        return [self._cached_content(run).uncompacted(merge) for run in runs]

    def _stored_contents(self, config_id: int) -> Iterator[SegmentContent]:
        """The same, read anew."""
        merge = self._read_cursor(config_id)
        return (self._read_content(run).uncompacted(merge) for run in self.segments_of(config_id))

    def _cached_content(self, run: Segment) -> SegmentContent:
        kept = self._cache
        if (content := kept.get(run.mark)) is None:
            content = kept[run.mark] = self._read_content(run)
        return content

    def _read_content(self, run: Segment) -> SegmentContent:
        row = self._connection.execute(_ARRAYS_OF_SEGMENT, {"number": run.number}).one()
        keys, records, lost_keys, lost_ids = (np.frombuffer(column, STORED_DTYPE) for column in row)
        return SegmentContent(SegmentRows(run, keys, records), SegmentRows(run, lost_keys, lost_ids))

    @property
    def _cache(self) -> dict[int, SegmentContent]:
        kept: dict[int, SegmentContent] = getattr(self._connection, "immutable_cache", {}).setdefault("key_run", {})
        return kept

    def _evict_deleted(self) -> None:
        """Keep no run in memory that is gone.

        What was put later than all that this snapshot has may be another's that began after it.
        """
        kept, runs = self._cache, self._all_segments()
        if not kept:
            return
        marks, last = {run.mark for run in runs}, max((run.commit_no for run in runs), default=None)
        for mark, content in list(kept.items()):
            if mark not in marks and (last is None or content.segment.commit_no <= last):
                kept.pop(mark, None)

    def _without_deleted_records(self, config_id: int, parts: Sequence[SegmentRows]) -> list[SegmentRows]:
        """The parts without the keys of records that are gone from their runs."""
        if not parts:
            return []
        if sum(len(part.record_ids) for part in parts) <= _MAX_LOOKED_UP_RECORDS:
            records = sorted({record for part in parts for record in part.record_ids.tolist()})
            rows = self._connection.execute(_TOMBSTONES_OF_RECORDS, {"config": config_id, "ids": records})
        else:
            rows = self._connection.execute(_TOMBSTONES, {"config": config_id})
        gone = np.array([tuple(row) for row in rows], np.int64).reshape(-1, 2).T
        return [part.without_records(gone[0][gone[1] >= part.segment.number]) for part in parts]


def base_table_columns(config_id: int, rows: IntArray) -> dict[str, list[int]]:
    """Rows of three columns, visibility group, key and record, as the table of all has them."""
    groups, keys, records = (column.tolist() for column in rows)
    return {"config_id": [config_id] * len(keys), "group_id": groups, "key": keys, "record_id": records}


def _segment_values(has: IntArray, lost: IntArray) -> dict[str, Any]:
    """What a run holds as it is stored, under a mark of its own: keys and records, had and lost."""
    columns = (column.astype(STORED_DTYPE).tobytes() for column in (*has, *lost))
    return {
        "mark": secrets.randbits(63),
        "records": len(np.unique(np.concatenate([has[1], lost[1]]))),
        "size": has.shape[1] + lost.shape[1],
        **dict(zip(_ARRAY_COLUMNS, columns, strict=True)),
    }
