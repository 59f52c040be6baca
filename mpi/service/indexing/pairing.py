"""Find and score by set: what the records reach is read, whatever else the index holds.

Pairs are found, and many of them scored, on DuckDB; few are weighed one by one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType, TracebackType
from typing import NamedTuple, Self

import duckdb
import numpy as np
import pyarrow as pa

from mpi.matching.compiler.online_scorer import Scorer
from mpi.matching.model.model import MatchModel
from mpi.matching.scoring.batch import candidate_pairs
from mpi.matching.scoring.feature_batches import packed, packed_parts
from mpi.matching.scoring.load_scorer import WORTH_A_THREAD, Place, Progress, Scoring
from mpi.service.core.comparable_record import PackedRecord, unpack_features
from mpi.service.core.index import Matcher
from mpi.service.indexing.key_lookup import Again, found_by
from mpi.service.indexing.scalar_scoring import weighed_in_parts
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.unit_of_work.unit import ReadUnit

MEMORY = "1500MB"
"""That DuckDB may take before it spills: a load of a million stays under 4 GB."""
MOST_KEPT = 1_200_000
"""Records of which features are kept, of some 450 bytes: two fifths of what DuckDB may take. Joins need the
rest: beyond it more and more would be spilled."""


ONE_BY_ONE = 40_000
"""Pairs; fewer are weighed one by one, where DuckDB would have to be made ready for them, which takes half a
second: 86,600 pairs of 77,000 records take a third of a second less on DuckDB."""
_LEAST_BYTES = 1_500_000_000
_SHARE = "20%"


class Bounds(NamedTuple):
    """How much a ``Pairing`` takes.

    Args:
        memory: that DuckDB may take before it spills.
        most_kept: records of which features are kept.
    """

    memory: str = MEMORY
    most_kept: int = MOST_KEPT


def of_this_machine(share: str = _SHARE) -> Bounds:
    """The bounds of a process that pairs for long: of millions of records most would be read time and again.

    Args:
        share: of the memory that there is, which DuckDB knows in a container too; where that is less than
            ``MEMORY``, the bounds are as ever.
    """
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{share}'")
        told = connection.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchall()
    there_is = max(told[0][0], _LEAST_BYTES)
    return Bounds(f"{there_is // 1_000_000}MB", MOST_KEPT * there_is // _LEAST_BYTES)


class AskedLast(NamedTuple):
    """The records whose pairs were asked for the last time.

    Args:
        lower: by how much each one's number is lower now.
    """

    lower: int


Beside = Mapping[int, PackedRecord] | AskedLast
"""Records that others are compared with though nothing of them is stored, by number."""
NONE_BESIDE: Mapping[int, PackedRecord] = MappingProxyType({})


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


class Pairing:
    """Finds and scores pairs, time after time: the features of stored records are read once.

    Args:
        model: that of the configuration.
        told: where to spill, and who is told of progress.
        most_kept: records of which features are kept.
        again: begins another reading transaction, for a second thread to read keys in; None for one thread.
        worth_a_thread: how many pairs are.
        scorer: the model's, where it is compiled already.
    """

    def __init__(
        self,
        model: MatchModel,
        told: Place,
        most_kept: int = MOST_KEPT,
        again: Again | None = None,
        worth_a_thread: int = WORTH_A_THREAD,
        scorer: Scorer | None = None,
    ) -> None:
        self._model = model
        self._told = told
        self._most_kept = most_kept
        self._again = again
        self._worth_a_thread = worth_a_thread
        self._scorer = scorer
        self._config_id: int | None = None
        self._looked_at = -1
        self._scoring: Scoring | None = None
        self._asked_last: Mapping[int, PackedRecord] = NONE_BESIDE
        self._asked_of: Scoring | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._end()

    def pair_up(
        self,
        unit: ReadUnit,
        config_id: int,
        mine: Mapping[int, PackedRecord],
        beside: Beside = NONE_BESIDE,
        was_read: Callable[[], None] = lambda: None,
        pairs: pa.Table | None = None,
    ) -> Scored:
        """Score every pair that shares a key and has one of the given records in it.

        Args:
            unit: the transaction; no older than that of the last time.
            config_id: the configuration.
            mine: records by number; a negative number is of none that is stored.
            beside: others that are compared with these as stored ones are.
            was_read: called once nothing more is read in the transaction; the scoring is still to come.
            pairs: ``lo``, ``hi``, where they have been found already; None for those that share a key.
        """
        scoring = self._up_to_date(unit, config_id)
        others, asked_of = self._of_others(beside), self._asked_of
        self._asked_last, self._asked_of = mine, None
        if pairs is None:
            blocks = _blocks(unit, config_id, mine, others, self._again)
            pairs = scoring.pairs_sharing(blocks, _numbers(mine))
        # What is stored of them is not what they are compared by.
        scoring.forget(np.fromiter((number for number in mine if number > 0), np.int64))
        ends = _distinct(np.concatenate([pairs["lo"].to_numpy(), pairs["hi"].to_numpy()]))
        stated = np.fromiter(chain(mine, others), np.int64)
        scoring = self._with(scoring, unit, config_id, np.setdiff1d(ends, stated, assume_unique=True))
        was_read()
        passed: Iterator[pa.RecordBatch] | int = _rows(others)
        if isinstance(beside, AskedLast) and scoring is asked_of:
            passed = beside.lower
        scored = scoring.scored(pairs, self._model.thresholds.stored_from, _rows(mine), passed)
        self._asked_of = scoring
        lo, hi, bits = (scored[name].to_numpy() for name in ("lo", "hi", "bits"))
        return Scored(lo, hi, np.round(bits, 6))

    def _of_others(self, beside: Beside) -> Mapping[int, PackedRecord]:
        if isinstance(beside, AskedLast):
            return {number - beside.lower: one for number, one in self._asked_last.items()}
        return beside

    def _up_to_date(self, unit: ReadUnit, config_id: int) -> Scoring:
        """The features that are kept and are still so; another configuration has others."""
        commit_no = unit.last_commit()
        if self._scoring is None or config_id != self._config_id:
            scoring = self._begin()
        else:
            scoring = self._scoring
            scoring.forget(np.array(unit.keys.records_written_since(config_id, self._looked_at), np.int64))
        self._config_id, self._looked_at = config_id, commit_no
        return scoring

    def _with(self, scoring: Scoring, unit: ReadUnit, config_id: int, others: np.ndarray) -> Scoring:
        """The features of these records too."""
        lacking = scoring.lacking(others)
        if scoring.rows and scoring.rows + len(lacking) > self._most_kept:
            scoring, lacking = self._begin(), others
        parts = unit.derived_data.iterate_features_in_parts(config_id, lacking.tolist())
        scoring.keep(packed_parts(parts))
        return scoring

    def _begin(self) -> Scoring:
        self._end()
        self._scoring = Scoring(self._model, self._told, self._worth_a_thread, self._scorer)
        return self._scoring

    def _end(self) -> None:
        if self._scoring is not None:
            self._scoring.close()
            self._scoring = None


def pair_up(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    mine: Mapping[int, PackedRecord],
    told: Place,
    again: Again | None = None,
) -> Scored:
    """``Pairing.pair_up``, once.

    Few pairs are weighed one by one, before an engine would be ready, and to the same weights (law 5).
    """
    blocks = _blocks(unit, config_id, mine, again=again)
    pairs = candidate_pairs(blocks, _numbers(mine), memory=told.memory, work_dir=told.folder)
    if pairs.num_rows < ONE_BY_ONE:
        return _weighed_one_by_one(unit, matcher, config_id, mine, pairs, told.progress)
    with Pairing(matcher.model, told, scorer=matcher.scorer) as pairing:
        return pairing.pair_up(unit, config_id, mine, pairs=pairs)


def _weighed_one_by_one(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    mine: Mapping[int, PackedRecord],
    pairs: pa.Table,
    progress: Progress | None,
) -> Scored:
    features = {number: unpack_features(one) for number, one in mine.items()}
    near_to: dict[int, list[int]] = {}
    for lo, hi in zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True):
        record, other = (lo, hi) if lo in mine else (hi, lo)
        near_to.setdefault(other, []).append(record)
    edges: Edges = {}
    done = 0
    for part in weighed_in_parts(unit, matcher, config_id, features, near_to):
        edges.update(part.edges)
        done += part.pairs
        if progress is not None:
            progress(done, pairs.num_rows)
    ends = np.array(list(edges), np.int64).reshape(-1, 2)
    return Scored(ends[:, 0], ends[:, 1], np.fromiter(edges.values(), np.float64, len(edges)))


def _blocks(
    unit: ReadUnit,
    config_id: int,
    mine: Mapping[int, PackedRecord],
    others: Mapping[int, PackedRecord] = NONE_BESIDE,
    again: Again | None = None,
) -> pa.Table:
    """Keys, and the records that have them: these, others, and what is stored of none of these."""
    own = _key_table(mine)
    wanted = _distinct(own["key"].to_numpy())
    parts = found_by(unit, config_id, wanted.tolist(), again)
    found = np.concatenate([np.empty((2, 0), np.int64), *parts], axis=1)
    left_out = np.fromiter((number for number in mine if number > 0), np.int64)
    if left_out.size:
        found = found[:, ~np.isin(found[1], left_out)]
    stored = pa.table({"key": found[0], "record_id": found[1]})
    return pa.concat_tables([own, stored, _key_table(others)])


def _numbers(mine: Mapping[int, PackedRecord]) -> pa.Array:
    return pa.array(sorted(mine), pa.int64())


def _distinct(numbers: np.ndarray) -> np.ndarray:
    """The distinct numbers, ascending; numpy's own takes eighteen times as long, by way of a hash table."""
    ascending = np.sort(numbers)
    first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


def _rows(stated: Mapping[int, PackedRecord]) -> Iterator[pa.RecordBatch]:
    return packed((number, one.features) for number, one in stated.items())


def _key_table(mine: Mapping[int, PackedRecord]) -> pa.Table:
    keys = np.frombuffer(b"".join(one.keys for one in mine.values()), np.int64)
    counts = [len(one.keys) // keys.itemsize for one in mine.values()]
    return pa.table({"key": keys, "record_id": np.repeat(np.fromiter(mine, np.int64), counts)})
