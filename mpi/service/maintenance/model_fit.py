"""Comparison of an index's records and pairs with those of its model."""

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.matching.model.data_profile import ProfileDifference
from mpi.service.core.index import Index
from mpi.service.indexing.model_comparison import compare_records_and_pairs


def find_model_differences(index: Index, viewer: Viewer) -> list[ProfileDifference] | None:
    """List where records and pairs are unlike those of the model.

    Args:
        index: the open index.
        viewer: who asks.

    Returns:
        The differences; None for an index of fewer than ``LEAST_RECORDS`` records, which is not compared.

    Raises:
        AccessDenied: the viewer may not read reports.
    """
    require_permission(viewer, Action.REPORT)
    with index.database.read(viewer) as unit:
        differences = compare_records_and_pairs(unit, index)
    return None if differences is None else list(differences)
