"""Online scorer: a model compiled to Python; scores one pair per call.

``compile_scorer`` writes, for each comparison, the ``if``/``elif`` chain that Splink writes as SQL
``CASE``, and lets Python compile the result. DuckDB (``mpi.matching.scoring.splink_engine``) is the other
scorer. Both give equal levels, and weights that agree within 1e-6 bits (law 5).

``OnlineScorer.source`` holds the generated code.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import cast

from mpi.domain.errors import ModelError
from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS, TEXT_COLUMNS, Features
from mpi.domain.weight import round_weight
from mpi.matching.compiler.conditions import Translator
from mpi.matching.compiler.runtime_functions import NAMESPACE
from mpi.matching.compiler.sql_functions import NotCompilableError
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.match_model import MatchModel
from mpi.matching.model.scoring_parameters import (
    Comparison,
    ComparisonLevel,
    FrequencyAdjustment,
    ScoringParameters,
    read_parameters,
)

_CompareFunction = Callable[[Features, Features], tuple[float, tuple[int, ...], tuple[float, ...]]]
_FirstConditionFunction = Callable[[Features, Features, float], int]
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class PairScore:
    """Comparison levels and match weight of one pair.

    A caution is a condition of the model that caps the weight, so that the model alone never links the pair.

    Args:
        levels: Splink's comparison vector values, in the order of the model's comparisons.
        bits: match weight, prior included, capped where a caution holds.
        caution: the caution that caps the weight; None where none does.
    """

    levels: tuple[int, ...]
    bits: float
    caution: str | None = None


@dataclass(frozen=True, slots=True)
class WeightContribution:
    """The part of a match weight that one comparison adds, in bits."""

    comparison: str
    level: str
    bits: float


@dataclass(frozen=True, slots=True)
class PairMarks:
    """Scored pairs that clustering must treat with care, apart from their weights.

    Args:
        uncorroborated: pairs that weigh more than a cautioned pair by name and birth date alone.
        opposed: pairs that would weigh as much, but are capped because something speaks against them.
    """

    uncorroborated: frozenset[tuple[int, int]]
    opposed: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class OnlineScorer:
    """Model compiled to Python that scores one record pair at a time.

    The scores are symmetric, as the model's conditions are.

    Args:
        parameters: prior and comparisons of the model.
        cautions: cautions of the model.
        columns: columns of Features that the model reads.
        source: the generated Python.
    """

    parameters: ScoringParameters = field(repr=False)
    cautions: Cautions = field(repr=False)
    columns: tuple[str, ...]
    source: str = field(repr=False)
    _compare: _CompareFunction = field(repr=False)
    _first_caution: _FirstConditionFunction = field(repr=False)
    _first_uncorroborated: _FirstConditionFunction = field(repr=False)

    def weigh(self, left: Features, right: Features) -> float:
        """Return a pair's match weight in bits, capped where a caution holds.

        The prior is included.
        """
        bits = self._compare(left, right)[0]
        if bits > self.cautions.bits and self._first_caution(left, right, round_weight(bits)) >= 0:
            return self.cautions.bits
        return bits

    def score(self, left: Features, right: Features) -> PairScore:
        """Return a pair's comparison levels, match weight and caution."""
        bits, levels, _ = self._compare(left, right)
        caution = self._find_caution(left, right, bits)
        return PairScore(levels, bits if caution is None else self.cautions.bits, caution)

    def mark_pairs(
        self, weights: Mapping[tuple[int, int], float], features: Mapping[int, Features]
    ) -> PairMarks:
        """Find scored pairs that rest on name and birth date alone.

        Of these, opposed pairs are capped, since something speaks against them; uncorroborated ones are not.

        Args:
            weights: bits by pair, as this scorer gives them, rounded.
            features: features of the records that the pairs name.
        """
        cap_bits = self.cautions.bits
        if not self.cautions.when:
            return PairMarks(frozenset(), frozenset())
        return PairMarks(
            uncorroborated=frozenset(
                (left, right)
                for (left, right), bits in weights.items()
                if bits > cap_bits and self._first_uncorroborated(features[left], features[right], bits) >= 0
            ),
            # Nothing but a caution gives just this weight, save by a coincidence of the sixth decimal.
            opposed=frozenset(
                (left, right)
                for (left, right), bits in weights.items()
                if bits == round_weight(cap_bits) and self._is_opposed(features[left], features[right])
            ),
        )

    def _is_opposed(self, left: Features, right: Features) -> bool:
        """Return whether a capped pair is capped because something opposes it."""
        return self._first_caution(left, right, round_weight(self._compare(left, right)[0])) == 0

    def _find_caution(self, left: Features, right: Features, bits: float) -> str | None:
        """Return the model's caution that caps a pair's weight, if any."""
        number = self._first_caution(left, right, round_weight(bits)) if bits > self.cautions.bits else -1
        return None if number < 0 else list(self.cautions.conditions)[number]

    def explain(self, left: Features, right: Features) -> list[WeightContribution]:
        """List each comparison's contribution to a pair's match weight.

        The prior comes first and a caution last; the bits add up to the weight.
        """
        total, values, parts = self._compare(left, right)
        contributions = [
            WeightContribution("prior", "two records taken at random", compute_prior_bits(self.parameters))
        ]
        for comparison, value, bits in zip(self.parameters.comparisons, values, parts, strict=True):
            label = next(level.label for level in comparison.levels if level.value == value)
            contributions.append(WeightContribution(comparison.name, label, bits))
        caution = self._find_caution(left, right, total)
        if caution is not None:
            contributions.append(WeightContribution("caution", caution, self.cautions.bits - total))
        return contributions


@lru_cache(maxsize=8)
def compile_scorer(model: MatchModel) -> OnlineScorer:
    """Compile a model to Python that scores one pair at a time.

    Scopes, and thresholds on trial, share the scorer of their model.

    Raises:
        ModelError: a condition has no exact translation (the message names comparison and level), or a
            term-frequency adjustment has no frozen frequencies.
    """
    parameters = read_parameters(model.settings)
    translator = Translator()
    source, adjustments = _generate_compare(parameters, translator)
    caution_columns, caution_source = _generate_first_condition(
        "caution", model.cautions.conditions, model.cautions.until
    )
    uncorroborated_columns, uncorroborated_source = _generate_first_condition(
        "uncorroborated", {"uncorroborated": model.cautions.uncorroborated}
    )
    source = "\n\n".join((source, caution_source, uncorroborated_source))
    namespace: dict[str, Callable[..., object]] = {**NAMESPACE}
    for name, adjustment in adjustments.items():
        namespace[name] = _make_adjustment(adjustment, model.frequencies)
    # The source is made from parsed SQL by `Translator`, which copies no text of the settings but names
    # of columns that Features has and the repr of literals.
    exec(compile(source, f"<model {model.ref}>", "exec"), namespace)  # noqa: S102
    columns_read = {*translator.columns, *caution_columns, *uncorroborated_columns}
    return OnlineScorer(
        parameters,
        model.cautions,
        tuple(column for column in FEATURE_COLUMNS if column in columns_read),
        source,
        cast("_CompareFunction", namespace["compare"]),
        cast("_FirstConditionFunction", namespace["caution"]),
        cast("_FirstConditionFunction", namespace["uncorroborated"]),
    )


def compute_prior_bits(parameters: ScoringParameters) -> float:
    """Return the log2 odds of a model's prior, in bits."""
    return math.log2(parameters.prior / (1 - parameters.prior))


def compute_level_bits(level: ComparisonLevel) -> float:
    """Return a comparison level's weight in bits before term-frequency adjustment.

    A null level weighs 0.
    """
    return math.log2(level.m / level.u) if level.m is not None and level.u is not None else 0.0


def _generate_compare(
    parameters: ScoringParameters, translator: Translator
) -> tuple[str, dict[str, FrequencyAdjustment]]:
    """Generate Python that finds a pair's comparison levels and weight.

    Returns:
        The source of ``compare``, and the term-frequency adjustments that it calls.
    """
    adjustments: dict[str, FrequencyAdjustment] = {}
    body: list[str] = []
    for number, comparison in enumerate(parameters.comparisons):
        body.append(f"# {number}")
        body.extend(_generate_comparison(number, comparison, translator, adjustments))
    count = range(len(parameters.comparisons))
    total = " + ".join([repr(compute_prior_bits(parameters)), *(f"w{i}" for i in count)])
    values, parts = "".join(f"g{i}, " for i in count), "".join(f"w{i}, " for i in count)
    lines = [
        "def compare(left, right):",
        *(_INDENT + line for line in _generate_loads(translator)),
        *(_INDENT + line for line in body),
        f"{_INDENT}return {total}, ({values}), ({parts})",
    ]
    return "\n".join(lines) + "\n", adjustments


def _generate_first_condition(
    name: str, conditions: Mapping[str, str], until: Mapping[str, float] = MappingProxyType({})
) -> tuple[tuple[str, ...], str]:
    """Generate a Python function that finds the first true condition.

    The function returns its number, or -1 for none.

    Args:
        name: name of the function.
        conditions: conditions by label.
        until: weight in bits from which a condition no longer counts, by label.
    """
    translator = Translator()
    body = []
    for number, (label, condition) in enumerate(conditions.items()):
        try:
            python = translator.translate_symmetric(condition)
        except NotCompilableError as fault:
            raise ModelError(f"cautions, {label!r}: cannot be compiled: {fault}") from None
        limit = f"bits < {until[label]!r} and " if label in until else ""
        body.append(f"{_INDENT}if {limit}({python}):\n{_INDENT * 2}return {number}")
    lines = [
        f"def {name}(left, right, bits):",
        *(_INDENT + line for line in _generate_loads(translator)),
        *body,
    ]
    return translator.columns, "\n".join([*lines, f"{_INDENT}return -1"]) + "\n"


def _generate_loads(translator: Translator) -> list[str]:
    """Generate Python that loads a pair's columns into local variables.

    An empty list is missing.
    """
    lines = []
    for column in FEATURE_COLUMNS:
        empty = " or None" if column in LIST_COLUMNS else ""
        for variable, record in ((f"{column}_l", "left"), (f"{column}_r", "right")):
            if variable in translator.variables:
                lines.append(f"{variable} = {record}.{column}{empty}")
    return lines


def _generate_comparison(
    number: int,
    comparison: Comparison,
    translator: Translator,
    adjustments: dict[str, FrequencyAdjustment],
) -> list[str]:
    """Generate the Python if-chain that finds one comparison's level."""
    lines: list[str] = []
    keyword = "if"
    for level in comparison.levels:
        if level.condition is None:
            lines.append("else:" if lines else "if True:")
        else:
            lines.append(f"{keyword} {_translate_level(comparison, level, translator)}:")
        keyword = "elif"
        bits = repr(compute_level_bits(level))
        if level.adjustment is not None:
            column, name = level.adjustment.column, f"adjust_{len(adjustments)}"
            adjustments[name] = level.adjustment
            if column not in TEXT_COLUMNS:
                raise ModelError(
                    f"comparison {comparison.name!r}: no term frequencies of {column!r} can be had"
                )
            translator.variables.update({f"{column}_l": None, f"{column}_r": None})
            bits += f" + {name}({column}_l, {column}_r)"
        lines.append(f"{_INDENT}g{number} = {level.value}; w{number} = {bits}")
    return lines


def _translate_level(comparison: Comparison, level: ComparisonLevel, translator: Translator) -> str:
    """Translate the SQL condition of a comparison level to Python."""
    try:
        return translator.translate_symmetric(level.condition or "")
    except NotCompilableError as fault:
        raise ModelError(
            f"comparison {comparison.name!r}, level {level.label!r}: cannot be compiled: {fault}"
        ) from None


def _make_adjustment(
    adjustment: FrequencyAdjustment, frequencies: Frequencies
) -> Callable[[str | None, str | None], float]:
    """Make Splink's term-frequency adjustment as a function of two values.

    The more frequent of the two values counts for both; a missing one is ignored.
    """
    column = adjustment.column
    if column not in frequencies.tables:
        raise ModelError(f"the model adjusts for frequencies of {column!r} but has none of it")
    table, tail = frequencies.tables[column], frequencies.tails[column]
    weight, minimum, exact_bits = adjustment.weight, adjustment.minimum, math.log2(adjustment.exact_u)

    def adjust(left: str | None, right: str | None) -> float:
        if left is None:
            if right is None:
                return 0.0
            left = right
        elif right is None:
            right = left
        share = table.get(left, tail)
        if left != right:
            share = max(share, table.get(right, tail))
        return weight * (exact_bits - math.log2(max(minimum, share)))

    return adjust
