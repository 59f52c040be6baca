"""Comparison of stored records with those that the model was fitted on.

It reads a sample of the records, so that its time does not grow with the index.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mpi.domain.features import Features
from mpi.matching.diagnostics.level_shares import (
    LINKED_PAIRS,
    FeaturePair,
    draw_pairs,
    find_level_differences,
)
from mpi.matching.model.data_profile import (
    LEAST_RECORDS,
    ProfileDifference,
    find_differences,
    measure_distance,
    measure_profile,
)
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features, split_into_batches
from mpi.storage.unit_of_work.units import ReadUnit

SAMPLED_RECORDS = 20_000
"""Records that are compared at most, evenly over the index."""
_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
_HASH_BITS = 64


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """How an index's records differ from those of its model.

    Args:
        differences: shares of records that are far from those of the model's data.
        distance: records by which the farthest share passes the limit; negative if none does.
    """

    differences: tuple[ProfileDifference, ...]
    distance: int


def compare_records(unit: ReadUnit, index: Index) -> ModelComparison | None:
    """Compare single records with those of the model.

    Nothing of it follows from how records are linked.

    Returns:
        The comparison; None for fewer than ``LEAST_RECORDS`` records.
    """
    sample = list(_load_sample(unit, index.config_id(unit)).values())
    if len(sample) < LEAST_RECORDS:
        return None
    model = index.matcher.model
    observed = measure_profile(sample, model.frequencies)
    return ModelComparison(
        tuple(find_differences(model.fitted_on, observed)),
        measure_distance(model.fitted_on, observed, len(sample)),
    )


def compare_records_and_pairs(unit: ReadUnit, index: Index) -> tuple[ProfileDifference, ...] | None:
    """Compare records and pairs of records with those of the model.

    Returns:
        The differences; None for fewer than ``LEAST_RECORDS`` records.
    """
    config_id = index.config_id(unit)
    sample = _load_sample(unit, config_id)
    if len(sample) < LEAST_RECORDS:
        return None
    return compare_features(index, list(sample.values()), _load_linked_pairs(unit, index, config_id, sample))


def compare_features(
    index: Index, records: Sequence[Features], linked: Iterable[FeaturePair]
) -> tuple[ProfileDifference, ...]:
    """Compare records and linked pairs of them with those of the model.

    Args:
        index: the open index.
        records: the records; random pairs of them are compared, too.
        linked: pairs that the model links, of which ``LINKED_PAIRS`` are compared.
    """
    matcher = index.matcher
    observed = measure_profile(records, matcher.model.frequencies)
    of_levels = find_level_differences(
        matcher.model, matcher.scorer, islice(linked, LINKED_PAIRS), draw_pairs(records)
    )
    return (*find_differences(matcher.model.fitted_on, observed), *of_levels)


def _load_sample(unit: ReadUnit, config_id: int) -> dict[int, Features]:
    """Load the features of a sample of the records, by record number."""
    sample: dict[int, Features] = {}
    for batch in split_into_batches(unit, _sample_numbers(unit.derived_data.record_id_range(config_id))):
        sample.update(load_features(unit, config_id, batch))
    return sample


def _sample_numbers(limits: tuple[int, int] | None) -> list[int]:
    """Sample record numbers, so that each is drawn whatever others there are.

    So one record more or less changes the sample by that record alone, but where the size of the index
    passes a power of two.

    Args:
        limits: lowest and highest record number; None without records.
    """
    if limits is None:
        return []
    numbers = np.arange(limits[0], limits[1] + 1, dtype=np.uint64)
    bits = max(int(len(numbers) - 1) // SAMPLED_RECORDS, 0).bit_length()
    if not bits:
        return [int(number) for number in numbers]
    is_drawn = (numbers * _GOLDEN_RATIO) >> np.uint64(_HASH_BITS - bits) == 0
    return [int(number) for number in numbers[is_drawn]]


def _load_linked_pairs(
    unit: ReadUnit, index: Index, config_id: int, sample: dict[int, Features]
) -> list[FeaturePair]:
    """Load pairs of sampled records and others that the model links."""
    link = index.matcher.model.thresholds.link
    edges = sorted(unit.derived_data.edges_of(config_id, list(sample)[:LINKED_PAIRS], link))[:LINKED_PAIRS]
    missing = {record for pair in edges for record in pair} - sample.keys()
    features = sample | load_features(unit, config_id, missing)
    return [(features[lo], features[hi]) for lo, hi in edges if lo in features and hi in features]
