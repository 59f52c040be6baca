"""Batch scorer: compiles a frozen model to one DuckDB query.

Its weights are those of Splink's own SQL, added in Splink's order (law 5). Splink makes a table for each
step, and DuckDB computes a condition wherever Splink writes it. Here pairs go through stages, and leave
once they cannot reach the floor: first the comparisons that can raise a weight, edit distances last; then
those that can only lower it and the cautions. Common subexpressions of a stage's conditions are computed
once (``mpi.matching.compiler.common_subexpressions``).
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import chain

import duckdb
import pyarrow as pa

from mpi.domain.weight import HALF_WEIGHT_STEP, WEIGHT_DECIMALS
from mpi.matching.compiler.common_subexpressions import SharedConditions, share_subexpressions
from mpi.matching.compiler.online_scorer import (
    OnlineScorer,
    compile_scorer,
    compute_level_bits,
    compute_prior_bits,
)
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.match_model import MatchModel
from mpi.matching.model.scoring_parameters import Comparison, ComparisonLevel, ScoringParameters

_EDIT_DISTANCE_NAME = "levenshtein"


@dataclass(frozen=True, slots=True)
class _Stage:
    """Comparisons computed together for pairs that can still reach the floor.

    Args:
        numbers: numbers of the comparisons.
        conditions: their conditions, in that order, and at the last stage the cautions.
        later_bits: the most that the comparisons of later stages can add, in bits.
    """

    numbers: tuple[int, ...]
    conditions: SharedConditions
    later_bits: float


@dataclass(frozen=True, slots=True)
class PairQuery:
    """Model compiled to one DuckDB query that scores many pairs.

    Args:
        columns: columns of Features that the model reads.
    """

    columns: tuple[str, ...]
    _parameters: ScoringParameters = field(repr=False)
    _cautions: Cautions = field(repr=False)
    _frequencies: Frequencies = field(repr=False)
    _stages: tuple[_Stage, ...] = field(repr=False)

    def load_frequencies(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Create tables of the model's term frequencies on a DuckDB connection."""
        schema = pa.schema([("value", pa.string()), ("share", pa.float64())])
        for column, shares in self._frequencies.tables.items():
            connection.register("frozen", pa.table([list(shares), list(shares.values())], schema=schema))
            connection.execute(f"CREATE TABLE {_name_frequency_table(column)} AS FROM frozen")
            connection.unregister("frozen")

    def weigh(
        self, connection: duckdb.DuckDBPyConnection, pairs: pa.Table, features: str, floor: float
    ) -> pa.Table:
        """Score pairs and keep those at or above a weight.

        Args:
            connection: has the frequencies, see ``load_frequencies``, and the features.
            pairs: ``lo``, ``hi`` (int64 record ids), each pair once.
            features: name of the table of features, of every record that a pair names.
            floor: lowest weight to return, in bits.

        Returns:
            ``lo``, ``hi``, ``bits`` (rounded to 1e-6), in the order of the record ids.
        """
        connection.register("pairs", pairs)
        weighed = connection.sql(self.write_sql("pairs", features, floor)).to_arrow_table()
        connection.unregister("pairs")
        return weighed

    def write_sql(self, pairs: str, features: str, floor: float) -> str:
        """Write the scoring query over named tables of pairs and features."""
        query, computed = self._write_join(pairs, features), set[int]()
        for stage in self._stages:
            query = self._write_stage(query, stage)
            computed.update(stage.numbers)
            # Far below what a weight is rounded to, and far above what adding in another order makes.
            stage_floor = floor - stage.later_bits - 2 * HALF_WEIGHT_STEP
            query = (
                f"SELECT * FROM ({query}) WHERE {self._write_sum(computed)} >= {_write_double(stage_floor)}"
            )
        query = f"SELECT *, {self._write_sum(computed)} AS bits FROM ({query})"
        query = f"SELECT * FROM ({query}) WHERE bits >= {_write_double(floor - HALF_WEIGHT_STEP)}"
        query = f"SELECT *, round(bits, {WEIGHT_DECIMALS}) AS free FROM ({query})"
        return f"SELECT lo, hi, {self._write_capped_weight()} AS bits FROM ({query}) ORDER BY lo, hi"

    def _write_stage(self, query: str, stage: _Stage) -> str:
        """Write SQL that adds a stage's comparison levels and weights as columns."""
        conditions = iter(stage.conditions.conditions)
        levels, weights = [], []
        for number in stage.numbers:
            comparison = self._parameters.comparisons[number]
            whens = [
                f"WHEN {next(conditions)} THEN {place}" for place in range(len(_list_conditions(comparison)))
            ]
            level = f"CASE {' '.join(whens)} ELSE {len(whens)} END" if whens else "0"
            levels.append(f"{level} AS level_{number}")
            bits = [_write_double(compute_level_bits(level)) for level in comparison.levels]
            weights.append(_write_case_by_level(number, bits, "weight"))
            if _is_adjusted(comparison):
                adjustments = [_write_adjustment(level) for level in comparison.levels]
                weights.append(_write_case_by_level(number, adjustments, "adjustment"))
        query = f"SELECT {', '.join(['*', *levels])} FROM ({stage.conditions.write_query(query)})"
        return f"SELECT {', '.join(['*', *weights])} FROM ({query})"

    def _write_join(self, pairs: str, features: str) -> str:
        """Write SQL that joins both records' features to each pair."""
        left, right = (
            self._write_side(side, end, pairs, features) for side, end in (("l", "lo"), ("r", "hi"))
        )
        return f"SELECT * FROM {pairs} JOIN ({left}) ON lo = id_l JOIN ({right}) ON hi = id_r"

    def _write_side(self, side: str, end: str, pairs: str, features: str) -> str:
        """Write SQL of one record's features and term frequencies per pair."""
        columns = [
            f"unique_id AS id_{side}",
            *(f'"{column}" AS "{column}_{side}"' for column in self.columns),
        ]
        shares, joins = [], []
        for column in _list_adjusted_columns(self._parameters):
            table, tail = _name_frequency_table(column), _write_double(self._frequencies.tails[column])
            share_sql = f"coalesce({table}.share, {tail})"
            shares.append(f'CASE WHEN "{column}" IS NOT NULL THEN {share_sql} END AS "tf_{column}_{side}"')
            joins.append(f'LEFT JOIN {table} ON {table}.value = "{column}"')
        rows = f"SELECT * FROM {features} WHERE unique_id IN (SELECT {end} FROM {pairs})"
        return f"SELECT {', '.join(columns + shares)} FROM ({rows}) {' '.join(joins)}"

    def _write_sum(self, numbers: Collection[int]) -> str:
        """Write SQL that sums comparisons' weights, in Splink's order."""
        parts = [_write_double(compute_prior_bits(self._parameters))]
        for number in sorted(numbers):
            parts.append(f"weight_{number}")
            if _is_adjusted(self._parameters.comparisons[number]):
                parts.append(f"adjustment_{number}")
        return " + ".join(parts)

    def _write_capped_weight(self) -> str:
        """Write SQL of a pair's weight, capped where a caution holds."""
        conditions = self._stages[-1].conditions.conditions
        return self._cautions.write_capped_weight(
            "free", conditions[len(conditions) - len(self._cautions.conditions) :]
        )


def compile_query(model: MatchModel, scorer: OnlineScorer | None = None) -> PairQuery:
    """Compile a model to a DuckDB query that scores many pairs.

    Args:
        model: the frozen model.
        scorer: online scorer of the model, where it is compiled already: that takes twice as long as the
            rest.

    Raises:
        ModelError: as ``compile_scorer``: what cannot be scored online is not scored here.
    """
    scorer = scorer or compile_scorer(model)
    stages: list[list[int]] = [[], [], []]
    for number, comparison in enumerate(scorer.parameters.comparisons):
        stages[2 if comparison.only_lowers else int(_has_edit_distance(comparison))].append(number)
    return PairQuery(
        scorer.columns,
        scorer.parameters,
        model.cautions,
        model.frequencies,
        tuple(_make_stage(scorer.parameters, model, place, stages) for place in range(len(stages))),
    )


def _make_stage(
    parameters: ScoringParameters, model: MatchModel, stage_number: int, stages: Sequence[Sequence[int]]
) -> _Stage:
    """Make a scoring stage, with the bits that later stages can add."""
    numbers, later_numbers = stages[stage_number], chain.from_iterable(stages[stage_number + 1 :])
    conditions = [
        condition for number in numbers for condition in _list_conditions(parameters.comparisons[number])
    ]
    if stage_number == len(stages) - 1:
        conditions += model.cautions.conditions.values()
    later_bits = sum(
        _compute_max_bits(parameters.comparisons[number], model.frequencies) for number in later_numbers
    )
    return _Stage(tuple(numbers), share_subexpressions(conditions, f"shared_{stage_number}_"), later_bits)


def _list_conditions(comparison: Comparison) -> list[str]:
    """List the SQL conditions of a comparison's levels; the last has none."""
    return [level.condition for level in comparison.levels if level.condition is not None]


def _has_edit_distance(comparison: Comparison) -> bool:
    """Return whether a comparison computes edit distances, the slowest functions."""
    return any(_EDIT_DISTANCE_NAME in condition.lower() for condition in _list_conditions(comparison))


def _compute_max_bits(comparison: Comparison, frequencies: Frequencies) -> float:
    """Return the most bits that a comparison can add to a weight."""
    return max(
        0.0,
        *(
            compute_level_bits(level) + _compute_max_adjustment(level, frequencies)
            for level in comparison.levels
        ),
    )


def _compute_max_adjustment(level: ComparisonLevel, frequencies: Frequencies) -> float:
    """Return the most bits that a term-frequency adjustment can add."""
    if level.adjustment is None:
        return 0.0
    column, adjustment = level.adjustment.column, level.adjustment
    rarest = min([frequencies.tails[column], *frequencies.tables[column].values()])
    return max(
        0.0, adjustment.weight * (math.log2(adjustment.exact_u) - math.log2(max(rarest, adjustment.minimum)))
    )


def _is_adjusted(comparison: Comparison) -> bool:
    """Return whether a comparison has a term-frequency adjustment."""
    return any(level.adjustment is not None for level in comparison.levels)


def _list_adjusted_columns(parameters: ScoringParameters) -> list[str]:
    """List the distinct columns with term-frequency adjustments."""
    adjustments = (level.adjustment for comparison in parameters.comparisons for level in comparison.levels)
    return list(dict.fromkeys(adjustment.column for adjustment in adjustments if adjustment is not None))


def _write_case_by_level(number: int, values: Sequence[str], name: str) -> str:
    """Write a SQL CASE that gives a value for each comparison level."""
    whens = " ".join(f"WHEN {place} THEN {value}" for place, value in enumerate(values))
    return f"CASE level_{number} {whens} END AS {name}_{number}"


def _write_adjustment(level: ComparisonLevel) -> str:
    """Write SQL of a comparison level's term-frequency adjustment.

    The more frequent of the two values counts for both.
    """
    if level.adjustment is None:
        return _write_double(0.0)
    column, adjustment = level.adjustment.column, level.adjustment
    left, right = f'"tf_{column}_l"', f'"tf_{column}_r"'
    larger_share = (
        f"greatest(coalesce({left}, {right}), coalesce({right}, {left}), {_write_double(adjustment.minimum)})"
    )
    exact_bits = _write_double(math.log2(adjustment.exact_u))
    return (
        f"CASE WHEN coalesce({left}, {right}) IS NULL THEN {_write_double(0.0)} "
        f"ELSE {_write_double(adjustment.weight)} * ({exact_bits} - log2({larger_share})) END"
    )


def _name_frequency_table(column: str) -> str:
    """Return the name of the table of a column's term frequencies."""
    return f'"frozen_{column}"'


def _write_double(value: float) -> str:
    """Write a number as a SQL literal of type DOUBLE.

    Without an exponent it would be a DECIMAL, whose cast may not be the nearest.
    """
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"
