"""Destruction of records of children who are not in care."""

from collections.abc import Collection

from mpi.service.core.index import Index
from mpi.service.resolution.resolve import resolve
from mpi.service.statements.expunction import erase_contents
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.units import WriteUnit

_CAUSE = "load"
"""Cause of the events of persons that change: readers are not told that a record was dropped."""


def drop_records(unit: WriteUnit, index: Index, record_ids: Collection[int]) -> None:
    """Destroy all that the index stores about records, their local IDs too.

    Of each record an empty, sealed row stays, to which earlier memberships refer. If the same local ID is
    sent again, it is of a new record.

    Args:
        unit: the transaction.
        index: the open index.
        record_ids: active and withdrawn records.
    """
    if not record_ids:
        return
    active = [
        number
        for number, record in unit.records.get(record_ids).items()
        if record.state == RecordState.ACTIVE
    ]
    unit.records.set_state(record_ids, RecordState.SEALED)
    if active:
        resolve(unit, index, {}, active, _CAUSE)
    for config_id in unit.derived_data.config_ids():
        unit.derived_data.delete(config_id, record_ids)
    erase_contents(unit, record_ids)
    unit.record_erasure.anonymize(record_ids)
