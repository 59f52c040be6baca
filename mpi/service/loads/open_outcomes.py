"""Outcomes of a load that do not tell who is in care.

A source with minimum holdings stores the pupils that match a child in care, and drops the other rows. Whether
a row found a stored record therefore tells whether its child is in care.
"""

from collections.abc import Collection, Mapping

from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.storage.repositories.sources.batches import LOADING


def tells_of_care(viewer: Viewer, source: str, limited_sources: Collection[str]) -> bool:
    """Return whether a source's outcomes would tell the viewer who is in care.

    Args:
        viewer: who asks.
        source: code of the source.
        limited_sources: sources that hold linked records only.
    """
    return source in limited_sources and not is_allowed(viewer, Action.RECORD_READ)


def find_open_counts(counts: Mapping[str, int], status: str) -> dict[str, int]:
    """Return the counts of a load that follow from its file alone.

    ``received`` is without the stored records that a full file lacks. A load that is not complete has
    counted its stored rows only, so nothing is told of it.

    Args:
        counts: numbers of rows by outcome.
        status: status of the load.
    """
    if status == LOADING:
        return {}
    return {
        "received": counts.get("received", 0) - counts.get("withdrawn", 0),
        "rejected": counts.get("rejected", 0),
    }
