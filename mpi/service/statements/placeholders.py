"""Placeholder records for local IDs whose source has not stated them yet."""

from collections.abc import Iterable

from mpi.service.core.index import Index, canonical_key
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.units import WriteUnit


def add_placeholders(
    unit: WriteUnit, index: Index, source: tuple[int, str, int], local_ids: Iterable[str]
) -> dict[str, int]:
    """Add placeholder records for unknown local IDs and return their numbers.

    Placeholders belong to no person until their source states the record.

    Args:
        unit: the transaction.
        index: the open index.
        source: number, code and visibility group of the source.
        local_ids: local IDs that have no record.

    Returns:
        Record numbers by local ID.
    """
    source_id, code, group = source
    new_ids = list(local_ids)
    first_number = unit.counters.take("record", len(new_ids)) if new_ids else 0
    record_ids = {local_id: first_number + offset for offset, local_id in enumerate(new_ids)}
    unit.records.insert(
        [
            {
                "id": record_id,
                "source_id": source_id,
                "local_id": local_id,
                "group_id": group,
                "subject": None,
                "state": RecordState.WITHDRAWN.value,
                "canonical_key": canonical_key(index.keyed_hash, code, local_id),
                "version_id": None,
                "last_seen": "",
            }
            for local_id, record_id in record_ids.items()
        ]
    )
    return record_ids
