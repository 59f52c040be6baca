"""Empty places: records that something is said about before, or without ever, being stated themselves."""

from collections.abc import Iterable

from mpi.service.core.index import Index, canonical_key
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.unit import WriteUnit


def add_placeholders(
    unit: WriteUnit, index: Index, source: tuple[int, str, int], local_ids: Iterable[str]
) -> dict[str, int]:
    """Add records that are members of nobody until their source states them; returns their numbers.

    Args:
        unit: the transaction.
        index: for the secret.
        source: its number, code and visibility group.
        local_ids: of records that are not there yet.
    """
    number, code, group = source
    wanted = list(local_ids)
    first = unit.counters.take("record", len(wanted)) if wanted else 0
    places = {local_id: first + n for n, local_id in enumerate(wanted)}
    unit.records.insert(
        [
            {
                "id": record,
                "source_id": number,
                "local_id": local_id,
                "group_id": group,
                "subject": None,
                "state": RecordState.WITHDRAWN.value,
                "canonical_key": canonical_key(index.keyed_hash, code, local_id),
                "version_id": None,
                "last_seen": "",
            }
            for local_id, record in places.items()
        ]
    )
    return places
