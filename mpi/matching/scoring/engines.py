"""Engines: what finds the candidate pairs of a whole index and scores them, by set."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from mpi.matching.model.model import MatchModel
from mpi.matching.scoring.batch import find_all_candidate_pairs
from mpi.matching.scoring.load_scorer import ScoringResources
from mpi.matching.scoring.splink_scorer import score_stored_pairs

Progress = Callable[[str, int, int], None]
"""Told the step, how much of it is done, and of how much."""


class BatchEngine(Protocol):
    """One of several that give the same pairs and, within 1e-6 bits, the same weights (law 5)."""

    @property
    def name(self) -> str:
        """The engine as ``--engine`` names it."""
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
            packed: features as they are stored, in the schema PACKED, of every record that ``keys`` names.
            keys: ``key``, ``record_id`` (int64), each row once.
            floor: lowest weight to return, in bits.
            work_dir: where files may go; readable by this user only.
            progress: told of long steps.

        Returns:
            ``lo``, ``hi``, ``bits`` (rounded to 1e-6) each pair once, in no particular order.

        Raises:
            ModelError: the model cannot be scored.
            EngineError: the engine is not there, or failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class DuckDbEngine:
    """Splink on DuckDB, on this machine.

    Args:
        memory: what DuckDB may use before it spills, such as ``4GB``; None for four fifths of the
            machine's.
    """

    memory: str | None = None

    @property
    def name(self) -> str:
        """See ``BatchEngine``."""
        return "duckdb"

    def weights(
        self,
        model: MatchModel,
        packed: Iterable[pa.RecordBatch],
        keys: pa.Table,
        floor: float,
        work_dir: Path,
        progress: Progress,
    ) -> pa.Table:
        """See ``BatchEngine``."""
        pairs = find_all_candidate_pairs(keys, memory=self.memory, work_dir=work_dir)

        def report(done: int, total: int) -> None:
            progress("scoring pairs", done, total)

        return score_stored_pairs(model, packed, pairs, floor, ScoringResources(work_dir, self.memory, report))


DUCKDB_ENGINE = DuckDbEngine()
