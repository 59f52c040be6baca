"""Reader of the comparison levels of many pairs in DuckDB.

The conditions are those that Splink scores with, in its order; only the sums are left to training.
Splink itself would keep every compared value of a pair with its levels, which takes three times as
long. A test holds that both read the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mpi.matching.compiler.conditions import Translator
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.scoring_parameters import NULL_LEVEL, Comparison, ScoringParameters, read_parameters

PAIRS_PER_CHUNK = 1_500_000  # a chunk costs one pass over all records and some 20 bytes per pair


@dataclass(frozen=True, slots=True)
class PairLevels:
    """Comparison levels of pairs, one row each.

    Args:
        values: comparison vector values, one column for each comparison.
        rarity: sum of -log2 of the term frequencies of adjusted levels; 0 without any.
    """

    values: npt.NDArray[np.int8]
    rarity: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.values)


class LevelReader:
    """Reader of the comparison levels of pairs from a DuckDB feature table."""

    def __init__(
        self,
        settings: dict[str, object],
        frequencies: Frequencies,
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        self.levels: ScoringParameters = read_parameters(settings)
        self._connection = connection
        self._adjustments = _find_adjustments(self.levels)
        for column in sorted({column for column, _, _ in self._adjustments.values()}):
            _create_share_table(connection, column, frequencies)

    def read(self, pairs: pa.Table, is_wanted: Callable[[str], bool] = lambda _: True) -> PairLevels:
        """Read the comparison levels of pairs, each chunk in record ID order.

        Args:
            pairs: ``lo``, ``hi``.
            is_wanted: whether to read the comparison of a name; others get the null level.
        """
        comparisons = [each for each in self.levels.comparisons if is_wanted(each.name)]
        values = np.full((pairs.num_rows, len(self.levels.comparisons)), NULL_LEVEL, dtype=np.int8)
        rarity = np.zeros(pairs.num_rows)
        query = self._query(comparisons)
        for start in range(0, pairs.num_rows, PAIRS_PER_CHUNK):
            self._connection.register("asked_pairs", pairs.slice(start, PAIRS_PER_CHUNK))
            table = self._connection.sql(query).to_arrow_table()
            rows = slice(start, start + table.num_rows)
            for number, comparison in enumerate(self.levels.comparisons):
                if comparison in comparisons:
                    values[rows, number] = table[f"g_{comparison.name}"].to_numpy()
            rarity[rows] = table["rarity"].to_numpy()
        return PairLevels(values, rarity)

    def _query(self, comparisons: Sequence[Comparison]) -> str:
        """Build the SQL query of pairs' comparison levels and frequency adjustments."""
        columns = _referenced_columns(comparisons)
        sides = ", ".join(f"{side}.{name} AS {name}_{side}" for name in columns for side in "lr")
        adjusted = {
            comparison.name: self._adjustments[comparison.name]
            for comparison in comparisons
            if comparison.name in self._adjustments
        }
        shares = {column for column, _, _ in adjusted.values()}
        joined = "".join(
            f" LEFT JOIN shares_of_{column} AS f{side}_{column} ON f{side}_{column}.value = {side}.{column}"
            for column in sorted(shares)
            for side in "lr"
        )
        sides += "".join(f", f{s}_{c}.share AS share_{c}_{s}" for c in sorted(shares) for s in "lr")
        rarity = " + ".join(["0.0::DOUBLE", *(_rarity_sql(name, *of) for name, of in adjusted.items())])
        return (
            f"SELECT * EXCLUDE (lo, hi), {rarity} AS rarity FROM (SELECT lo, hi, "
            f"{''.join(f'{_case_sql(comparison)} AS g_{comparison.name}, ' for comparison in comparisons)}"
            f"{', '.join(f'share_{c}_{s}' for c in sorted(shares) for s in 'lr') or 'NULL AS none'} "
            f"FROM (SELECT lo, hi{', ' if sides else ''}{sides} FROM asked_pairs "
            f"JOIN feature_table AS l ON lo = l.unique_id JOIN feature_table AS r ON hi = r.unique_id"
            f"{joined})) ORDER BY lo, hi"
        )


def _case_sql(comparison: Comparison) -> str:
    """Build a comparison's CASE expression: the first true condition gives the level."""
    whens = " ".join(f"WHEN {x.condition} THEN {x.value}" for x in comparison.levels if x.condition)
    return f"(CASE {whens} ELSE {comparison.levels[-1].value} END)::TINYINT"


def _referenced_columns(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """Return the feature columns that the comparisons' conditions use."""
    translator = Translator()
    for comparison in comparisons:
        for level in comparison.levels:
            if level.condition is not None:
                translator.translate_condition(level.condition)
    return translator.columns


def _find_adjustments(levels: ScoringParameters) -> dict[str, tuple[str, float, list[int]]]:
    """Return column, least frequency and level values of each comparison's term-frequency adjustment."""
    adjustments: dict[str, tuple[str, float, list[int]]] = {}
    for comparison in levels.comparisons:
        for level in comparison.levels:
            if (adjustment := level.adjustment) is not None:
                entry = adjustments.setdefault(comparison.name, (adjustment.column, adjustment.minimum, []))
                entry[2].append(level.value)
    return adjustments


def _rarity_sql(name: str, column: str, minimum: float, values: Sequence[int]) -> str:
    """Build SQL for the term-frequency adjustment of a comparison.

    Of two values the more common counts, as in Splink.
    """
    share = f"greatest(share_{column}_l, share_{column}_r, {minimum!r})"
    level_values = ", ".join(map(str, values))
    return f"CASE WHEN g_{name} IN ({level_values}) THEN -log2({share}) ELSE 0.0 END"


def _create_share_table(connection: duckdb.DuckDBPyConnection, column: str, frequencies: Frequencies) -> None:
    """Create the table with the share of records of every column value.

    Rare values have the tail frequency.
    """
    table, tail = frequencies.tables[column], frequencies.tails[column]
    connection.register("shares", pa.table({
        "value": pa.array(list(table), pa.string()), "share": pa.array(list(table.values()), pa.float64())
    }))  # fmt: skip
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE shares_of_{column} AS SELECT value, "
        f"coalesce(share, {tail!r}::DOUBLE) AS share FROM (SELECT DISTINCT {column} AS value "
        f"FROM feature_table WHERE {column} IS NOT NULL) LEFT JOIN shares USING (value)"
    )
    connection.unregister("shares")
