"""Write-back of enterprise IDs into the system of a source's records.

What is written leaves the index: a client of the register of agreements receives it. Its rights decide which
IDs are written, and each has a line on the ledger first.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mpi.connectors.connection import Connection
from mpi.connectors.id_writing import IdWriter, IdWriteResult
from mpi.domain.errors import AccessDenied, InputError, NotAuthenticated, NotFoundError, RecordError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.access_request import BREAK_GLASS
from mpi.service.access.client_authentication import viewer_from_client
from mpi.service.core.disclosure import disclose, forbids_redisclosure
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.persons.persons import read_crosswalk

_FIELDS = ("local_id", "enterprise_id")


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who receives the IDs that are written into a system.

    Args:
        client: client of the register that stands for the system's owner.
        purpose: purpose of use on the ledger.
    """

    client: str
    purpose: str | None


def write_ids(
    index: Index,
    viewer: Viewer,
    connection: Connection,
    writer: IdWriter,
    recipient: Recipient,
    *,
    is_trial: bool = False,
    progress: Progress = ignore_progress,
) -> IdWriteResult:
    """Write the enterprise IDs of a source's records into its system.

    Args:
        index: the open index.
        viewer: who writes.
        connection: the system, and the source whose records it holds.
        writer: writes into it.
        recipient: who receives the IDs.
        is_trial: count what would be written, and send nothing.
        progress: receives the progress.

    Raises:
        RemoteSystemError: the system cannot be reached, or refuses altogether.
        InputError: an option of the connection or the purpose is wrong.
        NotFoundError: there is no such source.
        NotAuthenticated: there is no such client, or its key was revoked or has expired.
        AccessDenied: the viewer may not load the source, or the client may not know its IDs or must not pass
            them on.
    """
    require_permission(viewer, Action.LOAD, connection.source)
    if recipient.purpose == BREAK_GLASS:
        raise InputError("emergency access looks up one child and writes no IDs")
    ids = _IdsOfSource(index, viewer, recipient, connection.source)

    def report(resource: str, done: int, total: int | None) -> None:
        progress(f"writing IDs to {resource}", done, total or 0)

    return writer.write_ids(ids, report, is_trial=is_trial)


def _find_reader(index: Index, viewer: Viewer, recipient: Recipient, source: str) -> Viewer:
    """Return the recipient as a viewer, with its present rights.

    Raises:
        NotAuthenticated: there is no such client, or its key was revoked or has expired.
        AccessDenied: it may not know the IDs, or must not pass them on.
    """
    with index.database.read(viewer) as unit:
        record = unit.clients.find_by_name(recipient.client)
        if record is None or record.revoked_commit is not None:
            raise NotAuthenticated("there is no client of this name whose key opens the index")
        reader = viewer_from_client(index, unit, record.client, recipient.purpose)
    require_permission(reader, Action.CROSSWALK_READ, source)
    if forbids_redisclosure(reader):
        raise AccessDenied(
            f"the agreement of client {recipient.client!r} forbids to pass answers on, and other clients of "
            "the system could read the IDs"
        )
    return reader


class _IdsOfSource:
    """Enterprise IDs of a source's records, as their recipient may know them.

    The recipient's rights are looked at again for each list of records: they may end while IDs are written.

    Args:
        index: the open index.
        viewer: who writes.
        recipient: who receives them.
        source: code of the source.
    """

    def __init__(self, index: Index, viewer: Viewer, recipient: Recipient, source: str) -> None:
        self._index = index
        self._viewer = viewer
        self._recipient = recipient
        self._source = source
        self._records: dict[str, tuple[int, ...]] = {}
        self._reader = _find_reader(index, viewer, recipient, source)

    def find(self, local_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the enterprise IDs of records, by local ID."""
        found: dict[str, str] = {}
        self._records.clear()
        self._reader = _find_reader(self._index, self._viewer, self._recipient, self._source)
        with self._index.database.read(self._reader) as unit:
            for local_id in local_ids:
                with suppress(NotFoundError, RecordError):
                    answer, entry = read_crosswalk(unit, self._source, local_id)
                    if answer.enterprise_id is not None:
                        found[local_id] = answer.enterprise_id
                        self._records[local_id] = entry.record_ids
        return found

    def disclose(self, local_ids: Sequence[str]) -> None:
        """Write one line on the ledger for the IDs that leave."""
        records = {record for local_id in local_ids for record in self._records[local_id]}
        disclose(self._index, self._reader, Action.CROSSWALK_READ, records, _FIELDS)
