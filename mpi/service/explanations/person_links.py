"""List of a person's record pairs with their stored match weights."""

from dataclasses import dataclass

from mpi.domain import eid as eids
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels

FIELDS = ("source", "local_id", "match_weight")


@dataclass(frozen=True, slots=True)
class Link:
    """Two records of one person and their match weight in bits."""

    left: RecordRef
    right: RecordRef
    match_weight: float


def list_links(index: Index, viewer: Viewer, eid_text: str) -> tuple[Link, ...]:
    """List the scored record pairs of a person, highest match weight first.

    Pairs below the lowest stored match weight are left out.

    Args:
        index: the open index.
        viewer: who asks; only records visible to the viewer take part.
        eid_text: the enterprise ID.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the enterprise ID was never minted here.
        AccessDenied: the viewer may not read persons.
    """
    require_permission(viewer, Action.PERSON_READ)
    with index.database.read(viewer) as unit:
        person = unit.persons.find_by_eid(eids.parse_eid(eid_text))
        if person is None:
            raise NotFoundError("this index never gave out that enterprise ID")
        labels = visible_labels(unit, unit.persons.members([person.id])[person.id])
        floor = index.matcher.model.thresholds.storage_floor
        edges = unit.derived_data.edges_of(index.config_id(unit), labels, floor)
    visible_edges = {pair: bits for pair, bits in edges.items() if pair[0] in labels and pair[1] in labels}
    disclose(index, viewer, Action.PERSON_READ, labels, FIELDS)
    ordered_pairs = sorted(visible_edges, key=lambda pair: (-visible_edges[pair], pair))
    return tuple(Link(labels[lo], labels[hi], visible_edges[lo, hi]) for lo, hi in ordered_pairs)
