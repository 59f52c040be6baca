"""Fits a model to unlabelled records: the whole of ``training fit`` between reading and writing."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.model.levels import NULL_LEVEL, ScoringParameters
from mpi.matching.scoring.batch import PAIR_SCHEMA, connect_duckdb, make_feature_table
from training.blocking import join_candidate_pairs
from training.fit.birth_date_precision import drop_partial_date_guards, measure_complete_dates
from training.fit.blocking import PAIRS_PER_RECORD, ChosenRules, choose_rules, select_trial_rules
from training.fit.comparisons import COMPARISONS, FREQUENCY_COLUMNS, ComparisonSpec
from training.fit.errors import DegenerateDataError
from training.fit.estimate import LearnedParameters, scale_to_index_size, estimate_parameters, to_probabilities
from training.fit.frequencies import count_frequencies
from training.fit.labels import LabelledPosteriors, add_labels
from training.fit.levels import LevelReader
from training.fit.relatives import RelativeCounts, count_relatives, relieve_guards
from training.fit.settings import fill_settings, build_untrained_settings, select_usable_comparisons
from training.record_table import Records

LEAST_RECORDS = 200
LEAST_COMPARISONS = 3


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What a person may set.

    Args:
        seed: of the sample of random pairs; the same seed and data give the same model.
        random_pairs: how many pairs u is counted on.
        max_candidates: how many candidate pairs m is learned on at most, taken by seed: about what 400,000
            records have. Twice as many move the median level by 0.02 bits, a few rare ones by 0.2 to 0.7.
        index_size: how many records the index will hold; None for as many as it is fitted on.
    """

    seed: int = 2026
    random_pairs: int = 1_500_000
    max_candidates: int = 1_500_000
    index_size: int | None = None


@dataclass(frozen=True, slots=True)
class FittedModel:
    """A fitted model before it is written.

    Args:
        settings: complete Splink settings.
        frequencies: as they may be published.
        records: how many it was fitted on.
        index_size: for how many records the prior, and with it each weight, holds.
        learned: u, m, the prior and the candidates' weights.
        candidates: number of candidate pairs.
        matches: how many of them are expected to match.
        dropped: comparisons left out because their data is missing everywhere.
        blocking: the rules, and what each adds to the matches that are expected.
        relatives: how common relatives are.
        complete_date_share: share of the birth dates that are whole.
        label_counts: how many pairs stewards said to be one person, and how many two.
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
    relatives: RelativeCounts
    complete_date_share: float = 1.0
    label_counts: tuple[int, int] = (0, 0)


def fit(records: Records, options: FitOptions | None = None) -> FittedModel:
    """Learn a model from records that nobody has labelled.

    Raises:
        DegenerateDataError: too few records, columns or duplicates to learn from.
    """
    return fit_table(make_feature_table(records, FEATURE_COLUMNS), options)


def fit_table(records: pa.Table, options: FitOptions | None = None, labels: pa.Table | None = None) -> FittedModel:
    """The same from a table of features.

    Args:
        records: ``unique_id`` and all feature columns, in any order.
        options: what a person may set.
        labels: ``lo``, ``hi``, ``same``: what stewards said of pairs, each once; None for nothing.

    Raises:
        DegenerateDataError: too few records, columns or duplicates to learn from.
    """
    options = options or FitOptions()
    index_size = options.index_size or len(records)
    if len(records) < LEAST_RECORDS:
        raise DegenerateDataError(
            f"{len(records)} records are too few to learn from; give at least {LEAST_RECORDS}"
        )
    comparisons, dropped = select_usable_comparisons(COMPARISONS, records)
    taught = [each for each in comparisons if _learned_levels(each)]
    if len(taught) < LEAST_COMPARISONS:
        raise DegenerateDataError(
            f"the data has values for {len(taught)} of the model's comparisons "
            f"({', '.join(each.name for each in taught) or 'none'}); "
            f"at least {LEAST_COMPARISONS} are needed to tell people apart"
        )
    frequencies = count_frequencies(records, FREQUENCY_COLUMNS)
    whole = measure_complete_dates(records)
    with tempfile.TemporaryDirectory() as spill:
        connection = connect_duckdb(Path(spill))
        try:
            # A table of its own is read several times as fast as Arrow.
            connection.register("as_read", records)
            connection.execute("CREATE TABLE feature_table AS FROM as_read")
            connection.unregister("as_read")
            kin = count_relatives(connection, len(records))
            comparisons = drop_partial_date_guards(relieve_guards(comparisons, kin), whole)
            stated = build_untrained_settings(comparisons)
            rules = select_trial_rules(connection, len(records), index_size)
            pairs = join_candidate_pairs(connection, BlockingSpec.parse(rules))
            learned, brought = _learn_from_pairs(stated, comparisons, frequencies, pairs, connection, options, labels)
        finally:
            connection.close()
    sampled = min(1.0, len(brought) / pairs.num_rows)
    budget = PAIRS_PER_RECORD * len(records) * sampled
    growth = index_size / len(records)
    chosen = choose_rules(rules, brought, to_probabilities(learned.weights), budget, growth)
    meant = scale_to_index_size(learned, len(records), index_size)
    return FittedModel(
        settings=fill_settings(stated, meant),
        frequencies=frequencies,
        records=len(records),
        index_size=index_size,
        learned=meant,
        candidates=chosen.count_pairs(pairs["rules"].to_numpy()),
        matches=learned.prior * len(records) * (len(records) - 1) / 2,
        dropped=tuple(dropped),
        blocking=chosen,
        relatives=kin,
        complete_date_share=whole,
        label_counts=_count_labels(labels),
    )


def _count_labels(labels: pa.Table | None) -> tuple[int, int]:
    if labels is None:
        return 0, 0
    same = int(labels["same"].to_numpy(zero_copy_only=False).sum())
    return same, len(labels) - same


def draw_random_pairs(
    numbers: Sequence[int] | npt.NDArray[np.int64], count: int, generator: np.random.Generator
) -> pa.Table:
    """Pairs of different records taken at random, each once."""
    ids = np.asarray(numbers, dtype=np.int64)
    drawn = ids[generator.integers(0, len(ids), size=(count, 2))]
    drawn = drawn[drawn[:, 0] != drawn[:, 1]]
    lo, hi = drawn.min(axis=1), drawn.max(axis=1)
    order = np.lexsort((hi, lo))
    lo, hi = lo[order], hi[order]
    first = np.append(True, (lo[1:] != lo[:-1]) | (hi[1:] != hi[:-1])) if len(lo) else slice(0)
    return pa.table({"lo": lo[first], "hi": hi[first]}, schema=PAIR_SCHEMA)


def _learn_from_pairs(
    stated: dict[str, Any],
    comparisons: Sequence[ComparisonSpec],
    frequencies: Frequencies,
    pairs: pa.Table,
    connection: duckdb.DuckDBPyConnection,
    options: FitOptions,
    labels: pa.Table | None,
) -> tuple[LearnedParameters, npt.NDArray[np.int64]]:
    """What is learned, and the rules that bring each of the pairs it is learned on."""
    generator = np.random.default_rng(options.seed)
    reader = LevelReader(stated, frequencies, connection)
    ids = connection.sql("SELECT unique_id FROM feature_table ORDER BY ALL").to_arrow_table()["unique_id"]
    drawn = draw_random_pairs(ids.to_numpy(), options.random_pairs, generator)
    if not pairs.num_rows:
        raise DegenerateDataError("no two records share a blocking key: there is nothing to compare")
    share = min(1.0, options.max_candidates / pairs.num_rows)
    pairs, known = _select_training_pairs(pairs, labels, options.max_candidates, generator)
    taught = {each.name for each in comparisons if _learned_levels(each)}
    learned = estimate_parameters(
        reader.levels,
        _find_fixed_rates(comparisons, reader.levels),
        reader.read(drawn, wanted=taught.__contains__),
        reader.read(pairs),
        len(ids) * (len(ids) - 1) / 2 * share,
        known,
    )
    return learned, pairs["rules"].to_numpy()


def _select_training_pairs(
    pairs: pa.Table, labels: pa.Table | None, most: int, generator: np.random.Generator
) -> tuple[pa.Table, LabelledPosteriors | None]:
    """The candidates that m is learned on, and what is known of them."""
    if labels is not None and len(labels):
        return add_labels(pairs, labels, most, generator)
    if pairs.num_rows > most:
        pairs = pairs.take(np.sort(generator.permutation(pairs.num_rows)[:most]))
    return pairs, None


def _learned_levels(comparison: ComparisonSpec) -> list[str]:
    return [level.label for level in comparison.levels if not level.is_null and level.fixed_bits is None]


def _find_fixed_rates(comparisons: Sequence[ComparisonSpec], levels: ScoringParameters) -> dict[tuple[str, int], tuple[bool, bool]]:
    """Which of m and u the comparisons state rather than leave to be learned."""
    fixed = {}
    for stated, read in zip(comparisons, levels.comparisons, strict=True):
        for level, made in zip(stated.levels, read.levels, strict=True):
            if made.value != NULL_LEVEL:
                whole = level.fixed_bits is not None
                fixed[read.name, made.value] = (whole, whole or level.fixed_u is not None)
    return fixed
