"""Engines that score all candidate pairs of an index: interface and DuckDB.

An engine also finds the pairs, by their blocking keys.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from mpi.matching.model.match_model import MatchModel
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.matching.scoring.splink_engine import find_all_candidate_pairs
from mpi.matching.scoring.splink_scorer import score_stored_pairs

Progress = Callable[[str, int, int], None]
"""A function called with a step, the work done, and the total."""


class BatchEngine(Protocol):
    """An engine that scores all candidate pairs of an index.

    All engines give equal pairs and, within 1e-6 bits, equal weights (law 5).
    """

    @property
    def name(self) -> str:
        """Name of the engine in the option ``--engine``."""
        ...

    def weigh_pairs(
        self,
        model: MatchModel,
        packed: Iterable[pa.RecordBatch],
        keys: pa.Table,
        floor: float,
        work_dir: Path,
        progress: Progress,
    ) -> pa.Table:
        """Score every two records that share a blocking key.

        Args:
            model: the frozen model.
            packed: stored features, in STORED_FEATURE_SCHEMA, of every record that ``keys`` names.
            keys: ``key``, ``record_id`` (int64), each row once.
            floor: lowest weight to return, in bits.
            work_dir: folder for temporary files; readable by this user only.
            progress: called during long steps.

        Returns:
            ``lo``, ``hi``, ``bits`` (rounded to 1e-6) each pair once, in no particular order.

        Raises:
            ModelError: the model cannot be scored.
            EngineError: the engine is not there, or failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class DuckDbEngine:
    """The batch engine of one machine: Splink on DuckDB.

    Args:
        memory: memory limit of DuckDB before it spills, such as ``4GB``; None for four fifths of the
            machine's.
    """

    memory: str | None = None

    @property
    def name(self) -> str:
        """Name of the engine in the option ``--engine``."""
        return "duckdb"

    def weigh_pairs(
        self,
        model: MatchModel,
        packed: Iterable[pa.RecordBatch],
        keys: pa.Table,
        floor: float,
        work_dir: Path,
        progress: Progress,
    ) -> pa.Table:
        """Score every two records that share a blocking key.

        See ``BatchEngine.weigh_pairs``.
        """
        pairs = find_all_candidate_pairs(keys, memory=self.memory, work_dir=work_dir)

        def report(done: int, total: int) -> None:
            progress("scoring pairs", done, total)

        return score_stored_pairs(
            model, packed, pairs, floor, ScoringResources(work_dir, self.memory, report)
        )


DUCKDB_ENGINE = DuckDbEngine()
"""The DuckDB engine with default memory."""
