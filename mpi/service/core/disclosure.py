"""Disclosure: nothing about a person leaves before the ledger durably says so (law 7).

The ledger is written after the answer is made and before it is given, in a transaction that calls of the
same moment share: a search of some milliseconds then holds no writer up.
"""

from collections.abc import Iterable

from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.access.disclosures import Disclosure


def disclose(
    index: Index,
    viewer: Viewer,
    action: Action,
    record_ids: Iterable[int],
    fields: Iterable[str],
    handle: str | None = None,
) -> None:
    """Put on the ledger what is about to leave.

    Args:
        index: the open index.
        viewer: who receives it, and for what purpose.
        action: what was asked.
        record_ids: the records that the answer is about.
        fields: names of the fields that it holds.
        handle: what stands for the records where they are too many to list.

    Raises:
        StoreError: the ledger cannot be written; the answer must not leave.
    """
    index.store.ledger.write(index.database, viewer, build_disclosure(viewer, action, record_ids, fields, handle))


def build_disclosure(
    viewer: Viewer,
    action: Action,
    record_ids: Iterable[int],
    fields: Iterable[str],
    handle: str | None = None,
) -> Disclosure:
    """The line of the ledger for what is about to leave, as ``disclose`` writes it."""
    return Disclosure(
        clock.format_timestamp(clock.now()),
        viewer.client,
        viewer.purpose,
        action,
        tuple(sorted(record_ids)),
        tuple(fields),
        handle,
    )
