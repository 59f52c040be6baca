"""The batch scorer of loads: pairs weighed on DuckDB, over features that are kept from call to call."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from mpi.matching.compiler.online_scorer import OnlineScorer
from mpi.matching.compiler.pair_query import compile_query
from mpi.matching.model.model import MatchModel
from mpi.matching.scoring.batch import (
    FEATURE_TABLE,
    CHUNK_PAIRS,
    WEIGHT_SCHEMA,
    connect_duckdb,
    without_filter_pushdown,
    find_pairs_sharing_keys,
)
from mpi.matching.scoring.cursor_pool import CursorPool
from mpi.matching.scoring.feature_batches import create_feature_table, insert_features

MAX_QUERIES = 8
"""Parts that are weighed at once: together they hold no more pairs than one chunk of Splink's."""
PAIRS_PER_THREAD = 25_000
"""Pairs; each part goes through all features that are kept, and to plan its query takes a tenth of a second.
DuckDB alone would go through most windows on one core: it divides tables, and by 122,880 rows."""
_FEATURE_TABLES = ("kept", "passing", "beside")

PairProgress = Callable[[int, int], None]
"""Told how many pairs are done, of how many."""


@dataclass(frozen=True, slots=True)
class ScoringResources:
    """Where and how pairs are scored.

    Args:
        folder: where DuckDB may spill; a directory that only this user can read is made inside.
        memory: DuckDB's memory limit, such as ``4GB``; None for its default.
        progress: called after each chunk of pairs.
    """

    folder: Path
    memory: str | None = None
    progress: PairProgress | None = None


class LoadScorer:
    """One model on a DuckDB of its own, with the features of records that are kept from call to call.

    Args:
        model: the frozen model.
        place: where and how.
        worth_a_thread: how many pairs are.
        scorer: the model's, where it is compiled already.

    Attributes:
        stored_rows: how many rows of features were kept; what is forgotten still takes its room.

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
        self._spill = tempfile.TemporaryDirectory(prefix="scoring-", dir=resources.folder)
        self._connection = connect_duckdb(Path(self._spill.name), resources.memory)
        threads = int(self._connection.sql("SELECT current_setting('threads')").fetchall()[0][0])
        self._threads = min(threads, MAX_QUERIES)
        self.stored_rows = 0
        for table in _FEATURE_TABLES:
            create_feature_table(self._connection, table, self._columns)
        every = " UNION ALL ".join(f"FROM {table}" for table in _FEATURE_TABLES)
        self._connection.execute(f"CREATE VIEW {FEATURE_TABLE} AS {every}")
        self._query.load_frequencies(self._connection)

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

    def find_pairs_sharing_keys(self, keys: pa.Table, touched: pa.Array) -> pa.Table:
        """``candidate_pairs``, within the same bounds of memory as the features."""
        return find_pairs_sharing_keys(self._connection, keys, touched)

    def find_missing(self, numbers: np.ndarray) -> np.ndarray:
        """Those records, ascending, of which no features are kept."""
        self._connection.register("wanted", pa.table({"unique_id": numbers}))
        found = self._connection.sql(
            "SELECT unique_id FROM wanted ANTI JOIN kept USING (unique_id) ORDER BY unique_id"
        ).fetchnumpy()
        self._connection.unregister("wanted")
        return np.asarray(found["unique_id"], np.int64)

    def add_features(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Add features as they are stored, in the schema PACKED, of records of which none are kept."""

        def counted() -> Iterable[pa.RecordBatch]:
            for batch in batches:
                self.stored_rows += batch.num_rows
                yield batch

        insert_features(self._connection, "kept", counted(), self._columns)

    def remove_features(self, numbers: np.ndarray) -> None:
        """Keep the features of these records no longer, if they are kept."""
        self._connection.register("gone", pa.table({"unique_id": numbers}))
        self._connection.execute("DELETE FROM kept USING gone WHERE kept.unique_id = gone.unique_id")
        self._connection.unregister("gone")

    def score(
        self,
        pairs: pa.Table,
        floor: float,
        passing: Iterable[pa.RecordBatch],
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
            ``lo``, ``hi``, ``bits`` (rounded to 1e-6), in the order of the record ids.
        """
        self._load_temporary(passing, beside)
        # By one end, so that each part needs the features of others.
        ordered = pairs.sort_by("hi")
        parts = [ordered.slice(*part) for part in _divide_rows(pairs.num_rows, self._threads, self._pairs_per_thread)]
        found, done = [WEIGHT_SCHEMA.empty_table()], 0
        weigh = self._query.weigh
        with without_filter_pushdown(self._connection), CursorPool(self._connection, self._threads) as at_once:
            asked = [at_once.submit(partial(weigh, pairs=part, features=FEATURE_TABLE, floor=floor)) for part in parts]
            for part, weighed in zip(parts, asked, strict=True):
                found.append(weighed.result().cast(WEIGHT_SCHEMA))
                done += part.num_rows
                if self._progress is not None:
                    self._progress(done, pairs.num_rows)
        return pa.concat_tables(found).sort_by([("lo", "ascending"), ("hi", "ascending")])

    def _load_temporary(self, passing: Iterable[pa.RecordBatch], beside: Iterable[pa.RecordBatch] | int) -> None:
        # Each table is made anew: rows that are deleted would keep their room.
        if isinstance(beside, int):
            self._connection.execute(
                f"CREATE OR REPLACE TABLE beside AS SELECT unique_id - {beside} AS unique_id, "
                "* EXCLUDE (unique_id) FROM passing"
            )
        else:
            create_feature_table(self._connection, "beside", self._columns)
            insert_features(self._connection, "beside", beside, self._columns)
        create_feature_table(self._connection, "passing", self._columns)
        insert_features(self._connection, "passing", passing, self._columns)


def _divide_rows(rows: int, threads: int, worth_a_thread: int) -> list[tuple[int, int]]:
    """Where each part of so many rows begins, and how many it has: enough parts for all threads."""
    count = max(-(-rows * threads // CHUNK_PAIRS), min(threads, rows // worth_a_thread), 1)
    size = -(-rows // count) or 1
    return [(start, min(size, rows - start)) for start in range(0, rows, size)]
