"""Records stored as Arrow columns and decoded on demand.

A state of millions takes a fifth of the memory that ``Features`` objects take.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS, Features
from mpi.matching.scoring.splink_engine import make_feature_table

Records = Sequence[tuple[int, Features]]
"""Record IDs with their features, ascending by ID."""

BATCH_ROWS = 10_000


class ArrowFeatures(Mapping[int, Features]):
    """Mapping of record ID to features, decoded from an Arrow table.

    Args:
        table: ``unique_id``, ascending, and all feature columns.
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._ids = table["unique_id"].to_numpy()
        self._preloaded: dict[int, Features] = {}

    def preload(self, numbers: Collection[int]) -> None:
        """Decode several records together and forget those decoded before.

        Decoding together costs a fraction of decoding one by one.
        """
        positions = np.searchsorted(self._ids, np.fromiter(numbers, np.int64, len(numbers)))
        self._preloaded = dict(decode_features(self._table.take(positions)))

    def __getitem__(self, number: int) -> Features:
        preloaded = self._preloaded.get(number)
        if preloaded is not None:
            return preloaded
        position = int(np.searchsorted(self._ids, number))
        if position == len(self._ids) or self._ids[position] != number:
            raise KeyError(number)
        return next(decode_features(self._table.slice(position, 1)))[1]

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids.tolist())

    def __len__(self) -> int:
        return len(self._ids)


class ArrowRecords(Sequence[tuple[int, Features]]):
    """Sequence of records in ID order, decoded from an Arrow table.

    Args:
        table: ``unique_id`` and all feature columns, in any order.
        batch_rows: rows that an iteration decodes at once.
    """

    def __init__(self, table: pa.Table, batch_rows: int = BATCH_ROWS) -> None:
        self._batch_rows = batch_rows
        self.table = table.sort_by("unique_id").combine_chunks()
        self.features = ArrowFeatures(self.table)

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[tuple[int, Features]]:
        for start in range(0, len(self.table), self._batch_rows):
            yield from decode_features(self.table.slice(start, self._batch_rows))

    @overload
    def __getitem__(self, index: int) -> tuple[int, Features]: ...
    @overload
    def __getitem__(self, index: slice) -> "ArrowRecords": ...
    def __getitem__(self, index: int | slice) -> "tuple[int, Features] | ArrowRecords":
        positions = range(len(self))[index]
        if isinstance(positions, range):
            return ArrowRecords(self.table.take(np.asarray(positions, dtype=np.int64)))
        return next(decode_features(self.table.slice(positions, 1)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ArrowRecords) and self.table.equals(other.table)

    __hash__ = None  # type: ignore[assignment]  # the table is too large to hash


def features_by_id(records: Records) -> Mapping[int, Features]:
    """Return a mapping of record ID to features."""
    return records.features if isinstance(records, ArrowRecords) else dict(records)


def to_feature_table(records: Records, columns: tuple[str, ...]) -> pa.Table:
    """Return the record IDs and the given feature columns as a table."""
    if isinstance(records, ArrowRecords):
        return records.table.select(["unique_id", *columns])
    return make_feature_table(records, columns)


def decode_features(table: pa.Table) -> Iterator[tuple[int, Features]]:
    """Decode the records of a feature table."""
    columns: list[list[Any]] = [table[name].to_pylist() for name in FEATURE_COLUMNS]
    for position, name in enumerate(FEATURE_COLUMNS):
        if name in LIST_COLUMNS:
            columns[position] = [tuple(value) if value else () for value in columns[position]]
    for number, values in zip(table["unique_id"].to_pylist(), zip(*columns, strict=True), strict=True):
        yield number, Features(*values)
