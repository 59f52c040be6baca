"""Map between the enterprise IDs of a scope and those of the shared index."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.persons.crosswalk_export import export_crosswalk

HEADER = ("source", "local_id", "scope_enterprise_id", "shared_enterprise_id")


@dataclass(frozen=True, slots=True)
class MappedRecord:
    """A record with its enterprise IDs in its scope and in the shared index."""

    source: str
    local_id: str
    scope_enterprise_id: str
    shared_enterprise_id: str


def map_enterprise_ids(
    scope_index: Index, shared_index: Index, viewer: Viewer, code: str
) -> Iterator[MappedRecord]:
    """Yield every active record that both indexes hold, with both enterprise IDs.

    Both ledgers get a line. The rows are ordered by source and local ID.

    Args:
        scope_index: the open index of the scope.
        shared_index: the open shared index.
        viewer: who asks.
        code: code of the scope.

    Raises:
        NotFoundError: there is no such scope.
        AccessDenied: the viewer may not export.
    """
    require_permission(viewer, Action.CROSSWALK_EXPORT)
    with shared_index.database.read(viewer) as unit:
        unit.scopes.get(code)
        sources = frozenset(source.code for source in unit.sources.all() if source.scope == code)
    # Rows of other scopes are neither read out nor on the ledger of this export.
    own_viewer = replace(viewer, sources=sources)
    scope_ids = {
        (row.source, row.local_id): row.enterprise_id for row in export_crosswalk(scope_index, own_viewer)
    }
    for row in export_crosswalk(shared_index, own_viewer):
        scope_id = scope_ids.get((row.source, row.local_id))
        if scope_id is not None:
            yield MappedRecord(row.source, row.local_id, scope_id, row.enterprise_id)
