"""The batch scorer: pairs sifted and weighed by Splink on DuckDB, over features that it keeps.

Splink does not chunk registered pairs, so we do.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa

from mpi.domain.features import Features
from mpi.domain.weight import WEIGHT_DECIMALS
from mpi.matching.batch import (
    ALL,
    PAIRS,
    WEIGHTS,
    Engine,
    connect,
    feature_batches,
    held_down,
    pairs_sharing,
)
from mpi.matching.levels import Levels
from mpi.matching.model import MatchModel
from mpi.matching.packed import declare, unpack
from mpi.matching.scorer import compile_scorer

PAIRS_A_CHUNK = 1_000_000
SIFTED_FROM = 200_000
"""Pairs; of fewer a first pass would cost more than it spares."""
_TABLES = ("kept", "passing", "beside")
_FEW = "few"
_HALF = 0.5 * 10**-WEIGHT_DECIMALS  # a weight that rounds up to the floor is at the floor


class _Wanted(NamedTuple):
    """What is wanted of scored pairs, in SQL, and its columns."""

    select: str
    schema: pa.Schema


_AT_ALL = _Wanted("unique_id_l AS lo, unique_id_r AS hi", PAIRS)
_WEIGHED = _Wanted(f"{_AT_ALL.select}, round(match_weight, {WEIGHT_DECIMALS}) AS bits", WEIGHTS)

Progress = Callable[[int, int], None]
"""Told how many pairs are done, of how many."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how pairs are scored.

    Args:
        folder: where DuckDB may spill; a directory that only this user can read is made inside.
        memory: DuckDB's memory limit, such as ``4GB``; None for its default.
        progress: called after each chunk of pairs.
    """

    folder: Path
    memory: str | None = None
    progress: Progress | None = None


class Scoring:
    """One model on a DuckDB of its own, with the features of records that are kept from call to call.

    Args:
        model: the frozen model.
        place: where and how.

    Attributes:
        rows: how many rows of features were kept; what is forgotten still takes its room.

    Raises:
        ModelError: the model cannot be scored.
    """

    def __init__(self, model: MatchModel, place: Place) -> None:
        scorer = compile_scorer(model)  # refuses what online would, before hours of work
        self._model = model
        self._columns = scorer.columns
        self._quick = _quick_settings(model.settings, scorer.levels)
        self._told = place.progress
        self._spill = tempfile.TemporaryDirectory(prefix="scoring-", dir=place.folder)
        self._connection = connect(Path(self._spill.name), place.memory)
        self.rows = 0
        for table in _TABLES:
            declare(self._connection, table, self._columns)
        every = " UNION ALL ".join(f"FROM {table}" for table in _TABLES)
        self._connection.execute(f"CREATE VIEW {ALL} AS {every}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything."""
        self._connection.close()
        self._spill.cleanup()

    def pairs_sharing(self, keys: pa.Table, touched: pa.Array) -> pa.Table:
        """``candidate_pairs``, within the same bounds of memory as the features."""
        return pairs_sharing(self._connection, keys, touched)

    def lacking(self, numbers: np.ndarray) -> np.ndarray:
        """Those records, ascending, of which no features are kept."""
        self._connection.register("wanted", pa.table({"unique_id": numbers}))
        found = self._connection.sql(
            "SELECT unique_id FROM wanted ANTI JOIN kept USING (unique_id) ORDER BY unique_id"
        ).fetchnumpy()
        self._connection.unregister("wanted")
        return np.asarray(found["unique_id"], np.int64)

    def keep(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Add features as they are stored, in the schema PACKED, of records of which none are kept."""

        def counted() -> Iterable[pa.RecordBatch]:
            for batch in batches:
                self.rows += batch.num_rows
                yield batch

        unpack(self._connection, "kept", counted(), self._columns)

    def keep_features(self, records: Iterable[tuple[int, Features]]) -> None:
        """``keep`` for features as objects."""
        for batch in feature_batches(records, self._columns):
            self.rows += batch.num_rows
            self._connection.register("made", pa.Table.from_batches([batch]))
            self._connection.execute("INSERT INTO kept FROM made")
            self._connection.unregister("made")

    def forget(self, numbers: np.ndarray) -> None:
        """Keep the features of these records no longer, if they are kept."""
        self._connection.register("gone", pa.table({"unique_id": numbers}))
        self._connection.execute("DELETE FROM kept USING gone WHERE kept.unique_id = gone.unique_id")
        self._connection.unregister("gone")

    def scored(
        self,
        pairs: pa.Table,
        floor: float,
        passing: Iterable[pa.RecordBatch] | None = None,
        beside: Iterable[pa.RecordBatch] | int = (),
    ) -> pa.Table:
        """Score pairs and keep those at or above a weight.

        Args:
            pairs: ``lo``, ``hi`` (int64 record ids), each pair once.
            floor: lowest weight to return, in bits.
            passing: features of records that the pairs name and of which none are kept, for this once.
            beside: those of others, likewise; as a number, what was passing the last time, the number of each
                record lower by so much.

        Returns:
            ``lo``, ``hi``, ``bits`` (rounded to 1e-6), each chunk in the order of its record ids.
        """
        if passing is not None:
            self._let_pass(passing, beside)
        return self._scored(pairs, floor)

    def _let_pass(self, passing: Iterable[pa.RecordBatch], beside: Iterable[pa.RecordBatch] | int) -> None:
        # Each table is made anew: rows that are deleted would keep their room.
        if isinstance(beside, int):
            self._connection.execute(
                f"CREATE OR REPLACE TABLE beside AS SELECT unique_id - {beside} AS unique_id, "
                "* EXCLUDE (unique_id) FROM passing"
            )
        else:
            declare(self._connection, "beside", self._columns)
            unpack(self._connection, "beside", beside, self._columns)
        declare(self._connection, "passing", self._columns)
        unpack(self._connection, "passing", passing, self._columns)

    def _scored(self, pairs: pa.Table, floor: float) -> pa.Table:
        told, frequencies = self._told, self._model.frequencies
        if self._quick is not None and pairs.num_rows >= SIFTED_FROM:
            first = Engine(self._quick, frequencies, self._connection)
            # Far below what a weight is rounded to, and far above what adding in another order makes.
            pairs = _chunk_by_chunk(first, pairs, _AT_ALL, floor - 2 * _HALF, told)
            told = None
        # Each of what follows goes through all the features there are.
        table = self._features_of(pairs) if pairs.num_rows < SIFTED_FROM else ALL
        engine = Engine(self._model.settings, frequencies, self._connection, table)
        scored = _chunk_by_chunk(engine, pairs, _WEIGHED, floor - _HALF, told)
        return held_down(self._connection, scored, self._model.cautions, self._columns, table)

    def _features_of(self, pairs: pa.Table) -> str:
        """A table of the features of the records that pairs name."""
        self._connection.register("named", pairs)
        self._connection.execute(
            f"CREATE OR REPLACE TABLE {_FEW} AS FROM {ALL} "
            "WHERE unique_id IN (SELECT lo FROM named UNION SELECT hi FROM named)"
        )
        self._connection.unregister("named")
        return _FEW


def predict(
    model: MatchModel,
    records: Iterable[tuple[int, Features]],
    pairs: pa.Table,
    floor: float,
    place: Place,
) -> pa.Table:
    """Score pairs once; see ``Scoring.scored``.

    Args:
        model: the frozen model.
        records: record id and features, of every record that ``pairs`` names.
        pairs: ``lo``, ``hi`` (int64 record ids), each pair once.
        floor: lowest weight to return, in bits.
        place: where and how.

    Raises:
        ModelError: the model cannot be scored.
    """
    with Scoring(model, place) as scoring:
        scoring.keep_features(records)
        return scoring.scored(pairs, floor)


def predict_packed(
    model: MatchModel, packed: Iterable[pa.RecordBatch], pairs: pa.Table, floor: float, place: Place
) -> pa.Table:
    """``predict`` for features as they are stored: DuckDB reads them, and no value becomes an object.

    Args:
        model: the frozen model.
        packed: in the schema PACKED, of every record that ``pairs`` names.
        pairs: as for ``predict``.
        floor: lowest weight to return, in bits.
        place: where and how.

    Raises:
        ModelError: the model cannot be scored.
    """
    with Scoring(model, place) as scoring:
        scoring.keep(packed)
        return scoring.scored(pairs, floor)


def _quick_settings(settings: Mapping[str, Any], levels: Levels) -> dict[str, Any] | None:
    """The settings without the comparisons that can only lower a weight; None where there is none.

    What is below the floor without them is below it with them. In a model that corrects for families these
    are the dearest, and most pairs that share a key are far below.
    """
    kept = [
        stated
        for stated, read in zip(settings["comparisons"], levels.comparisons, strict=True)
        if not read.only_lowers
    ]
    return {**settings, "comparisons": kept} if 0 < len(kept) < len(levels.comparisons) else None


def _chunk_by_chunk(
    engine: Engine, pairs: pa.Table, wanted: _Wanted, floor: float, told: Progress | None
) -> pa.Table:
    """What is wanted of the pairs from a floor up."""
    results = [wanted.schema.empty_table()]
    for start in range(0, pairs.num_rows, PAIRS_A_CHUNK):
        scored = engine.scored(pairs.slice(start, PAIRS_A_CHUNK), wanted.select, floor)
        results.append(scored.cast(wanted.schema))
        if told is not None:
            told(min(start + PAIRS_A_CHUNK, pairs.num_rows), pairs.num_rows)
    return pa.concat_tables(results)
