"""Reads the comparison levels of many pairs with Splink on DuckDB."""

import math
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mpi.matching.batch import Engine
from mpi.matching.frequencies import Frequencies
from mpi.matching.levels import Levels, read_levels

PAIRS_A_CHUNK = 300_000  # Splink keeps every compared value of a chunk beside its levels


@dataclass(frozen=True, slots=True)
class PairLevels:
    """The levels of pairs, a row each.

    Args:
        values: comparison vector values, a column for each comparison.
        rarity: -log2 of the term frequency where a level adjusts for it, else 0; a column each.
    """

    values: npt.NDArray[np.int8]
    rarity: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)


class LevelReader:
    """Reads levels of pairs of the ``feature_table`` registered on a connection."""

    def __init__(
        self,
        settings: dict[str, object],
        frequencies: Frequencies,
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        self.levels: Levels = read_levels(settings)
        self._engine = Engine(settings, frequencies, connection, detailed=True)

    def read(self, pairs: pa.Table) -> PairLevels:
        """The levels of the pairs, each chunk in the order of its record ids."""
        comparisons = self.levels.comparisons
        adjusted = [any(level.adjustment for level in each.levels) for each in comparisons]
        select = ", ".join(
            f"gamma_{each.name}::TINYINT AS g{number}, "
            + (f"mw_tf_adj_{each.name}" if adjusted[number] else "0.0::DOUBLE")
            + f" AS r{number}"
            for number, each in enumerate(comparisons)
        )
        values, rarity = [], []
        for start in range(0, pairs.num_rows, PAIRS_A_CHUNK):
            table = self._engine.scored(pairs.slice(start, PAIRS_A_CHUNK), select)
            count = range(len(comparisons))
            values.append(np.column_stack([table[f"g{i}"].to_numpy() for i in count]))
            rarity.append(np.column_stack([table[f"r{i}"].to_numpy() for i in count]))
        read = np.vstack(values).astype(np.int8)
        return PairLevels(read, self._without_base(read, np.vstack(rarity)))

    def _without_base(
        self, values: npt.NDArray[np.int8], rarity: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Splink's adjustment is log2(u / frequency): take out the placeholder u."""
        for number, comparison in enumerate(self.levels.comparisons):
            for level in comparison.levels:
                if level.adjustment is not None:
                    at = values[:, number] == level.value
                    rarity[at, number] -= math.log2(level.adjustment.exact_u)
        return rarity
