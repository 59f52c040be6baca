"""Partition for research, with statistical thresholds and unlinkable IDs.

Its thresholds weigh a false link as much as a missed one. Its IDs are no enterprise IDs: each export draws
new ones, so that they reveal neither an enterprise ID nor another export.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mpi.clustering.component import order_pair
from mpi.clustering.source_pair_priors import MIN_CANDIDATE_BITS, SourcePairPriors, estimate_priors
from mpi.domain.keyed_hash import SECRET_BYTES, KeyedHash
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.disclosure_consents import find_opted_out_records
from mpi.service.core.index import Index
from mpi.service.core.visibility import sees_whole_source
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.persons.crosswalk_export import HEADER, CrosswalkRow
from mpi.service.recluster.index_scoring import score_index
from mpi.service.resolution.closure import load_whole_index
from mpi.service.resolution.closure_partition import map_edges_to_keys, partition_closure
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import ReadUnit

_ID_LENGTH = 16


@dataclass(frozen=True, slots=True)
class ResearchPartition:
    """Children by the model's statistical thresholds, and the weights behind them.

    Args:
        first_keys: canonical key of each record's cluster: that of its first record, by record.
        keys: canonical key of each record.
        edges: bits of the candidate pairs as the model weighs them, by record numbers.
        priors: corrections of these bits for the records at hand.
    """

    first_keys: Mapping[int, int]
    keys: Mapping[int, int]
    edges: Edges
    priors: SourcePairPriors

    def shift_weight(self, left: int, right: int, bits: float) -> float:
        """Return a pair's weight under the priors of the records at hand."""
        return self.priors.shift_weight(*order_pair(self.keys[left], self.keys[right]), bits)

    def shift_for_sources(self, left: int, right: int, bits: float) -> float:
        """Return a pair's weight under the prior of its two sources alone.

        It tells nothing of other records of the children.
        """
        return bits + self.priors.get_shift(self.keys[left], self.keys[right]) if self.priors.shifts else bits


def compute_research_partition(
    unit: ReadUnit, index: Index, progress: Progress = ignore_progress
) -> ResearchPartition:
    """Partition the active records by statistical thresholds.

    Decisions in force bind it as they bind the operational partition.

    Args:
        unit: the transaction.
        index: the open index.
        progress: receives the progress of long steps.
    """
    model, scorer = index.matcher.model, index.matcher.scorer
    shared_values = index.shared_values(unit)
    scores = score_index(unit, index, index.matcher, MIN_CANDIDATE_BITS, progress, shared_values)
    scope = load_whole_index(unit, scores.edges)
    source_of_key = {scope.keys[record]: label.source for record, label in unit.records.iterate_labels()}
    priors = estimate_priors(map_edges_to_keys(scope), source_of_key, scorer.parameters.prior)
    parts = partition_closure(scope, scores.read_features, scorer, model.statistical, priors)
    first_of = {key: cluster[0] for part in parts for cluster in part.clusters for key in cluster}
    first_keys = {record: first_of[key] for record, key in scope.keys.items()}
    return ResearchPartition(first_keys, scope.keys, scores.edges, priors)


def export_research_crosswalk(
    index: Index, viewer: Viewer, progress: Progress = ignore_progress
) -> Iterator[CrosswalkRow]:
    """Return active records with their clusters' research IDs.

    Records that are opted out are left out, for every viewer. They take part in the partition all the same.
    Rows are ordered by source and local ID. The partition uses the model's statistical thresholds and the
    prior of the records at hand. Decisions in force bind it as they bind the operational partition. Only the
    disclosure is stored.

    Args:
        index: the open index.
        viewer: who asks; records that the viewer may not see are left out.
        progress: receives the progress of long steps.

    Raises:
        AccessDenied: the viewer may not export.
    """
    require_permission(viewer, Action.CROSSWALK_EXPORT)
    return _each_row(index, viewer, progress)


def _each_row(index: Index, viewer: Viewer, progress: Progress) -> Iterator[CrosswalkRow]:
    """Yield the rows of a crosswalk of records and research IDs."""
    with index.database.read(viewer) as unit:
        partition = compute_research_partition(unit, index, progress)
        random_hash = KeyedHash(secrets.token_bytes(SECRET_BYTES))
        research_ids = {
            key: f"R-{random_hash.to_token('research', str(key))[:_ID_LENGTH]}"
            for key in set(partition.first_keys.values())
        }
        disclose(index, viewer, Action.CROSSWALK_EXPORT, (), HEADER, f"research@{unit.last_commit()}")
        opted_out = find_opted_out_records(unit, partition.keys.keys())
        for record, label in unit.records.iterate_labels():
            if sees_whole_source(viewer, label.source) and record not in opted_out:
                yield CrosswalkRow(label.source, label.local_id, research_ids[partition.first_keys[record]])
