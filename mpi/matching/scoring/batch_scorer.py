"""Batch scorer of loads, which keeps features on DuckDB between calls."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from mpi.domain.tuning import DEFAULT_TUNING, ScoringTuning
from mpi.matching.compiler.online_scorer import OnlineScorer
from mpi.matching.compiler.pair_query import compile_query
from mpi.matching.model.match_model import MatchModel
from mpi.matching.scoring.cursor_pool import CursorPool
from mpi.matching.scoring.feature_batches import create_feature_table, insert_features
from mpi.matching.scoring.splink_engine import (
    FEATURE_TABLE,
    WEIGHT_SCHEMA,
    connect_duckdb,
    find_pairs_sharing_keys,
    without_filter_pushdown,
)

PAIRS_PER_THREAD = 25_000
"""Pairs from which another thread is worth its cost.

Each query reads all stored features, and takes a tenth of a second to plan.
DuckDB alone would run most windows on one core: it divides tables by 122,880 rows.
"""
_FEATURE_TABLES = ("kept", "temporary", "previous")

PairProgress = Callable[[int, int], None]
"""A function called with the pairs done and the total."""


@dataclass(frozen=True, slots=True)
class ScoringResources:
    """Folder, memory and progress callback for scoring many pairs.

    Args:
        folder: where DuckDB may spill; a directory that only this user can read is made inside.
        memory: DuckDB's memory limit, such as ``4GB``; None for its default.
        progress: called after each chunk of pairs.
        tuning: batch sizes, and when DuckDB is worth its start.
    """

    folder: Path
    memory: str | None = None
    progress: PairProgress | None = None
    tuning: ScoringTuning = DEFAULT_TUNING.scoring


class LoadScorer:
    """Pair scorer of a file load, with records' features in DuckDB.

    Args:
        model: the frozen model.
        resources: folder, memory and progress callback.
        pairs_per_thread: pairs from which another thread is used.
        scorer: online scorer of the model, where it is compiled already.

    Attributes:
        stored_rows: rows of features added so far; removed ones still take up space.

    Raises:
        ModelError: the model cannot be scored.
    """

    def __init__(
        self,
        model: MatchModel,
        resources: ScoringResources,
        pairs_per_thread: int = PAIRS_PER_THREAD,
        scorer: OnlineScorer | None = None,
    ) -> None:
        self._query = compile_query(model, scorer)  # refuses what online would, before hours of work
        self._columns = self._query.columns
        self._progress = resources.progress
        self._pairs_per_thread = pairs_per_thread
        self._chunk_pairs = resources.tuning.chunk_pairs
        self._spill = tempfile.TemporaryDirectory(prefix="scoring-", dir=resources.folder)
        self._connection = connect_duckdb(Path(self._spill.name), resources.memory)
        threads = int(self._connection.sql("SELECT current_setting('threads')").fetchall()[0][0])
        self._threads = min(threads, resources.tuning.queries)
        self.stored_rows = 0
        for table in _FEATURE_TABLES:
            create_feature_table(self._connection, table, self._columns)
        union = " UNION ALL ".join(f"FROM {table}" for table in _FEATURE_TABLES)
        self._connection.execute(f"CREATE VIEW {FEATURE_TABLE} AS {union}")
        self._query.load_frequencies(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the scorer's DuckDB connection and delete the spill folder."""
        self._connection.close()
        self._spill.cleanup()

    def find_pairs_sharing_keys(self, keys: pa.Table, touched: pa.Array) -> pa.Table:
        """Find record pairs that share a blocking key, within the memory limit.

        See ``find_all_candidate_pairs``.
        """
        return find_pairs_sharing_keys(self._connection, keys, touched)

    def find_missing(self, numbers: np.ndarray) -> np.ndarray:
        """Return the records whose features the scorer does not hold, ascending."""
        self._connection.register("wanted", pa.table({"unique_id": numbers}))
        missing = self._connection.sql(
            "SELECT unique_id FROM wanted ANTI JOIN kept USING (unique_id) ORDER BY unique_id"
        ).fetchnumpy()
        self._connection.unregister("wanted")
        return np.asarray(missing["unique_id"], np.int64)

    def add_features(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Store features of records in the scorer's DuckDB.

        Args:
            batches: in STORED_FEATURE_SCHEMA.
        """

        def counted() -> Iterable[pa.RecordBatch]:
            for batch in batches:
                self.stored_rows += batch.num_rows
                yield batch

        insert_features(self._connection, "kept", counted(), self._columns)

    def remove_features(self, numbers: np.ndarray) -> None:
        """Remove records' features from the scorer's DuckDB, if any."""
        self._connection.register("gone", pa.table({"unique_id": numbers}))
        self._connection.execute("DELETE FROM kept USING gone WHERE kept.unique_id = gone.unique_id")
        self._connection.unregister("gone")

    def score(
        self,
        pairs: pa.Table,
        floor: float,
        temporary: Iterable[pa.RecordBatch],
        previous: Iterable[pa.RecordBatch] | int = (),
    ) -> pa.Table:
        """Score pairs and keep those at or above a weight.

        Args:
            pairs: ``lo``, ``hi`` (int64 record ids), each pair once.
            floor: lowest weight to return, in bits.
            temporary: features, for this call only, of records that the pairs name and that have none stored.
            previous: features of other such records, likewise; a number reuses the features that were
                ``temporary`` the last time, the number of each record lower by so much.

        Returns:
            ``lo``, ``hi``, ``bits`` (rounded to 1e-6), in the order of the record ids.
        """
        self._load_temporary(temporary, previous)
        # By one end, so that each part needs the features of others.
        sorted_pairs = pairs.sort_by("hi")
        parts = [
            sorted_pairs.slice(*part)
            for part in _divide_rows(pairs.num_rows, self._threads, self._pairs_per_thread, self._chunk_pairs)
        ]
        tables, done = [WEIGHT_SCHEMA.empty_table()], 0
        weigh = self._query.weigh
        with without_filter_pushdown(self._connection), CursorPool(self._connection, self._threads) as pool:
            futures = [
                pool.submit(partial(weigh, pairs=part, features=FEATURE_TABLE, floor=floor)) for part in parts
            ]
            for part, future in zip(parts, futures, strict=True):
                tables.append(future.result().cast(WEIGHT_SCHEMA))
                done += part.num_rows
                if self._progress is not None:
                    self._progress(done, pairs.num_rows)
        return pa.concat_tables(tables).sort_by([("lo", "ascending"), ("hi", "ascending")])

    def _load_temporary(
        self, temporary: Iterable[pa.RecordBatch], previous: Iterable[pa.RecordBatch] | int
    ) -> None:
        """Load into DuckDB the records' features that serve one call only."""
        # Each table is made anew: rows that are deleted would keep their room.
        if isinstance(previous, int):
            self._connection.execute(
                f"CREATE OR REPLACE TABLE previous AS SELECT unique_id - {previous} AS unique_id, "
                "* EXCLUDE (unique_id) FROM temporary"
            )
        else:
            create_feature_table(self._connection, "previous", self._columns)
            insert_features(self._connection, "previous", previous, self._columns)
        create_feature_table(self._connection, "temporary", self._columns)
        insert_features(self._connection, "temporary", temporary, self._columns)


def _divide_rows(rows: int, threads: int, pairs_per_thread: int, chunk_pairs: int) -> list[tuple[int, int]]:
    """Divide rows into parts for all threads, as start and length."""
    count = max(-(-rows * threads // chunk_pairs), min(threads, rows // pairs_per_thread), 1)
    size = -(-rows // count) or 1
    return [(start, min(size, rows - start)) for start in range(0, rows, size)]
