"""Records kept as a table of columns: a state of millions in a fifth of the memory, decoded on demand."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS, Features
from mpi.matching.scoring.batch import make_feature_table

Records = Sequence[tuple[int, Features]]
"""Record ids with their features, ascending."""

BATCH_ROWS = 10_000


class ArrowFeatures(Mapping[int, Features]):
    """Record id to features, read from a table.

    Args:
        table: ``unique_id``, ascending, and all feature columns.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._ids = table["unique_id"].to_numpy()
        self._preloaded: dict[int, Features] = {}

    def preload(self, numbers: Collection[int]) -> None:
        """Decode these records together, which costs a fraction of one by one; forget the rest."""
        places = np.searchsorted(self._ids, np.fromiter(numbers, np.int64, len(numbers)))
        self._preloaded = dict(decode_features(self._table.take(places)))

    def __getitem__(self, number: int) -> Features:
        found = self._preloaded.get(number)
        if found is not None:
            return found
        place = int(np.searchsorted(self._ids, number))
        if place == len(self._ids) or self._ids[place] != number:
            raise KeyError(number)
        return next(decode_features(self._table.slice(place, 1)))[1]

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids.tolist())

    def __len__(self) -> int:
        return len(self._ids)


class ArrowRecords(Sequence[tuple[int, Features]]):
    """Records in the order of their ids, read from a table.

    Args:
        table: ``unique_id`` and all feature columns, in any order.
    """

    def __init__(self, table: pa.Table) -> None:
        self.table = table.sort_by("unique_id").combine_chunks()
        self.features = ArrowFeatures(self.table)

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[tuple[int, Features]]:
        for at in range(0, len(self.table), BATCH_ROWS):
            yield from decode_features(self.table.slice(at, BATCH_ROWS))

    @overload
    def __getitem__(self, at: int) -> tuple[int, Features]: ...
    @overload
    def __getitem__(self, at: slice) -> "ArrowRecords": ...
    def __getitem__(self, at: int | slice) -> "tuple[int, Features] | ArrowRecords":
        places = range(len(self))[at]
        if isinstance(places, range):
            return ArrowRecords(self.table.take(np.asarray(places, dtype=np.int64)))
        return next(decode_features(self.table.slice(places, 1)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrowRecords) and self.table.equals(other.table)

    __hash__ = None  # type: ignore[assignment]


def features_by_id(records: Records) -> Mapping[int, Features]:
    """Record id to features."""
    return records.features if isinstance(records, ArrowRecords) else dict(records)


def to_feature_table(records: Records, columns: tuple[str, ...]) -> pa.Table:
    """The records' ids and some of their columns."""
    if isinstance(records, ArrowRecords):
        return records.table.select(["unique_id", *columns])
    return make_feature_table(records, columns)


def decode_features(table: pa.Table) -> Iterator[tuple[int, Features]]:
    """The records of a table of features."""
    columns: list[list[Any]] = [table[name].to_pylist() for name in FEATURE_COLUMNS]
    for at, name in enumerate(FEATURE_COLUMNS):
        if name in LIST_COLUMNS:
            columns[at] = [tuple(value) if value else () for value in columns[at]]
    for number, values in zip(table["unique_id"].to_pylist(), zip(*columns, strict=True), strict=True):
        yield number, Features(*values)
