"""A frozen model compiled to one DuckDB query, which weighs pairs as Splink's own SQL does.

Splink makes a table for each step, and DuckDB computes a condition wherever Splink writes it. Here a pair
goes through in one piece, and no further than it is near: first the comparisons that can raise its weight,
those that count edits after the others, then those that can only lower it and the cautions. What the
conditions of a stage share is computed once (``mpi.matching.compiler.common_subexpressions``). The weights are Splink's, added up in
its order (law 5).
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from itertools import chain

import duckdb
import pyarrow as pa

from mpi.domain.weight import HALF_WEIGHT_STEP, WEIGHT_DECIMALS
from mpi.matching.compiler.common_subexpressions import Shared, share
from mpi.matching.compiler.online_scorer import Scorer, compile_scorer, level_bits, prior_bits
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.levels import Comparison, Level, Levels
from mpi.matching.model.model import MatchModel

_COUNTS_EDITS = "levenshtein"


@dataclass(frozen=True, slots=True)
class _Stage:
    """What is asked of pairs that are still near.

    Args:
        numbers: of the comparisons.
        shared: their conditions, in that order, and at the last stage the cautions.
        to_come: the most that the comparisons of later stages can add, in bits.
    """

    numbers: tuple[int, ...]
    shared: Shared
    to_come: float


@dataclass(frozen=True, slots=True)
class PairQuery:
    """A model as one query.

    Args:
        columns: the columns of Features that it reads.
    """

    columns: tuple[str, ...]
    _levels: Levels = field(repr=False)
    _cautions: Cautions = field(repr=False)
    _frequencies: Frequencies = field(repr=False)
    _stages: tuple[_Stage, ...] = field(repr=False)

    def declare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Give a connection the model's frozen frequencies."""
        schema = pa.schema([("value", pa.string()), ("share", pa.float64())])
        for column, shares in self._frequencies.tables.items():
            connection.register("frozen", pa.table([list(shares), list(shares.values())], schema=schema))
            connection.execute(f"CREATE TABLE {_frozen(column)} AS FROM frozen")
            connection.unregister("frozen")

    def weighed(
        self, connection: duckdb.DuckDBPyConnection, pairs: pa.Table, features: str, floor: float
    ) -> pa.Table:
        """Weigh pairs.

        Args:
            connection: it knows the frequencies, see ``declare``, and the features.
            pairs: ``lo``, ``hi`` (int64 record ids), each pair once.
            features: the table of features, of every record that a pair names.
            floor: lowest weight to return, in bits.

        Returns:
            ``lo``, ``hi``, ``bits`` (rounded to 1e-6), in the order of the record ids.
        """
        connection.register("pairs", pairs)
        weighed = connection.sql(self.sql("pairs", features, floor)).to_arrow_table()
        connection.unregister("pairs")
        return weighed

    def sql(self, pairs: str, features: str, floor: float) -> str:
        """The query over tables, by name."""
        query, done = self._joined(pairs, features), set[int]()
        for stage in self._stages:
            query = self._weighing(query, stage)
            done.update(stage.numbers)
            # Far below what a weight is rounded to, and far above what adding in another order makes.
            least = floor - stage.to_come - 2 * HALF_WEIGHT_STEP
            query = f"SELECT * FROM ({query}) WHERE {self._sum(done)} >= {_number(least)}"
        query = f"SELECT *, {self._sum(done)} AS bits FROM ({query})"
        query = f"SELECT * FROM ({query}) WHERE bits >= {_number(floor - HALF_WEIGHT_STEP)}"
        query = f"SELECT *, round(bits, {WEIGHT_DECIMALS}) AS free FROM ({query})"
        return f"SELECT lo, hi, {self._held_down()} AS bits FROM ({query}) ORDER BY lo, hi"

    def _weighing(self, query: str, stage: _Stage) -> str:
        """What the comparisons of a stage add, as columns."""
        said = iter(stage.shared.conditions)
        levels, weights = [], []
        for number in stage.numbers:
            comparison = self._levels.comparisons[number]
            whens = [f"WHEN {next(said)} THEN {place}" for place in range(len(_conditions(comparison)))]
            level = f"CASE {' '.join(whens)} ELSE {len(whens)} END" if whens else "0"
            levels.append(f"{level} AS level_{number}")
            bits = [_number(level_bits(level)) for level in comparison.levels]
            weights.append(_by_level(number, bits, "weight"))
            if _is_adjusted(comparison):
                adjusted = [_adjustment(level) for level in comparison.levels]
                weights.append(_by_level(number, adjusted, "adjustment"))
        query = f"SELECT {', '.join(['*', *levels])} FROM ({stage.shared.over(query)})"
        return f"SELECT {', '.join(['*', *weights])} FROM ({query})"

    def _joined(self, pairs: str, features: str) -> str:
        """Both records of each pair, side by side."""
        left, right = (self._side(side, end, pairs, features) for side, end in (("l", "lo"), ("r", "hi")))
        return f"SELECT * FROM {pairs} JOIN ({left}) ON lo = id_l JOIN ({right}) ON hi = id_r"

    def _side(self, side: str, end: str, pairs: str, features: str) -> str:
        read = [f"unique_id AS id_{side}", *(f'"{column}" AS "{column}_{side}"' for column in self.columns)]
        shares, joins = [], []
        for column in _adjusted_for(self._levels):
            known = f"coalesce({_frozen(column)}.share, {_number(self._frequencies.tails[column])})"
            shares.append(f'CASE WHEN "{column}" IS NOT NULL THEN {known} END AS "tf_{column}_{side}"')
            joins.append(f'LEFT JOIN {_frozen(column)} ON {_frozen(column)}.value = "{column}"')
        named = f"SELECT * FROM {features} WHERE unique_id IN (SELECT {end} FROM {pairs})"
        return f"SELECT {', '.join(read + shares)} FROM ({named}) {' '.join(joins)}"

    def _sum(self, numbers: Collection[int]) -> str:
        """The weights of these comparisons in the order in which Splink adds them."""
        parts = [_number(prior_bits(self._levels))]
        for number in sorted(numbers):
            parts.append(f"weight_{number}")
            if _is_adjusted(self._levels.comparisons[number]):
                parts.append(f"adjustment_{number}")
        return " + ".join(parts)

    def _held_down(self) -> str:
        said = self._stages[-1].shared.conditions
        return self._cautions.hold("free", said[len(said) - len(self._cautions.conditions) :])


def compile_query(model: MatchModel, scorer: Scorer | None = None) -> PairQuery:
    """Compile the model.

    Args:
        model: the frozen model.
        scorer: its scorer, where it is compiled already: that takes twice as long as the rest.

    Raises:
        ModelError: what ``compile_scorer`` raises: what cannot be scored online is not scored here.
    """
    scorer = scorer or compile_scorer(model)
    stages: list[list[int]] = [[], [], []]
    for number, comparison in enumerate(scorer.levels.comparisons):
        stages[2 if comparison.only_lowers else int(_is_dear(comparison))].append(number)
    return PairQuery(
        scorer.columns,
        scorer.levels,
        model.cautions,
        model.frequencies,
        tuple(_stage(scorer.levels, model, place, stages) for place in range(len(stages))),
    )


def _stage(levels: Levels, model: MatchModel, place: int, stages: Sequence[Sequence[int]]) -> _Stage:
    own, later = stages[place], chain.from_iterable(stages[place + 1 :])
    conditions = [condition for number in own for condition in _conditions(levels.comparisons[number])]
    if place == len(stages) - 1:
        conditions += model.cautions.conditions.values()
    to_come = sum(_most(levels.comparisons[number], model.frequencies) for number in later)
    return _Stage(tuple(own), share(conditions, f"shared_{place}_"), to_come)


def _conditions(comparison: Comparison) -> list[str]:
    """Those of its levels; the last has none."""
    return [level.condition for level in comparison.levels if level.condition is not None]


def _is_dear(comparison: Comparison) -> bool:
    """Whether it counts edits, which takes longer than all the rest of a comparison."""
    return any(_COUNTS_EDITS in condition.lower() for condition in _conditions(comparison))


def _most(comparison: Comparison, frequencies: Frequencies) -> float:
    """The most that it can add, in bits."""
    return max(0.0, *(level_bits(level) + _most_adjusted(level, frequencies) for level in comparison.levels))


def _most_adjusted(level: Level, frequencies: Frequencies) -> float:
    if level.adjustment is None:
        return 0.0
    column, stated = level.adjustment.column, level.adjustment
    rarest = min([frequencies.tails[column], *frequencies.tables[column].values()])
    return max(0.0, stated.weight * (math.log2(stated.exact_u) - math.log2(max(rarest, stated.minimum))))


def _is_adjusted(comparison: Comparison) -> bool:
    return any(level.adjustment is not None for level in comparison.levels)


def _adjusted_for(levels: Levels) -> list[str]:
    """The columns whose frequencies change a weight, each once."""
    every = (level.adjustment for comparison in levels.comparisons for level in comparison.levels)
    return list(dict.fromkeys(adjustment.column for adjustment in every if adjustment is not None))


def _by_level(number: int, values: Sequence[str], name: str) -> str:
    whens = " ".join(f"WHEN {place} THEN {value}" for place, value in enumerate(values))
    return f"CASE level_{number} {whens} END AS {name}_{number}"


def _adjustment(level: Level) -> str:
    """By how much frequencies change a weight: the more frequent of the two values stands for both."""
    if level.adjustment is None:
        return _number(0.0)
    column, stated = level.adjustment.column, level.adjustment
    left, right = f'"tf_{column}_l"', f'"tf_{column}_r"'
    common = f"greatest(coalesce({left}, {right}), coalesce({right}, {left}), {_number(stated.minimum)})"
    return (
        f"CASE WHEN coalesce({left}, {right}) IS NULL THEN {_number(0.0)} "
        f"ELSE {_number(stated.weight)} * ({_number(math.log2(stated.exact_u))} - log2({common})) END"
    )


def _frozen(column: str) -> str:
    return f'"frozen_{column}"'


def _number(value: float) -> str:
    """A DOUBLE; without an exponent it would be a DECIMAL, whose cast may not be the nearest."""
    text = repr(float(value))
    return text if "e" in text else f"{text}e0"
