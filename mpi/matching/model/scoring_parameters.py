"""Scoring parameters of a model: prior, comparisons and levels.

They are read from Splink's own settings object, as the settings file alone is not enough: Splink fills in
defaults (the adjustment's weight, the number of each level) when it makes its ``Settings``, and scores with
those.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlglot
from splink import SettingsCreator
from sqlglot import exp

from mpi.domain.errors import ModelError

NULL_LEVEL = -1
"""Splink's comparison vector value of the null level."""


@dataclass(frozen=True, slots=True)
class FrequencyAdjustment:
    """Term-frequency adjustment of a comparison level's weight.

    Rare values weigh more than the level's average, common ones less.

    Args:
        column: column whose frequencies count.
        weight: share of the adjustment that is applied.
        minimum: lowest frequency used.
        exact_u: u probability of the level at which the column is equal, which frequencies replace.
    """

    column: str
    weight: float
    minimum: float
    exact_u: float


@dataclass(frozen=True, slots=True)
class ComparisonLevel:
    """One level of a comparison; the first whose condition holds applies.

    Args:
        value: Splink's comparison vector value: -1 for the null level, 0 for the last.
        label: label for people.
        condition: SQL, or None for the level of all other pairs.
        m: share of matching pairs at this level, None for a null level.
        u: share of non-matching pairs at this level, None for a null level.
        adjustment: None where frequencies play no part.
    """

    value: int
    label: str
    condition: str | None
    m: float | None
    u: float | None
    adjustment: FrequencyAdjustment | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A named list of comparison levels."""

    name: str
    levels: tuple[ComparisonLevel, ...]

    @property
    def only_lowers(self) -> bool:
        """Whether no level of the comparison adds to a weight."""
        return all(
            level.m is None or level.u is None or (level.m <= level.u and level.adjustment is None)
            for level in self.levels
        )


@dataclass(frozen=True, slots=True)
class ScoringParameters:
    """Prior and comparisons by which a model scores pairs.

    Args:
        prior: probability that two random records of the index match.
        comparisons: in the order in which their weights are added.
    """

    prior: float
    comparisons: tuple[Comparison, ...]


DIALECT = "duckdb"
"""SQL dialect of a model's conditions."""

_INDEX_SETTINGS = {
    "unique_id_column_name": "unique_id",
    "additional_columns_to_retain": [],
    "blocking_rules_to_generate_predictions": [],
    "match_weight_column_prefix": "mw_",
    "term_frequency_adjustment_column_prefix": "tf_",
    "comparison_vector_value_column_prefix": "gamma_",
}


def make_batch_settings(settings: Mapping[str, Any], *, detailed: bool) -> dict[str, Any]:
    """Return Splink settings for scoring many pairs at once.

    The index itself finds pairs and names columns.

    Args:
        settings: settings of the model.
        detailed: whether levels and the parts of the weight are returned.
    """
    detail_settings = {
        "retain_matching_columns": detailed,
        "retain_intermediate_calculation_columns": detailed,
    }
    return {**settings, **detail_settings, **_INDEX_SETTINGS}


def read_parameters(settings: Mapping[str, Any]) -> ScoringParameters:
    """Read a model's prior and comparisons from complete Splink settings.

    Raises:
        ModelError: Splink refuses the settings, a level has no m or u, or a comparison has no last
            level for all other pairs.
    """
    dialect = settings.get("sql_dialect", DIALECT)
    if dialect != DIALECT:
        raise ModelError(f"settings.json: sql_dialect is {dialect!r}: conditions must be {DIALECT}'s SQL")
    try:
        settings_object = SettingsCreator.from_path_or_dict(dict(settings)).get_settings("duckdb")
        complete_settings: dict[str, Any] = settings_object.as_dict()  # type: ignore[no-untyped-call]  # Splink has no types here
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"settings.json: Splink refuses it: {error}") from error
    if complete_settings["link_type"] != "dedupe_only":
        raise ModelError('settings.json: link_type must be "dedupe_only": one index, all sources')
    _require_distinct_names([str(each["output_column_name"]) for each in complete_settings["comparisons"]])
    return ScoringParameters(
        prior=float(complete_settings["probability_two_random_records_match"]),
        comparisons=tuple(_read_comparison(comparison) for comparison in complete_settings["comparisons"]),
    )


def _require_distinct_names(names: list[str]) -> None:
    """Raise if two comparisons have one name, which Splink itself mixes up."""
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise ModelError(
            f"settings.json: two comparisons are called {repeated!r}: give each an output_column_name of "
            "its own"
        )


def _read_comparison(settings: Mapping[str, Any]) -> Comparison:
    """Read one comparison of Splink's settings."""
    name = str(settings["output_column_name"])
    levels = settings["comparison_levels"]
    if not levels or not _is_else_level(levels[-1]) or any(_is_else_level(level) for level in levels[:-1]):
        raise ModelError(f"comparison {name!r}: its last level, and no other, must be ELSE")
    value = sum(1 for level in levels if not level.get("is_null_level"))
    comparison_levels = []
    for level in levels:
        if level.get("is_null_level"):
            comparison_levels.append(
                ComparisonLevel(NULL_LEVEL, _get_label(level), level["sql_condition"], None, None, None)
            )
        else:
            value -= 1
            comparison_levels.append(_read_level(name, level, value, levels))
    return Comparison(name, tuple(comparison_levels))


def _read_level(
    name: str, settings: Mapping[str, Any], value: int, levels: list[Mapping[str, Any]]
) -> ComparisonLevel:
    """Read one comparison level, no null level, from Splink's settings."""
    m, u = settings.get("m_probability"), settings.get("u_probability")
    if not _is_probability(m) or not _is_probability(u):
        raise ModelError(
            f"comparison {name!r}, level {_get_label(settings)!r}: it has no m or u probability: "
            "training never saw it"
        )
    condition = None if _is_else_level(settings) else str(settings["sql_condition"])
    column = settings.get("tf_adjustment_column")
    weight = float(settings.get("tf_adjustment_weight", 0.0))
    adjustment = None
    if column is not None and weight and condition is not None:
        uses_own_level = settings.get("disable_tf_exact_match_detection")
        exact_u = float(settings["u_probability"]) if uses_own_level else _find_exact_u(name, column, levels)
        adjustment = FrequencyAdjustment(
            column, weight, float(settings.get("tf_minimum_u_value", 0.0)), exact_u
        )
    return ComparisonLevel(value, _get_label(settings), condition, m, u, adjustment)


def _find_exact_u(name: str, column: str, levels: list[Mapping[str, Any]]) -> float:
    """Return u of the comparison level at which a column is equal."""
    for level in levels:
        if not _is_else_level(level) and _find_equal_column(level["sql_condition"]) == column.lower():
            return float(level["u_probability"])
    raise ModelError(
        f"comparison {name!r}: its term-frequency adjustment on {column!r} needs a level at which "
        f"{column!r} is equal"
    )


def _find_equal_column(condition: str) -> str | None:
    """Return the column that a SQL condition requires to be equal.

    None where the condition says anything else.
    """
    tree = sqlglot.parse_one(condition.lower(), read="duckdb").unnest()
    if not isinstance(tree, exp.EQ):
        return None
    left, right = tree.this, tree.expression
    if not isinstance(left, exp.Column) or not isinstance(right, exp.Column):
        return None
    return left.name[:-2] if left.name[:-2] == right.name[:-2] else None


def _is_probability(value: object) -> bool:
    """Return whether a value is a probability above 0."""
    return isinstance(value, float | int) and 0 < value <= 1


def _is_else_level(level: Mapping[str, Any]) -> bool:
    """Return whether a comparison level is the one of all other pairs."""
    return str(level["sql_condition"]).strip().upper() == "ELSE"


def _get_label(level: Mapping[str, Any]) -> str:
    """Return the label of a comparison level for people."""
    return str(level.get("label_for_charts") or level["sql_condition"])
