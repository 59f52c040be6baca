"""Map of a client's records from former IDs, given once."""

from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.persons.former_ids import find_move
from mpi.storage.repositories.access.clients import Client
from mpi.storage.unit_of_work.units import ReadUnit

HEADER = ("source", "local_id", "former_enterprise_id", "enterprise_id")


@dataclass(frozen=True, slots=True)
class MappedRecord:
    """A record with its former ID and its ID of the scope."""

    source: str
    local_id: str
    former_enterprise_id: str
    enterprise_id: str


def give_id_map(index: Index, viewer: Viewer, client_name: str) -> list[MappedRecord]:
    """Return the map of a client's own records, once for each client.

    It holds the active records that were there when the source moved, ordered by source and local ID. If
    sources came at several times, it holds those that came with all sources of the client, else the first
    ones. The client stands on the ledger as its recipient.

    Args:
        index: the open index of a scope.
        viewer: who gives the map to the client.
        client_name: name of the client.

    Raises:
        NotFoundError: there is no such client whose key opens this index.
        ConflictError: the client has got its map, or this index was not made by a split.
        AccessDenied: the viewer may not export, or may not administer clients.
    """
    require_permission(viewer, Action.CROSSWALK_EXPORT)
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.write(viewer, "id-map") as unit:
        info = unit.configs.index_info()
        if info is None or info.scope == SHARED_SCOPE or not unit.splits.all():
            raise ConflictError("the records of this index have no former IDs: it was not made by a split")
        client = _find_client(unit, client_name)
        if unit.splits.has_got_map(client_name):
            raise ConflictError(
                f"client {client_name!r} has got its map: it can look up each former ID like any other"
            )
        rows = _read_rows(unit, client.sources)
        unit.splits.add_map(client_name, unit.commit_no)
        handle = f"former@{unit.commit_no}"
    recipient = Viewer(client.name, viewer.purpose, client.actions, client.sources)
    disclose(index, recipient, Action.CROSSWALK_EXPORT, (), HEADER, handle)
    return rows


def _find_client(unit: ReadUnit, name: str) -> Client:
    for client in unit.clients.active():
        if client.name == name:
            return client
    raise NotFoundError(f"there is no client {name!r} whose key opens this index")


def _read_rows(unit: ReadUnit, sources: Collection[str] | None) -> list[MappedRecord]:
    """Return the rows of a client's sources; None for all."""
    move = find_move(unit, sources)
    labels = {
        record_id: label
        for record_id, label in unit.records.iterate_labels()
        if (sources is None or label.source in sources) and move is not None and move.holds(label.source)
    }
    former_ids = unit.splits.former_ids_of(labels)
    persons = unit.persons.current_persons(former_ids)
    eids = {number: person.eid for number, person in unit.persons.by_ids(set(persons.values())).items()}
    return [
        MappedRecord(label.source, label.local_id, former_ids[record_id], eids[persons[record_id]])
        for record_id, label in labels.items()
        if record_id in persons
    ]
