"""Builder of Splink settings from comparisons and learned parameters."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mpi.matching.compiler.conditions import Translator
from mpi.matching.compiler.online_scorer import compute_level_bits
from mpi.matching.model.scoring_parameters import read_parameters
from training.fit.comparisons import NEAR_NUMBER_LABEL, ComparisonSpec
from training.fit.estimate import LearnedParameters

NEUTRAL_PROBABILITY = 0.5
_PLACEHOLDER_PRIOR = 1e-5


def build_untrained_settings(comparisons: Iterable[ComparisonSpec]) -> dict[str, Any]:
    """Build complete Splink settings that weigh every learned level as 0 bits.

    With them the comparison levels of pairs can be read before weights are learned.
    """
    settings: dict[str, Any] = {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": _PLACEHOLDER_PRIOR,
        "unique_id_column_name": "unique_id",
        "comparisons": [comparison.to_splink() for comparison in comparisons],
        "blocking_rules_to_generate_predictions": [],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "additional_columns_to_retain": [],
    }
    for comparison in settings["comparisons"]:
        for level in comparison["comparison_levels"]:
            if not level.get("is_null_level"):
                level.setdefault("m_probability", NEUTRAL_PROBABILITY)
                level.setdefault("u_probability", NEUTRAL_PROBABILITY)
    return settings


def select_usable_comparisons(
    comparisons: Sequence[ComparisonSpec], records: pa.Table
) -> tuple[list[ComparisonSpec], list[str]]:
    """Return the comparisons that have data, and the names of dropped ones.

    A comparison is dropped if its null level would hold for every pair: every column that the null
    level tests is missing everywhere.
    """
    tested_columns = {comparison.name: _null_level_columns(comparison) for comparison in comparisons}
    present = {column for column in set().union(*tested_columns.values()) if _has_values(records[column])}
    usable = [c for c in comparisons if not tested_columns[c.name] or tested_columns[c.name] & present]
    return usable, [c.name for c in comparisons if c not in usable]


def _has_values(column: pa.ChunkedArray) -> bool:
    """Return whether any record has a value, or true, in a column."""
    if pa.types.is_boolean(column.type):
        return bool(pc.any(column).as_py())
    return bool(column.null_count < len(column))


def _null_level_columns(comparison: ComparisonSpec) -> set[str]:
    """Return the columns that a comparison's null level tests."""
    translator = Translator()
    for level in comparison.levels:
        if level.is_null and level.condition is not None:
            translator.translate_condition(level.condition)
    return set(translator.columns)


def find_near_number_bits(settings: Mapping[str, Any]) -> float:
    """Return the learned weight of ID numbers that differ by a typo.

    It is 0 if the fit did not learn the level.
    """
    levels = (level for comparison in read_parameters(settings).comparisons for level in comparison.levels)
    return next((compute_level_bits(level) for level in levels if level.label == NEAR_NUMBER_LABEL), 0.0)


def fill_settings(settings: Mapping[str, Any], learned: LearnedParameters) -> dict[str, Any]:
    """Fill Splink settings with the learned m, u and prior.

    Levels that no pair ever had are left out: such a pair gets the next level. The last level and fixed
    ones stay.
    """
    comparisons = [_fill_comparison(comparison, learned) for comparison in settings["comparisons"]]
    return {
        **settings,
        "probability_two_random_records_match": learned.prior,
        "comparisons": comparisons,
    }


def _fill_comparison(comparison: Mapping[str, Any], learned: LearnedParameters) -> dict[str, Any]:
    """Fill one comparison of the settings with its learned m and u."""
    name, levels = comparison["output_column_name"], comparison["comparison_levels"]
    value = sum(1 for level in levels if not level.get("is_null_level"))
    filled = []
    for level in levels:
        if level.get("is_null_level"):
            filled.append(level)
            continue
        value -= 1
        if (name, value) not in learned.rates:
            filled.append(level)
        elif value == 0 or (name, value) in learned.observed_levels:
            m, u = learned.rates[name, value]
            filled.append({**level, "m_probability": m, "u_probability": u})
    return {**comparison, "comparison_levels": filled}
