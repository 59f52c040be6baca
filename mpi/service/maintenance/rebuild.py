"""Rebuild all derived data from source records and decisions.

Persons keep their IDs.
"""

from mpi.domain.viewer import Viewer
from mpi.matching.scoring.engines import DUCKDB_ENGINE, BatchEngine
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.recluster.recluster_plan import ReclusterPlan, recluster
from mpi.service.rosters.derivation import rebuild_rosters


def rebuild(
    index: Index, viewer: Viewer, progress: Progress = ignore_progress, engine: BatchEngine = DUCKDB_ENGINE
) -> ReclusterPlan:
    """Rebuild features, blocking keys, scored pairs, review tasks and rosters.

    Persons stay, because a run that changes no membership changes no ID.

    Args:
        index: the open index.
        viewer: who asks.
        progress: receives the progress of long steps.
        engine: finds the candidate pairs and scores them.

    Returns:
        The applied plan; it is empty on a sound index.
    """
    plan = recluster(index, viewer, index.matcher, apply=True, progress=progress, engine=engine)
    rebuild_rosters(index, viewer)
    return plan
