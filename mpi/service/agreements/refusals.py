"""Record of refused requests, without any value of a record."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from mpi.domain import clock
from mpi.domain.errors import AgreementLapsed, RefusedCall
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.storage.repositories.access.refusals import Refusal
from mpi.storage.unit_of_work.database import Lock

_MINUTE_LENGTH = len("2026-11-29T07:25")


def record_refusal(index: Index, viewer: Viewer, action: str, reason: str) -> None:
    """Record that a request was refused, before the refusal is answered.

    Equal refusals of one client within a minute are one row with a count, and a client has at most 21 rows a
    minute. So it cannot fill the disk.

    Args:
        index: the open index.
        viewer: who was refused, under which agreement and for which purpose.
        action: the action that was asked for, such as ``person.read``.
        reason: stable reason code, such as ``no-agreement``; never a value of a record.

    Raises:
        StoreError: the refusal could not be recorded.
    """
    refusal = Refusal(
        minute=clock.format_timestamp(clock.now())[:_MINUTE_LENGTH],
        client=viewer.client,
        action=action,
        purpose=viewer.purpose,
        agreement=viewer.agreement,
        reason=reason,
    )
    with index.database.ledger.write(viewer, "refuse", Lock.NONE) as unit:
        unit.refusals.add(refusal)


def record_refused_call(index: Index, call: RefusedCall, reason: str) -> None:
    """Record that a call was refused. Arguments and errors as for ``record_refusal``."""
    record_refusal(index, Viewer(call.client, call.purpose, agreement=call.agreement), call.action, reason)


@contextmanager
def record_lapse(index: Index) -> Iterator[None]:
    """Record that a feed within is refused because its agreement has lapsed."""
    try:
        yield
    except AgreementLapsed as error:
        if error.call is not None:
            record_refused_call(index, error.call, error.reason)
        raise


def list_refusals(index: Index, viewer: Viewer, days: int = 7) -> list[Refusal]:
    """Return the refused requests of the last days, oldest first.

    Raises:
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    since = clock.format_timestamp(clock.now() - timedelta(days=days))[:_MINUTE_LENGTH]
    with index.database.ledger.read(viewer) as unit:
        return unit.refusals.since(since)
