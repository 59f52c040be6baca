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

from mpi.matching.compiler.online_scorer import OnlineScorer
from mpi.matching.model.model import MatchModel
from mpi.matching.scoring.batch import candidate_pairs
from mpi.matching.scoring.feature_batches import batch_stored_features, batch_joined_features
from mpi.matching.scoring.load_scorer import PAIRS_PER_THREAD, ScoringResources, PairProgress, LoadScorer
from mpi.service.core.comparable_record import PackedRecord, unpack_features
from mpi.service.core.index import Matcher
from mpi.service.indexing.key_lookup import SnapshotOpener, find_records_by_key
from mpi.service.indexing.scalar_scoring import score_in_batches
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.unit_of_work.unit import ReadUnit

DUCKDB_MEMORY = "1500MB"
"""That DuckDB may take before it spills: a load of a million stays under 4 GB."""
MAX_CACHED_RECORDS = 1_200_000
"""Records of which features are kept, of some 450 bytes: two fifths of what DuckDB may take. Joins need the
rest: beyond it more and more would be spilled."""


MIN_PAIRS_FOR_DUCKDB = 40_000
"""Pairs; fewer are weighed one by one, where DuckDB would have to be made ready for them, which takes half a
second: 86,600 pairs of 77,000 records take a third of a second less on DuckDB."""
_MIN_BYTES = 1_500_000_000
_MEMORY_SHARE = "20%"


class PairingLimits(NamedTuple):
    """How much a ``PairScorer`` takes.

    Args:
        memory: that DuckDB may take before it spills.
        most_kept: records of which features are kept.
    """

    memory: str = DUCKDB_MEMORY
    most_kept: int = MAX_CACHED_RECORDS


def limits_for_machine(share: str = _MEMORY_SHARE) -> PairingLimits:
    """The bounds of a process that pairs for long: of millions of records most would be read time and again.

    Args:
        share: of the memory that there is, which DuckDB knows in a container too; where that is less than
            ``DUCKDB_MEMORY``, the bounds are as ever.
    """
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{share}'")
        told = connection.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchall()
    there_is = max(told[0][0], _MIN_BYTES)
    return PairingLimits(f"{there_is // 1_000_000}MB", MAX_CACHED_RECORDS * there_is // _MIN_BYTES)


class PreviousBatch(NamedTuple):
    """The records whose pairs were asked for the last time.

    Args:
        lower: by how much each one's number is lower now.
    """

    lower: int


ComparedRecords = Mapping[int, PackedRecord] | PreviousBatch
"""Records that others are compared with though nothing of them is stored, by number."""
NO_COMPARED_RECORDS: Mapping[int, PackedRecord] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ScoredPairs:
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
        return edges_from_columns(self.lo, self.hi, self.bits)


def edges_from_columns(lo: np.ndarray, hi: np.ndarray, bits: np.ndarray) -> Edges:
    """Weights in columns, as edges."""
    return dict(zip(zip(lo.tolist(), hi.tolist(), strict=True), bits.tolist(), strict=True))


class PairScorer:
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
        told: ScoringResources,
        most_kept: int = MAX_CACHED_RECORDS,
        again: SnapshotOpener | None = None,
        worth_a_thread: int = PAIRS_PER_THREAD,
        scorer: OnlineScorer | None = None,
    ) -> None:
        self._model = model
        self._told = told
        self._most_kept = most_kept
        self._again = again
        self._worth_a_thread = worth_a_thread
        self._scorer = scorer
        self._config_id: int | None = None
        self._looked_at = -1
        self._scoring: LoadScorer | None = None
        self._asked_last: Mapping[int, PackedRecord] = NO_COMPARED_RECORDS
        self._asked_of: LoadScorer | None = None

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
        beside: ComparedRecords = NO_COMPARED_RECORDS,
        was_read: Callable[[], None] = lambda: None,
        pairs: pa.Table | None = None,
    ) -> ScoredPairs:
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
            blocks = _read_key_table(unit, config_id, mine, others, self._again)
            pairs = scoring.pairs_sharing(blocks, _record_numbers(mine))
        # What is stored of them is not what they are compared by.
        scoring.forget(np.fromiter((number for number in mine if number > 0), np.int64))
        ends = _sort_distinct(np.concatenate([pairs["lo"].to_numpy(), pairs["hi"].to_numpy()]))
        stated = np.fromiter(chain(mine, others), np.int64)
        scoring = self._with(scoring, unit, config_id, np.setdiff1d(ends, stated, assume_unique=True))
        was_read()
        passed: Iterator[pa.RecordBatch] | int = _feature_batches(others)
        if isinstance(beside, PreviousBatch) and scoring is asked_of:
            passed = beside.lower
        scored = scoring.scored(pairs, self._model.thresholds.stored_from, _feature_batches(mine), passed)
        self._asked_of = scoring
        lo, hi, bits = (scored[name].to_numpy() for name in ("lo", "hi", "bits"))
        return ScoredPairs(lo, hi, np.round(bits, 6))

    def _of_others(self, beside: ComparedRecords) -> Mapping[int, PackedRecord]:
        if isinstance(beside, PreviousBatch):
            return {number - beside.lower: one for number, one in self._asked_last.items()}
        return beside

    def _up_to_date(self, unit: ReadUnit, config_id: int) -> LoadScorer:
        """The features that are kept and are still so; another configuration has others."""
        commit_no = unit.last_commit()
        if self._scoring is None or config_id != self._config_id:
            scoring = self._begin()
        else:
            scoring = self._scoring
            scoring.forget(np.array(unit.keys.records_written_since(config_id, self._looked_at), np.int64))
        self._config_id, self._looked_at = config_id, commit_no
        return scoring

    def _with(self, scoring: LoadScorer, unit: ReadUnit, config_id: int, others: np.ndarray) -> LoadScorer:
        """The features of these records too."""
        lacking = scoring.lacking(others)
        if scoring.rows and scoring.rows + len(lacking) > self._most_kept:
            scoring, lacking = self._begin(), others
        parts = unit.derived_data.iterate_features_in_parts(config_id, lacking.tolist())
        scoring.keep(batch_joined_features(parts))
        return scoring

    def _begin(self) -> LoadScorer:
        self._end()
        self._scoring = LoadScorer(self._model, self._told, self._worth_a_thread, self._scorer)
        return self._scoring

    def _end(self) -> None:
        if self._scoring is not None:
            self._scoring.close()
            self._scoring = None


def score_candidate_pairs(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    mine: Mapping[int, PackedRecord],
    told: ScoringResources,
    again: SnapshotOpener | None = None,
) -> ScoredPairs:
    """``Pairing.pair_up``, once.

    Few pairs are weighed one by one, before an engine would be ready, and to the same weights (law 5).
    """
    blocks = _read_key_table(unit, config_id, mine, again=again)
    pairs = candidate_pairs(blocks, _record_numbers(mine), memory=told.memory, work_dir=told.folder)
    if pairs.num_rows < MIN_PAIRS_FOR_DUCKDB:
        return _score_one_by_one(unit, matcher, config_id, mine, pairs, told.progress)
    with PairScorer(matcher.model, told, scorer=matcher.scorer) as pairing:
        return pairing.pair_up(unit, config_id, mine, pairs=pairs)


def _score_one_by_one(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    mine: Mapping[int, PackedRecord],
    pairs: pa.Table,
    progress: PairProgress | None,
) -> ScoredPairs:
    features = {number: unpack_features(one) for number, one in mine.items()}
    near_to: dict[int, list[int]] = {}
    for lo, hi in zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True):
        record, other = (lo, hi) if lo in mine else (hi, lo)
        near_to.setdefault(other, []).append(record)
    edges: Edges = {}
    done = 0
    for part in score_in_batches(unit, matcher, config_id, features, near_to):
        edges.update(part.edges)
        done += part.pairs
        if progress is not None:
            progress(done, pairs.num_rows)
    ends = np.array(list(edges), np.int64).reshape(-1, 2)
    return ScoredPairs(ends[:, 0], ends[:, 1], np.fromiter(edges.values(), np.float64, len(edges)))


def _read_key_table(
    unit: ReadUnit,
    config_id: int,
    mine: Mapping[int, PackedRecord],
    others: Mapping[int, PackedRecord] = NO_COMPARED_RECORDS,
    again: SnapshotOpener | None = None,
) -> pa.Table:
    """Keys, and the records that have them: these, others, and what is stored of none of these."""
    own = _key_table(mine)
    wanted = _sort_distinct(own["key"].to_numpy())
    parts = find_records_by_key(unit, config_id, wanted.tolist(), again)
    found = np.concatenate([np.empty((2, 0), np.int64), *parts], axis=1)
    left_out = np.fromiter((number for number in mine if number > 0), np.int64)
    if left_out.size:
        found = found[:, ~np.isin(found[1], left_out)]
    stored = pa.table({"key": found[0], "record_id": found[1]})
    return pa.concat_tables([own, stored, _key_table(others)])


def _record_numbers(mine: Mapping[int, PackedRecord]) -> pa.Array:
    return pa.array(sorted(mine), pa.int64())


def _sort_distinct(numbers: np.ndarray) -> np.ndarray:
    """The distinct numbers, ascending; numpy's own takes eighteen times as long, by way of a hash table."""
    ascending = np.sort(numbers)
    first = np.ones(len(ascending), bool)
    np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
    return ascending[first]


def _feature_batches(stated: Mapping[int, PackedRecord]) -> Iterator[pa.RecordBatch]:
    return batch_stored_features((number, one.features) for number, one in stated.items())


def _key_table(mine: Mapping[int, PackedRecord]) -> pa.Table:
    keys = np.frombuffer(b"".join(one.keys for one in mine.values()), np.int64)
    counts = [len(one.keys) // keys.itemsize for one in mine.values()]
    return pa.table({"key": keys, "record_id": np.repeat(np.fromiter(mine, np.int64), counts)})
