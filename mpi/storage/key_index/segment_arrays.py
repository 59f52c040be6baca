"""What a run of blocking keys has, in memory: see ``recent_keys``."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
STORED_DTYPE = np.dtype("<i8")
"""Keys and numbers of records, as they are stored."""

EMPTY_ROWS: IntArray = np.empty((3, 0), np.int64)

RowPosition = tuple[int, int, int]
"""Where a row is among all: visibility group, key and record."""


class Segment(NamedTuple):
    """A run as it is known without its keys.

    Args:
        number: greater than that of every run that there was before it, of any configuration that has some.
        config_id: the configuration.
        mark: drawn at random, so that no other content ever bears it, in whatever transaction was undone.
        group_id: the visibility group of its records.
        record_count: how many it has keys of.
        row_count: how many keys it has, those that records have lost too.
        commit_no: of the first transaction that put keys into it.
        tombstone_count: how many of them records have lost.
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
    """How far a merge has come.

    Args:
        last_segment: the last of the runs that are merged.
        position: up to which all that they have is among all, and nothing that they have lost.
    """

    last_segment: int
    position: RowPosition


class SegmentRows(NamedTuple):
    """Some rows of a run, ascending by key and then by record.

    Args:
        segment: the run.
        keys: of each row.
        record_ids: of each row.
    """

    segment: Segment
    keys: IntArray
    record_ids: IntArray

    @property
    def pairs(self) -> IntArray:
        """Two columns, key and record."""
        return np.stack([self.keys, self.record_ids])

    @property
    def rows(self) -> IntArray:
        """Three columns, visibility group, key and record."""
        return np.stack([np.full(len(self.keys), self.segment.group_id, np.int64), self.keys, self.record_ids])

    def position_of(self, row: int) -> RowPosition:
        """Where one of the rows is among all."""
        return self.segment.group_id, int(self.keys[row]), int(self.record_ids[row])

    def rows_up_to(self, place: RowPosition) -> Self:
        """The rows that are not after a place."""
        return self._select(slice(self._count_up_to(place)))

    def uncompacted(self, merge: CompactionCursor | None) -> Self:
        """What a merge has not moved."""
        if merge is None or self.segment.number > merge.last_segment:
            return self
        return self._select(slice(self._count_up_to(merge.position), None))

    def without_records(self, gone: IntArray) -> Self:
        """The rows of other records than these."""
        return self._select(~np.isin(self.record_ids, gone)) if gone.size else self

    def rows_with_keys(self, wanted: IntArray) -> Self:
        """The rows that have one of some distinct keys, which ascend."""
        if len(wanted) > len(self.keys):
            return self._select(_mask_members(wanted, self.keys))
        shared = wanted[_mask_members(self.keys, wanted)]
        if not shared.size:
            return self._select(slice(0))
        ends = (self.keys.searchsorted(shared, side).tolist() for side in ("left", "right"))
        return self._select(np.concatenate([np.arange(*end) for end in zip(*ends, strict=True)]))

    def _count_up_to(self, place: RowPosition) -> int:
        group, key, record = place
        if self.segment.group_id != group:
            return len(self.keys) if self.segment.group_id < group else 0
        first, end = self.keys.searchsorted(key), self.keys.searchsorted(key, "right")
        return int(first + self.record_ids[first:end].searchsorted(record, "right"))

    def _select(self, rows: slice | npt.NDArray[np.generic]) -> Self:
        return self._replace(keys=self.keys[rows], record_ids=self.record_ids[rows])


class SegmentContent(NamedTuple):
    """What a run holds, or some of it.

    Args:
        entries: keys of records, which are not among all, or are among all and lost.
        tombstones: keys among all that are their records' no more; some are not there any more, as where the
            record was dropped since.
    """

    entries: SegmentRows
    tombstones: SegmentRows

    @property
    def segment(self) -> Segment:
        """The run."""
        return self.entries.segment

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self.entries.keys) + len(self.tombstones.keys)

    @property
    def parts(self) -> list[SegmentRows]:
        """Both, but for one that is empty."""
        return [part for part in self if len(part.keys)]

    def rows_up_to(self, place: RowPosition) -> Self:
        """The rows that are not after a place."""
        return self._replace(entries=self.entries.rows_up_to(place), tombstones=self.tombstones.rows_up_to(place))

    def uncompacted(self, merge: CompactionCursor | None) -> Self:
        """What a merge has not moved."""
        return self._replace(entries=self.entries.uncompacted(merge), tombstones=self.tombstones.uncompacted(merge))

    def without_records(self, gone: IntArray) -> Self:
        """The rows of other records than these."""
        return self._replace(entries=self.entries.without_records(gone), tombstones=self.tombstones.without_records(gone))


def concatenate_rows(parts: Sequence[SegmentRows]) -> IntArray:
    """Three columns, visibility group, key and record, of several parts, one after the other."""
    return np.concatenate([EMPTY_ROWS, *(part.rows for part in parts)], axis=1)


def sort_rows(rows: IntArray) -> IntArray:
    """Rows of three columns in the order of the table: each of its pages is then gone to once."""
    groups, keys, records = rows
    return rows[:, np.lexsort((records, keys, groups))]


def subtract_rows(rows: IntArray, others: IntArray) -> IntArray:
    """The rows that are not among others, of as many columns; the last is the record's."""
    if not others.size:
        return rows
    # Most are of records of which there is nothing among the others.
    doubtful = np.isin(rows[-1], others[-1])
    if not doubtful.any():
        return rows
    some = rows[:, doubtful]
    left = ~doubtful
    left[doubtful] = ~_mask_shared_rows(some, others[:, np.isin(others[-1], some[-1])])[: some.shape[1]]
    return rows[:, left]


def split_unshared_rows(rows: IntArray, others: IntArray) -> tuple[IntArray, IntArray]:
    """The rows that are not among others, and the others that are not among them."""
    left = ~_mask_shared_rows(rows, others)
    return rows[:, left[: rows.shape[1]]], others[:, left[rows.shape[1] :]]


def _mask_shared_rows(rows: IntArray, others: IntArray) -> npt.NDArray[np.bool_]:
    """Of the rows, then of the others, which are among both; either may have some of its own twice."""
    both = np.concatenate([rows, others], axis=1)
    order = np.lexsort(both)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(_mask_first_of_equal(both[:, order]))
    here, there = np.zeros((2, len(order) + 1), bool)
    here[number[: rows.shape[1]]] = True
    there[number[rows.shape[1] :]] = True
    found: npt.NDArray[np.bool_] = (here & there)[number]
    return found


def _mask_first_of_equal(ascending: IntArray) -> npt.NDArray[np.bool_]:
    """Which rows are not as the one before."""
    found = np.ones(ascending.shape[1], bool)
    found[1:] = (ascending[:, 1:] != ascending[:, :-1]).any(axis=0)
    return found


def merge_sorted_rows(pairs: Sequence[IntArray]) -> IntArray:
    """Keys and records of several parts in the order of one, each once."""
    some = [each for each in pairs if each.size]
    if len(some) < 2:  # noqa: PLR2004
        return some[0] if some else EMPTY_ROWS[1:]
    keys, records = np.concatenate(some, axis=1)
    order = np.lexsort((records, keys))
    ascending = np.stack([keys[order], records[order]])
    return ascending[:, _mask_first_of_equal(ascending)]


def _mask_members(all_of: IntArray, looked_for: IntArray) -> npt.NDArray[np.bool_]:
    """Which numbers are among others; both ascend."""
    if not len(all_of):
        return np.zeros(len(looked_for), bool)
    places = np.minimum(all_of.searchsorted(looked_for), len(all_of) - 1)
    found: npt.NDArray[np.bool_] = all_of[places] == looked_for
    return found
