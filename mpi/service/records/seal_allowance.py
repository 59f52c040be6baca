"""Limit of the records that one client seals one by one."""

from datetime import timedelta

from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.storage.unit_of_work.units import ReadUnit


def require_seal_allowance(unit: ReadUnit, most_per_day: int) -> None:
    """Raise if the caller has sealed as many records as allowed.

    Loads do not count: their guards check the whole file.

    Args:
        unit: the transaction that is to seal one more record.
        most_per_day: most records within 24 hours.

    Raises:
        ConflictError: the allowance is used up.
    """
    since = clock.format_timestamp(clock.now() - timedelta(days=1))
    if unit.records.count_sealed_by(unit.viewer.client, since) >= most_per_day:
        raise ConflictError(
            f"client {unit.viewer.client!r} may seal or expunge {most_per_day} records within 24 hours: "
            "load the rest as a file, which the load guards check"
        )
