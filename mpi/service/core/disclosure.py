"""Entries of the disclosure ledger, written before an answer leaves (law 7).

The entry is written after the answer is computed and before it is sent. Calls of the same moment share one
transaction, so that a search of some milliseconds blocks no writer.
"""

from collections.abc import Iterable

from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.access.disclosures import Disclosure

NO_REDISCLOSURE = "statement:no-redisclosure"
"""Stands among the fields of a line whose answer states that it may not be passed on."""


def forbids_redisclosure(viewer: Viewer) -> bool:
    """Return whether the viewer's answers may not be passed on."""
    return viewer.rights is not None and viewer.rights.forbids_redisclosure


def state_redisclosure(viewer: Viewer) -> str | None:
    """Return what the header ``Redisclosure`` of the viewer's answers says, or None."""
    return f'forbidden; agreement="{viewer.agreement}"' if forbids_redisclosure(viewer) else None


def disclose(
    index: Index,
    viewer: Viewer,
    action: Action,
    record_ids: Iterable[int],
    fields: Iterable[str],
    handle: str | None = None,
) -> None:
    """Write a disclosure to the ledger before its answer leaves.

    Args:
        index: the open index.
        viewer: who receives the answer, and for which purpose.
        action: name of the kind of request.
        record_ids: the records that the answer is about.
        fields: names of the fields that the answer holds.
        handle: text that stands for the records where they are too many to list.

    Raises:
        StoreError: the ledger cannot be written; the answer must not leave.
    """
    index.store.ledger.write(
        index.database, viewer, build_disclosure(viewer, action, record_ids, fields, handle)
    )


def build_disclosure(
    viewer: Viewer,
    action: Action,
    record_ids: Iterable[int],
    fields: Iterable[str],
    handle: str | None = None,
) -> Disclosure:
    """Return the disclosure-ledger entry for an answer, without writing it.

    Arguments as for ``disclose``.
    """
    return Disclosure(
        at=clock.format_timestamp(clock.now()),
        client=viewer.client,
        purpose=viewer.purpose,
        action=action,
        record_ids=tuple(sorted(record_ids)),
        fields=(*fields, *((NO_REDISCLOSURE,) if forbids_redisclosure(viewer) else ())),
        handle=handle,
        agreement=viewer.agreement,
    )
