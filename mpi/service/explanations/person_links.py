"""List of a person's record pairs with their stored match weights."""

from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain import eid as eids
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.core.visible_features import find_partial_records, load_visible_features
from mpi.service.explanations.pair_weights import Pair, load_pair_weights
from mpi.service.persons.child_conditions import UNKNOWN_ID, make_not_found
from mpi.service.persons.person_status import find_visible_status
from mpi.storage.unit_of_work.units import ReadUnit

FIELDS = ("source", "local_id", "match_weight")


@dataclass(frozen=True, slots=True)
class Link:
    """Two records of one person and their match weight in bits."""

    left: RecordRef
    right: RecordRef
    match_weight: float


def list_links(index: Index, viewer: Viewer, eid_text: str) -> tuple[Link, ...]:
    """List the scored record pairs of a person, highest match weight first.

    Pairs below the lowest stored match weight are left out. Contact details that are withheld from the viewer
    do not count, nor do fields that the agreement does not permit.

    Args:
        index: the open index.
        viewer: who asks; only records visible to the viewer take part.
        eid_text: the enterprise ID.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the enterprise ID was never minted here, or holds nothing that the viewer may see.
        AccessDenied: the viewer may not read persons.
    """
    require_permission(viewer, Action.PERSON_READ)
    with index.database.read(viewer) as unit:
        person = unit.persons.find_by_eid(eids.parse_eid(eid_text))
        if person is None or find_visible_status(unit, person) is None:
            raise make_not_found(viewer, UNKNOWN_ID)
        labels = visible_labels(unit, unit.persons.members([person.id])[person.id])
        visible_edges = _load_visible_edges(unit, index, labels.keys())
    disclose(index, viewer, Action.PERSON_READ, labels, FIELDS)
    ordered_pairs = sorted(visible_edges, key=lambda pair: (-visible_edges[pair], pair))
    return tuple(Link(labels[lo], labels[hi], visible_edges[lo, hi]) for lo, hi in ordered_pairs)


def _load_visible_edges(unit: ReadUnit, index: Index, record_ids: Collection[int]) -> dict[Pair, float]:
    """Return the visible pairs of records that weigh enough."""
    floor = index.matcher.model.thresholds.storage_floor
    config_id = index.config_id(unit)
    if find_partial_records(unit, record_ids):
        weights = load_pair_weights(unit, index, load_visible_features(unit, index, record_ids))
        return {pair: bits for pair, bits in weights.items() if bits >= floor}
    edges = unit.derived_data.edges_of(config_id, record_ids, floor)
    return {pair: bits for pair, bits in edges.items() if pair[0] in record_ids and pair[1] in record_ids}
