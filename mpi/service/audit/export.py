"""The ledger's lines as JSON, for an independent verifier."""

from collections.abc import Iterator

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.storage.repositories.access.ledger_tree import StoredLine


def iterate_rows(index: Index, viewer: Viewer) -> Iterator[dict[str, object]]:
    """Yield all lines as stored, and then the index by record.

    Args:
        index: the open index.
        viewer: who exports.

    Raises:
        StoreError: the database cannot be read.
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    with index.database.ledger.read(viewer) as unit:
        for line in unit.ledger_tree.iterate_lines():
            yield to_row(line)
        for record, number in unit.ledger_tree.iterate_named_records():
            yield {"record_id": record, "disclosure_id": number}


def to_row(line: StoredLine) -> dict[str, object]:
    """Return a line with the names of its columns; bytes are hexadecimal."""
    return {
        "id": line.number,
        "at": line.public.at,
        "client": line.public.client,
        "purpose": line.public.purpose,
        "agreement": line.public.agreement,
        "action": line.public.action,
        "record_ids": line.personal.record_ids,
        "fields": line.personal.fields,
        "handle": line.personal.handle,
        "nonce": line.nonce.hex(),
        "leaf": "" if line.leaf is None else line.leaf.hex(),
        "commitment": None if line.commitment is None else line.commitment.hex(),
    }
