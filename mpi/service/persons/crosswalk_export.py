"""Export of the crosswalk: every active record and its enterprise ID."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import sees_whole_source

HEADER = ("source", "local_id", "enterprise_id")


@dataclass(frozen=True, slots=True)
class CrosswalkRow:
    """A line of the crosswalk export: a record and its enterprise ID."""

    source: str
    local_id: str
    enterprise_id: str


def export_crosswalk(index: Index, viewer: Viewer) -> Iterator[CrosswalkRow]:
    """Yield every visible active record with its enterprise ID.

    A source that is disclosed for some children or by consent only is left out with all of its records.

    The rows come from one snapshot, by source and local ID.

    Raises:
        AccessDenied: the viewer may not export.
    """
    require_permission(viewer, Action.CROSSWALK_EXPORT)
    return _iterate_rows(index, viewer)


def check_sources(index: Index, viewer: Viewer, codes: Collection[str] | None) -> frozenset[str] | None:
    """Return the sources to which an export is limited; None for all.

    Raises:
        NotFoundError: one of them does not exist.
    """
    if not codes:
        return None
    with index.database.read(viewer) as unit:
        return frozenset(unit.sources.get_by_code(code).code for code in codes)


def _iterate_rows(index: Index, viewer: Viewer) -> Iterator[CrosswalkRow]:
    with index.database.read(viewer) as unit:
        # The handle names a commit, from which the memberships give the exported records.
        handle = f"all@{unit.last_commit()}"
        disclose(index, viewer, Action.CROSSWALK_EXPORT, (), HEADER, handle)
        persons = unit.persons.all_current_persons()
        eids = {person.id: person.eid for person in unit.persons.all()}
        for record, label in unit.records.iterate_labels():
            if sees_whole_source(viewer, label.source):
                yield CrosswalkRow(label.source, label.local_id, eids[persons[record]])
