"""What a run of blocking keys has, in memory: see ``recent_keys``."""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
AS_STORED = np.dtype("<i8")
"""Keys and numbers of records, as they are stored."""

Place = tuple[int, int, int]
"""Where a row is among all: visibility group, key and record."""


class Run(NamedTuple):
    """A run as it is known without its keys.

    Args:
        number: greater than that of every run that there was before it, of any configuration that has some.
        config_id: the configuration.
        mark: drawn at random, so that no other content ever bears it, in whatever transaction was undone.
        group_id: the visibility group of its records.
        records: how many it has keys of.
        size: how many keys it has.
        commit_no: of the first transaction that put keys into it.
    """

    number: int
    config_id: int
    mark: int
    group_id: int
    records: int
    size: int
    commit_no: int


class Merge(NamedTuple):
    """How far a merge has come.

    Args:
        upto: the last of the runs that are merged.
        place: up to which all of theirs is among all.
    """

    upto: int
    place: Place


class Part(NamedTuple):
    """Some rows of a run, ascending by key and then by record.

    Args:
        run: the run.
        keys: of each row.
        records: of each row.
    """

    run: Run
    keys: Numbers
    records: Numbers

    @property
    def rows(self) -> Numbers:
        """Three columns, visibility group, key and record."""
        return np.stack([np.full(len(self.keys), self.run.group_id, np.int64), self.keys, self.records])

    def place(self, row: int) -> Place:
        """Where one of the rows is among all."""
        return self.run.group_id, int(self.keys[row]), int(self.records[row])

    def upto(self, place: Place) -> Self:
        """The rows that are not after a place."""
        return self._some(slice(self._number_upto(place)))

    def not_merged(self, merge: Merge | None) -> Self:
        """What a merge has not moved."""
        if merge is None or self.run.number > merge.upto:
            return self
        return self._some(slice(self._number_upto(merge.place), None))

    def without(self, gone: Numbers) -> Self:
        """The rows of other records than these."""
        return self._some(~np.isin(self.records, gone)) if gone.size else self

    def with_keys(self, wanted: Numbers) -> Self:
        """The rows that have one of some distinct keys, which ascend."""
        if len(wanted) > len(self.keys):
            return self._some(_are_among(wanted, self.keys))
        shared = wanted[_are_among(self.keys, wanted)]
        if not shared.size:
            return self._some(slice(0))
        ends = (self.keys.searchsorted(shared, side).tolist() for side in ("left", "right"))
        return self._some(np.concatenate([np.arange(*end) for end in zip(*ends, strict=True)]))

    def _number_upto(self, place: Place) -> int:
        group, key, record = place
        if self.run.group_id != group:
            return len(self.keys) if self.run.group_id < group else 0
        first, end = self.keys.searchsorted(key), self.keys.searchsorted(key, "right")
        return int(first + self.records[first:end].searchsorted(record, "right"))

    def _some(self, rows: slice | npt.NDArray[np.generic]) -> Self:
        return self._replace(keys=self.keys[rows], records=self.records[rows])


def together(keys: Sequence[Numbers], records: Sequence[Numbers]) -> tuple[Numbers, Numbers]:
    """Rows of several parts in the order of one."""
    all_keys, all_records = np.concatenate(keys), np.concatenate(records)
    order = np.lexsort((all_records, all_keys))
    return all_keys[order], all_records[order]


def _are_among(all_of: Numbers, looked_for: Numbers) -> npt.NDArray[np.bool_]:
    """Which numbers are among others; both ascend."""
    if not len(all_of):
        return np.zeros(len(looked_for), bool)
    places = np.minimum(all_of.searchsorted(looked_for), len(all_of) - 1)
    found: npt.NDArray[np.bool_] = all_of[places] == looked_for
    return found
