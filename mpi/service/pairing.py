"""Find and score by set, on DuckDB: what the records reach is read, whatever else the index holds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from mpi.matching.batch import Place, candidate_pairs, predict_packed
from mpi.matching.model import MatchModel
from mpi.matching.packed import packed
from mpi.service.statement import Packed
from mpi.storage.repositories.derived import Edges
from mpi.storage.unit import ReadUnit

MEMORY = "1500MB"
"""That DuckDB may take before it spills: a load of a million stays under 4 GB."""
NONE_BESIDE: Mapping[int, Packed] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Scored:
    """Pairs from the floor up.

    Args:
        lo: the one record of each.
        hi: the other.
        bits: their weights, rounded to 1e-6.
    """

    lo: np.ndarray
    hi: np.ndarray
    bits: np.ndarray

    def edges(self) -> Edges:
        """The same as edges."""
        return edges_in(self.lo, self.hi, self.bits)


def edges_in(lo: np.ndarray, hi: np.ndarray, bits: np.ndarray) -> Edges:
    """Weights in columns, as edges."""
    return dict(zip(zip(lo.tolist(), hi.tolist(), strict=True), bits.tolist(), strict=True))


def pair_up(
    unit: ReadUnit,
    model: MatchModel,
    config_id: int,
    mine: Mapping[int, Packed],
    told: Place,
    beside: Mapping[int, Packed] = NONE_BESIDE,
    was_read: Callable[[], None] = lambda: None,
) -> Scored:
    """Score every pair that shares a key and has one of the given records in it.

    Args:
        unit: the transaction.
        model: that of the configuration.
        config_id: the configuration.
        mine: records by number; a negative number is of none that is stored.
        told: where to spill, and who is told of progress.
        beside: others that are compared with these as stored ones are, though nothing of them is stored.
        was_read: called once nothing more is read in the transaction; the scoring is still to come.
    """
    own = _key_table(mine)
    wanted = _distinct(own["key"].to_numpy())
    groups = unit.sources.groups()
    parts = [_pairs_of(page) for page in unit.keys.found_by(config_id, groups, wanted.tolist())]
    found = np.concatenate([np.empty((0, 2), np.int64), *parts])
    left_out = np.fromiter((n for n in mine if n > 0), np.int64)
    if left_out.size:
        found = found[~np.isin(found[:, 1], left_out)]
    stored = pa.table({"key": found[:, 0], "record_id": found[:, 1]})
    blocks = pa.concat_tables([own, stored, _key_table(beside)])
    pairs = candidate_pairs(
        blocks, pa.array(sorted(mine), pa.int64()), memory=told.memory, work_dir=told.folder
    )
    del blocks, found, parts
    ends = _distinct(np.concatenate([pairs["lo"].to_numpy(), pairs["hi"].to_numpy()]))
    mine = {**mine, **beside}
    others = np.setdiff1d(ends, np.fromiter(mine, np.int64), assume_unique=True)
    features = packed(_features(unit, config_id, mine, others.tolist()))
    scored = predict_packed(model, _then(was_read, features), pairs, model.thresholds.stored_from, told)
    lo, hi, bits = (scored[name].to_numpy() for name in ("lo", "hi", "bits"))
    return Scored(lo, hi, np.round(bits, 6))


def _distinct(numbers: np.ndarray) -> np.ndarray:
    """The distinct numbers, ascending; numpy's own takes eighteen times as long, by way of a hash table."""
    ascending = np.sort(numbers)
    first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


def _then(was_read: Callable[[], None], batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches
    was_read()


def _key_table(mine: Mapping[int, Packed]) -> pa.Table:
    keys = np.frombuffer(b"".join(one.keys for one in mine.values()), np.int64)
    counts = [len(one.keys) // keys.itemsize for one in mine.values()]
    return pa.table({"key": keys, "record_id": np.repeat(np.fromiter(mine, np.int64), counts)})


def _pairs_of(rows: list[tuple[int, int]]) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def _features(
    unit: ReadUnit, config_id: int, mine: Mapping[int, Packed], others: list[int]
) -> Iterator[tuple[int, bytes]]:
    yield from ((number, one.features) for number, one in mine.items())
    for rows in unit.derived.features_in_parts(config_id, others):
        yield from rows
