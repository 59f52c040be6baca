"""Export the crosswalk: every active record and its enterprise ID."""

from collections.abc import Iterator
from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.context import Index

HEADER = ("source", "local_id", "enterprise_id")


@dataclass(frozen=True, slots=True)
class CrosswalkRow:
    """A line of the export."""

    source: str
    local_id: str
    enterprise_id: str


def export_crosswalk(index: Index, viewer: Viewer) -> Iterator[CrosswalkRow]:
    """Every active record with its enterprise ID, by source and local ID, from one snapshot.

    Raises:
        AccessDenied: the viewer may not export.
    """
    permit(viewer, Action.CROSSWALK_EXPORT)
    return _rows(index, viewer)


def _rows(index: Index, viewer: Viewer) -> Iterator[CrosswalkRow]:
    with index.database.read(viewer) as unit:
        persons = unit.persons.all_current()
        eids = {person.id: person.eid for person in unit.persons.every()}
        for record, label in unit.records.every_label():
            yield CrosswalkRow(label.source, label.local_id, eids[persons[record]])
