"""In-memory arrays of key segments, and set operations on sorted rows.

Rows are columns of an integer array: (key, record number), or (visibility group, key, record number).
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
STORED_DTYPE = np.dtype("<i8")
"""Little-endian 64-bit integers: the stored form of keys and record numbers."""

EMPTY_ROWS: IntArray = np.empty((3, 0), np.int64)
"""An empty array of shape (3, 0)."""

RowPosition = tuple[int, int, int]
"""Sort position in the base table: visibility group, key and record number."""


class Segment(NamedTuple):
    """The header of a key-index segment: recently written blocking keys.

    Args:
        number: greater than the number of every older segment, of any configuration.
        config_id: number of the configuration.
        mark: random identifier. No other content ever has it, even after a rollback.
        group_id: visibility group of its records.
        record_count: number of records with keys or tombstones in it.
        row_count: number of rows, key tombstones included.
        commit_no: first commit number that wrote rows into it.
        tombstone_count: number of key tombstones: rows of the main key table that no longer count.
    """

    number: int
    config_id: int
    mark: int
    group_id: int
    record_count: int
    row_count: int
    commit_no: int
    tombstone_count: int


class CompactionCursor(NamedTuple):
    """How far the compaction of key-index segments has come.

    Args:
        last_segment: number of the newest segment that is compacted.
        position: position in the main key table up to which the segments' rows are applied.
    """

    last_segment: int
    position: RowPosition


class SegmentRows(NamedTuple):
    """Blocking keys of one key-index segment, with their records.

    They are sorted by key and then by record.

    Args:
        segment: header of the segment.
        keys: blocking key of each row.
        record_ids: record number of each row.
    """

    segment: Segment
    keys: IntArray
    record_ids: IntArray

    @property
    def pairs(self) -> IntArray:
        """Blocking key and record columns, as an array of shape (2, n)."""
        return np.stack([self.keys, self.record_ids])

    @property
    def rows(self) -> IntArray:
        """Visibility group, blocking key and record columns, of shape (3, n)."""
        return np.stack(
            [np.full(len(self.keys), self.segment.group_id, np.int64), self.keys, self.record_ids]
        )

    def position_of(self, row: int) -> RowPosition:
        """Return where a segment's row belongs in the main key table.

        Args:
            row: index of the row within the segment.
        """
        return self.segment.group_id, int(self.keys[row]), int(self.record_ids[row])

    def rows_up_to(self, place: RowPosition) -> Self:
        """Return the segment rows up to a key-table position, inclusive."""
        return self._select(slice(self._count_up_to(place)))

    def uncompacted(self, cursor: CompactionCursor | None) -> Self:
        """Return the segment rows that are not compacted yet.

        Those are the rows after the cursor of a compaction, or all without one.
        """
        if cursor is None or self.segment.number > cursor.last_segment:
            return self
        return self._select(slice(self._count_up_to(cursor.position), None))

    def without_records(self, record_ids: IntArray) -> Self:
        """Return the segment rows of records other than the given ones."""
        return self._select(~np.isin(self.record_ids, record_ids)) if record_ids.size else self

    def rows_with_keys(self, wanted: IntArray) -> Self:
        """Return the segment rows whose blocking key is wanted.

        Args:
            wanted: distinct keys, ascending.
        """
        if len(wanted) > len(self.keys):
            return self._select(mask_members(wanted, self.keys))
        shared = wanted[mask_members(self.keys, wanted)]
        if not shared.size:
            return self._select(slice(0))
        ends = (self.keys.searchsorted(shared, side).tolist() for side in ("left", "right"))
        return self._select(np.concatenate([np.arange(*end) for end in zip(*ends, strict=True)]))

    def _count_up_to(self, place: RowPosition) -> int:
        """Count the segment rows up to a position in the key table."""
        group, key, record = place
        if self.segment.group_id != group:
            return len(self.keys) if self.segment.group_id < group else 0
        first, end = self.keys.searchsorted(key), self.keys.searchsorted(key, "right")
        return int(first + self.record_ids[first:end].searchsorted(record, "right"))

    def _select(self, rows: slice | npt.NDArray[np.generic]) -> Self:
        return self._replace(keys=self.keys[rows], record_ids=self.record_ids[rows])


class SegmentContent(NamedTuple):
    """New and cancelled blocking keys of one key-index segment, or part.

    Args:
        entries: keys of records, absent from the main key table (base table) or cancelled there.
        tombstones: base-table rows that no longer count. Some may be gone from the base table, for
            example because the record was deleted since.
    """

    entries: SegmentRows
    tombstones: SegmentRows

    @property
    def segment(self) -> Segment:
        """Header of the key-index segment."""
        return self.entries.segment

    @property
    def row_count(self) -> int:
        """Number of rows in the segment, new and cancelled keys together."""
        return len(self.entries.keys) + len(self.tombstones.keys)

    @property
    def parts(self) -> list[SegmentRows]:
        """New keys and cancelled keys of the segment, without empty parts."""
        return [part for part in self if len(part.keys)]

    def rows_up_to(self, place: RowPosition) -> Self:
        """Return the segment's content up to a key-table position, inclusive."""
        return self._replace(
            entries=self.entries.rows_up_to(place), tombstones=self.tombstones.rows_up_to(place)
        )

    def uncompacted(self, cursor: CompactionCursor | None) -> Self:
        """Return the segment's content after a compaction cursor."""
        return self._replace(
            entries=self.entries.uncompacted(cursor), tombstones=self.tombstones.uncompacted(cursor)
        )

    def without_records(self, record_ids: IntArray) -> Self:
        """Return the segment's content for records other than the given ones."""
        return self._replace(
            entries=self.entries.without_records(record_ids),
            tombstones=self.tombstones.without_records(record_ids),
        )


def concatenate_rows(parts: Sequence[SegmentRows]) -> IntArray:
    """Concatenate segment rows to one array of shape (3, n)."""
    return np.concatenate([EMPTY_ROWS, *(part.rows for part in parts)], axis=1)


def sort_rows(rows: IntArray) -> IntArray:
    """Sort blocking-key rows as the main key table stores them.

    So each page of the table is visited once.
    """
    groups, keys, records = rows
    return rows[:, np.lexsort((records, keys, groups))]


def sort_distinct(numbers: IntArray) -> IntArray:
    """Return distinct numbers, ascending.

    ``numpy.unique`` uses a hash table and takes eighteen times as long.
    """
    ascending = np.sort(numbers)
    is_first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=is_first[1:])
    return ascending[is_first]


def subtract_rows(rows: IntArray, others: IntArray) -> IntArray:
    """Return the array's rows that are not among ``others``.

    A row is a column of an integer array.

    Args:
        rows: array of shape (m, n), with the record number as last row.
        others: rows of as many columns.
    """
    if not others.size or not rows.size:
        return rows
    # Most records have no row among the others.
    doubtful_mask = np.isin(rows[-1], others[-1])
    if not doubtful_mask.any():
        return rows
    doubtful_rows = rows[:, doubtful_mask]
    keep_mask = ~doubtful_mask
    keep_mask[doubtful_mask] = ~_mask_shared_rows(
        doubtful_rows, others[:, np.isin(others[-1], doubtful_rows[-1])]
    )[: doubtful_rows.shape[1]]
    return rows[:, keep_mask]


def split_unshared_rows(rows: IntArray, others: IntArray) -> tuple[IntArray, IntArray]:
    """Return the rows only in ``rows``, and those only in ``others``.

    A row is a column of an integer array.
    """
    unshared = ~_mask_shared_rows(rows, others)
    return rows[:, unshared[: rows.shape[1]]], others[:, unshared[rows.shape[1] :]]


def _mask_shared_rows(rows: IntArray, others: IntArray) -> npt.NDArray[np.bool_]:
    """Return a mask of both arrays' rows that are in both arrays.

    Each array may hold a row twice.
    """
    all_rows = np.concatenate([rows, others], axis=1)
    order = np.lexsort(all_rows)
    group_numbers = np.empty(len(order), np.int64)
    group_numbers[order] = np.cumsum(_mask_first_of_equal(all_rows[:, order]))
    is_in_rows, is_in_others = np.zeros((2, len(order) + 1), bool)
    is_in_rows[group_numbers[: rows.shape[1]]] = True
    is_in_others[group_numbers[rows.shape[1] :]] = True
    shared_mask: npt.NDArray[np.bool_] = (is_in_rows & is_in_others)[group_numbers]
    return shared_mask


def _mask_first_of_equal(ascending: IntArray) -> npt.NDArray[np.bool_]:
    """Return a mask that keeps the first of equal neighboring rows.

    The rows are sorted.
    """
    mask = np.ones(ascending.shape[1], bool)
    mask[1:] = (ascending[:, 1:] != ascending[:, :-1]).any(axis=0)
    return mask


def merge_sorted_rows(arrays: Sequence[IntArray]) -> IntArray:
    """Merge (blocking key, record) arrays into a sorted one without duplicates."""
    nonempty = [array for array in arrays if array.size]
    if len(nonempty) <= 1:
        return nonempty[0] if nonempty else EMPTY_ROWS[1:]
    keys, records = np.concatenate(nonempty, axis=1)
    order = np.lexsort((records, keys))
    ascending = np.stack([keys[order], records[order]])
    return ascending[:, _mask_first_of_equal(ascending)]


def mask_members(members: IntArray, wanted: IntArray) -> npt.NDArray[np.bool_]:
    """Return a mask of ``wanted`` numbers that are in ``members``, both ascending."""
    if not len(members):
        return np.zeros(len(wanted), bool)
    places = np.minimum(members.searchsorted(wanted), len(members) - 1)
    mask: npt.NDArray[np.bool_] = members[places] == wanted
    return mask
