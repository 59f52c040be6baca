"""Rebuild everything derived from what the sources said and people decided, with the same IDs."""

from mpi.domain.viewer import Viewer
from mpi.matching.scoring.engines import DUCKDB, BatchEngine
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, silent
from mpi.service.recluster.plan import ReclusterPlan, recluster


def rebuild(
    index: Index, viewer: Viewer, progress: Progress = silent, engine: BatchEngine = DUCKDB
) -> ReclusterPlan:
    """Make features, keys, edges and tasks again; persons stay, as a run that changes nothing changes no ID.

    Args:
        index: the open index.
        viewer: who asks.
        progress: told of long steps.
        engine: what finds the candidate pairs and scores them.

    Returns:
        The plan that was carried out; on a sound index it is empty.
    """
    return recluster(index, viewer, index.matcher, apply=True, progress=progress, engine=engine)
