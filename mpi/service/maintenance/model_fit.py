"""Comparison of an index's records with those of its model."""

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.matching.model.data_profile import (
    LEAST_RECORDS,
    ProfileDifference,
    find_differences,
    measure_profile,
)
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features, split_into_batches

SAMPLED_RECORDS = 20_000
"""Records that are compared at most, evenly over the index."""


def find_model_differences(index: Index, viewer: Viewer) -> list[ProfileDifference] | None:
    """List where the index's records are unlike those of its model.

    Args:
        index: the open index.
        viewer: who asks.

    Returns:
        The differences; None for an index of fewer than ``LEAST_RECORDS`` records, which is not compared.

    Raises:
        AccessDenied: the viewer may not read reports.
    """
    require_permission(viewer, Action.REPORT)
    model = index.matcher.model
    with index.database.read(viewer) as unit:
        records = sorted(unit.records.active_canonical_keys())
        if len(records) < LEAST_RECORDS:
            return None
        sample = records[:: -(-len(records) // SAMPLED_RECORDS)]
        config_id = index.config_id(unit)
        features = (
            record_features
            for batch in split_into_batches(unit, sample)
            for record_features in load_features(unit, config_id, batch).values()
        )
        observed = measure_profile(features, model.frequencies)
    return find_differences(model.fitted_on, observed)
