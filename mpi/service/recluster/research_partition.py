"""A partition for research: where a false link costs what a missed one does.

Its IDs are not enterprise IDs. They are drawn anew for each export, so that neither an enterprise ID nor
another export can be told from them.
"""

import secrets
from collections.abc import Iterator

from mpi.clustering.source_pair_priors import LOWEST_BITS, priors_at_hand
from mpi.domain.keyed_hash import SECRET_BYTES, KeyedHash
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, silent
from mpi.service.persons.crosswalk_export import HEADER, CrosswalkRow
from mpi.service.recluster.pair_scoring import score_index
from mpi.service.resolution.closure import load_whole_index
from mpi.service.resolution.settlement import map_edges_to_keys, partition_closure

_ID_LENGTH = 16


def export_research_crosswalk(
    index: Index, viewer: Viewer, progress: Progress = silent
) -> Iterator[CrosswalkRow]:
    """Every active record with the research ID of its cluster, by source and local ID.

    The partition has the model's statistical thresholds and the prior of the records at hand. Decisions in
    force bind it as they bind the operational one. Nothing is stored but the disclosure.

    Args:
        index: the open index.
        viewer: who asks; records that it may not see are left out.
        progress: told of long steps.

    Raises:
        AccessDenied: the viewer may not export.
    """
    permit(viewer, Action.CROSSWALK_EXPORT)
    return _each_row(index, viewer, progress)


def _each_row(index: Index, viewer: Viewer, progress: Progress) -> Iterator[CrosswalkRow]:
    model, scorer = index.matcher.model, index.matcher.scorer
    with index.database.read(viewer) as unit:
        shared = index.shared_values(unit)
        weighed = score_index(unit, index, index.matcher, LOWEST_BITS, progress, shared)
        scope = load_whole_index(unit, weighed.edges)
        source = {scope.keys[record]: label.source for record, label in unit.records.every_label()}
        priors = priors_at_hand(map_edges_to_keys(scope), source, scorer.levels.prior)
        found = partition_closure(scope, weighed.read_features, scorer, model.statistical, priors)
        drawn = KeyedHash(secrets.token_bytes(SECRET_BYTES))
        research_id = {
            key: f"R-{drawn.token('research', str(cluster[0]))[:_ID_LENGTH]}"
            for one in found
            for cluster in one.clusters
            for key in cluster
        }
        disclose(index, viewer, Action.CROSSWALK_EXPORT, (), HEADER, f"research@{unit.last_commit()}")
        for record, label in unit.records.every_label():
            if viewer.may_see(label.source):
                yield CrosswalkRow(label.source, label.local_id, research_id[scope.keys[record]])
