"""Match weights between one person's records, as a viewer may know them."""

from collections.abc import Iterable, Mapping
from itertools import combinations

from mpi.domain.features import Features
from mpi.domain.weight import round_weight
from mpi.service.core.index import Index
from mpi.service.core.visible_features import VisibleFeatures
from mpi.storage.unit_of_work.units import ReadUnit

Pair = tuple[int, int]
"""Two record numbers, the lower first."""


def load_pair_weights(unit: ReadUnit, index: Index, visible: VisibleFeatures) -> dict[Pair, float]:
    """Load or compute match weights in bits between a person's records.

    Of more records than an explanation compares, only stored pairs count. Of these, pairs with a record of
    which the agreement permits some fields alone are left out: that a pair is stored rests on all fields.

    Args:
        unit: the transaction.
        index: the open index.
        visible: features as the viewer may compare them. Stored weights of partial records are not used,
            since they rest on what was left out.
    """
    features_by_record = visible.by_record
    if len(features_by_record) <= index.tuning.review.explained_records:
        return _score_pairs(index, features_by_record, combinations(sorted(features_by_record), 2))
    floor = index.matcher.model.thresholds.storage_floor
    edges = unit.derived_data.edges_of(index.config_id(unit), list(features_by_record), floor)
    weights = {
        pair: bits
        for pair, bits in edges.items()
        if pair[0] in features_by_record
        and pair[1] in features_by_record
        and visible.limited.isdisjoint(pair)
    }
    return weights | _score_pairs(
        index, features_by_record, (pair for pair in weights if not visible.withheld.isdisjoint(pair))
    )


def _score_pairs(
    index: Index, features_by_record: Mapping[int, Features], pairs: Iterable[Pair]
) -> dict[Pair, float]:
    """Return the match weight of each pair, in bits."""
    weigh = index.matcher.scorer.weigh
    return {
        (left, right): round_weight(weigh(features_by_record[left], features_by_record[right]))
        for left, right in pairs
    }
