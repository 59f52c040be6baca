"""Fit of a model to a feature table, without reading or writing."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.compiler.pair_query import compile_query
from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.matching.model.data_profile import PROFILED_COLUMNS
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.link_budget import LinkBudget
from mpi.matching.model.match_model import MatchModel
from mpi.matching.model.scoring_parameters import NULL_LEVEL, ScoringParameters
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA, connect_duckdb, make_feature_table
from mpi.standardize.version import STANDARDIZER_VERSION
from training.blocking import join_candidate_pairs
from training.blocking_recall import estimate_recall_of_chosen
from training.fit.birth_date_precision import (
    drop_partial_date_guards,
    measure_complete_dates,
)
from training.fit.blocking import PAIRS_PER_RECORD, ChosenRules, choose_rules, select_trial_rules
from training.fit.comparison_sets.choice import choose_comparisons
from training.fit.comparisons import FREQUENCY_COLUMNS, ComparisonSpec
from training.fit.errors import DegenerateDataError
from training.fit.estimate import (
    NO_STARTER,
    LearnedParameters,
    estimate_parameters,
    scale_to_index_size,
)
from training.fit.frequencies import count_frequencies
from training.fit.labels import LabelledPosteriors, add_labels
from training.fit.level_reader import LevelReader
from training.fit.limits.caution_odds import NO_ODDS, CautionOdds, WeighedPairs
from training.fit.limits.choice import JudgedFit, choose_limits
from training.fit.limits.link_budget import (
    NO_LINKS,
    choose_allowed_false_links,
)
from training.fit.limits.thresholds import (
    FALSE_LINK_COST,
    PurposeThresholds,
    choose_thresholds,
)
from training.fit.relatives import RelativeCounts, count_relatives, relieve_guards
from training.fit.settings import (
    build_untrained_settings,
    fill_settings,
    select_usable_comparisons,
)
from training.fit_calibration import CalibratedPairs, FitCalibration, calibrate_fit
from training.record_table import Records
from training.source_pairs import classify_pairs
from training.starter_model import STARTER_RECORDS, StarterModel, load_starter

NO_SOURCES: Mapping[int, str] = {}
LEAST_RECORDS = 2
LEAST_COMPARISONS = 2


@dataclass(frozen=True, slots=True)
class FitOptions:
    """Options of fitting a model.

    Args:
        seed: seed of the sample of random pairs; equal seeds and data give equal models.
        random_pairs: number of pairs that u is counted on.
        max_candidates: most candidate pairs that m is learned on, drawn by the seed. The default is about
            what 400,000 records have. With twice as many, the match weight of a typical comparison level
            changes by 0.02 bits, and that of a few rare levels by 0.2 to 0.7.
        index_size: number of records that the index will hold; None for the size of the data.
    """

    seed: int = 2026
    random_pairs: int = 1_500_000
    max_candidates: int = 1_500_000
    index_size: int | None = None


@dataclass(frozen=True, slots=True)
class FittedModel:
    """Fitted model before it is written to a folder.

    Args:
        settings: complete Splink settings.
        frequencies: term frequencies that may be published.
        records: number of records in the data.
        index_size: number of records for which the prior, and with it each weight, holds.
        learned: u, m, the prior and the weights of the candidates.
        candidates: number of candidate pairs.
        matches: expected number of matches among all pairs.
        dropped: comparisons left out because their data is missing everywhere.
        blocking: the blocking rules, and the expected matches that each adds.
        blocking_recall: estimated share of the matches that any rule finds.
        relatives: how common relatives are.
        complete_date_share: share of the birth dates that are complete.
        label_counts: numbers of pairs that stewards labelled the same and different.
        comparison_notes: how the comparisons differ from the standard ones, and why.
        caution_odds: from which weights cautions give way in this population.
        thresholds: thresholds of both purposes.
        filled: share of the records that have a value, by profiled feature column.
        listed: share of the known values that the term frequencies list, by column.
        link_budget: budget of false links for enterprise IDs, beside what is expected.
        calibration: expected false and missed links by population group.
    """

    settings: dict[str, Any] = field(repr=False)
    frequencies: Frequencies = field(repr=False)
    records: int
    index_size: int
    learned: LearnedParameters = field(repr=False)
    candidates: int
    matches: float
    dropped: tuple[str, ...]
    blocking: ChosenRules = field(repr=False)
    blocking_recall: float
    relatives: RelativeCounts
    complete_date_share: float = 1.0
    label_counts: tuple[int, int] = (0, 0)
    comparison_notes: tuple[str, ...] = ()
    caution_odds: CautionOdds = NO_ODDS
    thresholds: PurposeThresholds = field(default_factory=lambda: choose_thresholds(np.empty(0)))
    filled: Mapping[str, float] = field(default_factory=dict)
    listed: Mapping[str, float] = field(default_factory=dict)
    link_budget: LinkBudget = NO_LINKS
    calibration: FitCalibration = field(default_factory=FitCalibration)


def fit(
    records: Records, options: FitOptions | None = None, sources: Mapping[int, str] = NO_SOURCES
) -> FittedModel:
    """Fit a model to unlabelled records.

    Args:
        records: record ID and features.
        options: options of the fit; None for the defaults.
        sources: source of each record; empty for one source.

    Raises:
        DegenerateDataError: too few records, columns or duplicates to learn from.
    """
    return fit_table(make_feature_table(records, FEATURE_COLUMNS), options, sources=sources)


def fit_table(
    records: pa.Table,
    options: FitOptions | None = None,
    labels: pa.Table | None = None,
    sources: Mapping[int, str] = NO_SOURCES,
) -> FittedModel:
    """Fit a model to a feature table, with optional labels.

    Args:
        records: ``unique_id`` and all feature columns, in any order.
        options: options of the fit; None for the defaults.
        labels: ``lo``, ``hi``, ``same``: labels of pairs by stewards, each once; None for no labels.
        sources: source of each record; empty for one source.

    Raises:
        DegenerateDataError: too few records, columns or duplicates to learn from.
    """
    options = options or FitOptions()
    index_size = options.index_size or len(records)
    if len(records) < LEAST_RECORDS:
        raise DegenerateDataError("a fit compares records and needs at least two; the data has fewer")
    starter = load_starter() if len(records) < STARTER_RECORDS else None
    chosen = choose_comparisons(records)
    comparisons, dropped = select_usable_comparisons(chosen.comparisons, records)
    _require_learnable(comparisons)
    frequencies = count_frequencies(records, FREQUENCY_COLUMNS)
    if starter is not None:
        frequencies = starter.blend_frequencies(frequencies, len(records))
    complete_share = measure_complete_dates(records)
    with _open_feature_table(records) as connection:
        relatives = count_relatives(connection, len(records))
        comparisons = drop_partial_date_guards(relieve_guards(comparisons, relatives), complete_share)
        untrained = build_untrained_settings(comparisons)
        rules = select_trial_rules(connection, len(records), index_size)
        pairs = join_candidate_pairs(connection, BlockingSpec.parse(rules))
        learned, sample = _learn_from_pairs(
            untrained, comparisons, frequencies, pairs, connection, options, labels, sources, starter
        )
        chosen_rules = _choose_rules(rules, sample, learned, pairs.num_rows, len(records), index_size)
        blocking_recall = estimate_recall_of_chosen(
            connection,
            BlockingSpec.parse(rules).rules,
            sample,
            learned.probabilities,
            chosen_rules.rule_bits,
        )
        scaled = scale_to_index_size(learned, len(records), index_size)
        settings = fill_settings(untrained, scaled)
        weighed = _weigh_pairs(connection, sample, scaled.weights, settings, frequencies)
        filled = _measure_filled(records)
        limits = choose_limits(
            JudgedFit(
                weighed=weighed,
                learned=learned,
                scaled=scaled,
                is_found=(sample["rules"].to_numpy() & chosen_rules.rule_bits) > 0,
                blocking_recall=blocking_recall,
                relatives=relatives,
                complete_date_share=complete_share,
                sampled_share=min(1.0, sample.num_rows / pairs.num_rows),
                records=len(records),
                index_size=index_size,
            ),
            settings,
            choose_allowed_false_links(filled),
            sources,
        )
    return FittedModel(
        settings=settings,
        frequencies=frequencies,
        records=len(records),
        index_size=index_size,
        learned=scaled,
        candidates=chosen_rules.count_pairs(pairs["rules"].to_numpy()),
        matches=learned.prior * len(records) * (len(records) - 1) / 2,
        dropped=tuple(dropped),
        blocking=chosen_rules,
        blocking_recall=blocking_recall,
        relatives=relatives,
        complete_date_share=complete_share,
        label_counts=_count_labels(labels),
        comparison_notes=chosen.notes,
        caution_odds=limits.caution_odds,
        thresholds=limits.thresholds,
        filled=filled,
        listed=_measure_listed(records, frequencies),
        link_budget=limits.link_budget,
        calibration=calibrate_fit(
            records,
            CalibratedPairs(
                sample, limits.capped >= limits.thresholds.operational.link, 1 - limits.two_people
            ),
            blocking_recall,
            labels,
        ),
    )


def _require_learnable(comparisons: Sequence[ComparisonSpec]) -> None:
    """Raise if too few comparisons have levels to learn.

    Raises:
        DegenerateDataError: the data cannot tell people apart.
    """
    learnable = [comparison.name for comparison in comparisons if _learned_levels(comparison)]
    if len(learnable) < LEAST_COMPARISONS:
        raise DegenerateDataError(
            f"the data has values for {len(learnable)} of the model's comparisons "
            f"({', '.join(learnable) or 'none'}); "
            f"at least {LEAST_COMPARISONS} are needed to tell people apart"
        )


@contextmanager
def _open_feature_table(records: pa.Table) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open DuckDB with the records as ``feature_table``, and close it afterwards."""
    with tempfile.TemporaryDirectory() as spill, closing(connect_duckdb(Path(spill))) as connection:
        # DuckDB reads its own table several times as fast as an Arrow table.
        connection.register("as_read", records)
        connection.execute("CREATE TABLE feature_table AS FROM as_read")
        connection.unregister("as_read")
        yield connection


def _measure_filled(records: pa.Table) -> dict[str, float]:
    """Return the share of records with a value, by column."""
    return {column: round(1 - records[column].null_count / len(records), 4) for column in PROFILED_COLUMNS}


def _measure_listed(records: pa.Table, frequencies: Frequencies) -> dict[str, float]:
    """Return the share of values that the frequencies list."""
    shares = {}
    for column, table in frequencies.tables.items():
        known = records[column].drop_null()
        is_listed = pc.is_in(known, value_set=pa.array(list(table), type=known.type))
        shares[column] = round((pc.sum(is_listed).as_py() or 0) / max(len(known), 1), 4)
    return shares


def _choose_rules(
    rules: Mapping[str, Sequence[str]],
    sample: pa.Table,
    learned: LearnedParameters,
    pair_count: int,
    records: int,
    index_size: int,
) -> ChosenRules:
    """Choose blocking rules by the matches that each adds."""
    budget = PAIRS_PER_RECORD * records * min(1.0, sample.num_rows / pair_count)
    return choose_rules(
        rules, sample["rules"].to_numpy(), learned.probabilities, budget, index_size / records
    )


def _weigh_pairs(
    connection: duckdb.DuckDBPyConnection,
    pairs: pa.Table,
    weights: npt.NDArray[np.float64],
    settings: dict[str, Any],
    frequencies: Frequencies,
) -> WeighedPairs:
    """Join candidate pairs and weights of the model without cautions."""
    purposes = choose_thresholds(weights)
    model = MatchModel(
        name="fit",
        version="0",
        digest="",
        thresholds=purposes.operational,
        statistical=purposes.statistical,
        standardizer=STANDARDIZER_VERSION,
        index_size=len(weights),
        blocking=BlockingSpec(()),
        settings=settings,
        frequencies=frequencies,
    )
    query = compile_query(model)
    query.load_frequencies(connection)
    return WeighedPairs(connection, pairs, weights, query, 1.0 / FALSE_LINK_COST)


def _count_labels(labels: pa.Table | None) -> tuple[int, int]:
    """Count the pairs that stewards labelled as one person, and as two."""
    if labels is None:
        return 0, 0
    same = int(labels["same"].to_numpy(zero_copy_only=False).sum())
    return same, len(labels) - same


def draw_random_pairs(
    record_ids: Sequence[int] | npt.NDArray[np.int64], count: int, generator: np.random.Generator
) -> pa.Table:
    """Draw random pairs of different records, each once."""
    ids = np.asarray(record_ids, dtype=np.int64)
    pairs = ids[generator.integers(0, len(ids), size=(count, 2))]
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    lo, hi = pairs.min(axis=1), pairs.max(axis=1)
    order = np.lexsort((hi, lo))
    lo, hi = lo[order], hi[order]
    is_first = np.append(True, (lo[1:] != lo[:-1]) | (hi[1:] != hi[:-1])) if len(lo) else slice(0)
    return pa.table({"lo": lo[is_first], "hi": hi[is_first]}, schema=PAIR_SCHEMA)


def _learn_from_pairs(  # noqa: PLR0913, PLR0917 - each is an input of its own kind
    settings: dict[str, Any],
    comparisons: Sequence[ComparisonSpec],
    frequencies: Frequencies,
    pairs: pa.Table,
    connection: duckdb.DuckDBPyConnection,
    options: FitOptions,
    labels: pa.Table | None,
    sources: Mapping[int, str],
    starter: StarterModel | None,
) -> tuple[LearnedParameters, pa.Table]:
    """Learn m, u and the prior; return them and their pairs."""
    generator = np.random.default_rng(options.seed)
    reader = LevelReader(settings, frequencies, connection)
    ids_query = connection.sql("SELECT unique_id FROM feature_table ORDER BY ALL")
    ids = ids_query.to_arrow_table()["unique_id"].to_numpy()
    random_pairs = draw_random_pairs(ids, options.random_pairs, generator)
    if not pairs.num_rows:
        raise DegenerateDataError("no two records share a blocking key: there is nothing to compare")
    share = min(1.0, options.max_candidates / pairs.num_rows)
    pairs, pair_labels = _select_training_pairs(pairs, labels, options.max_candidates, generator)
    learnable = {comparison.name for comparison in comparisons if _learned_levels(comparison)}
    learned = estimate_parameters(
        reader.levels,
        _find_fixed_rates(comparisons, reader.levels),
        reader.read(random_pairs, is_wanted=learnable.__contains__),
        reader.read(pairs),
        len(ids) * (len(ids) - 1) / 2 * share,
        pair_labels,
        classify_pairs(pairs["lo"].to_numpy(), pairs["hi"].to_numpy(), ids, sources, share),
        NO_STARTER if starter is None else starter.rates,
    )
    return learned, pairs


def _select_training_pairs(
    pairs: pa.Table, labels: pa.Table | None, max_pairs: int, generator: np.random.Generator
) -> tuple[pa.Table, LabelledPosteriors | None]:
    """Select the candidate pairs that m is learned on, with their labels."""
    if labels is not None and len(labels):
        return add_labels(pairs, labels, max_pairs, generator)
    if pairs.num_rows > max_pairs:
        pairs = pairs.take(np.sort(generator.permutation(pairs.num_rows)[:max_pairs]))
    return pairs, None


def _learned_levels(comparison: ComparisonSpec) -> list[str]:
    """Return the labels of a comparison's levels with learned weights."""
    return [level.label for level in comparison.levels if not level.is_null and level.fixed_bits is None]


def _find_fixed_rates(
    comparisons: Sequence[ComparisonSpec], levels: ScoringParameters
) -> dict[tuple[str, int], tuple[bool, bool]]:
    """Return, per comparison level, whether m and u are fixed."""
    fixed = {}
    for spec, comparison in zip(comparisons, levels.comparisons, strict=True):
        for level, level_read in zip(spec.levels, comparison.levels, strict=True):
            if level_read.value != NULL_LEVEL:
                is_fixed = level.fixed_bits is not None
                fixed[comparison.name, level_read.value] = (is_fixed, is_fixed or level.fixed_u is not None)
    return fixed
