"""Rebuild everything derived from what the sources said and people decided, with the same IDs."""

from mpi.domain.viewer import Viewer
from mpi.service.context import Index
from mpi.service.recluster import ReclusterPlan, recluster
from mpi.service.reindex import Progress, silent


def rebuild(index: Index, viewer: Viewer, progress: Progress = silent) -> ReclusterPlan:
    """Make features, keys, edges and tasks again; persons stay, as a run that changes nothing changes no ID.

    Returns:
        The plan that was carried out; on a sound index it is empty.
    """
    return recluster(index, viewer, index.matcher, apply=True, progress=progress)
