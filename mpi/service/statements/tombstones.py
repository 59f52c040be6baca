"""Tombstones: what is left of destroyed records, which are refused.

A tombstone is the keyed hash of a source and a local ID. Without the secret of the index, nobody learns from
it which record was destroyed. The row of the record stays under a name that no source can send.
"""

from collections.abc import Collection, Mapping

from mpi.service.core.index import Index, canonical_key
from mpi.service.statements.boundary_orders import make_record_token
from mpi.service.statements.pupil_keys import delete_pupil_tokens
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

SURROGATE_MARK = "\x1a"
"""First character of the local ID of a destroyed record; a source's local ID has no control character."""
_FEW = 8
"""Local IDs up to which a look-up costs less than to ask first whether the source has a tombstone."""


def make_surrogate_id(record_id: int) -> str:
    """Return the local ID that a destroyed record's row has."""
    return f"{SURROGATE_MARK}{record_id}"


def find_buried_records(
    unit: ReadUnit, index: Index, source: tuple[int, str], local_ids: Collection[str]
) -> dict[str, StoredRecord]:
    """Return the destroyed records whose local IDs are among those given.

    Args:
        unit: the transaction.
        index: the open index.
        source: number and code of the source.
        local_ids: local IDs as a source sends them.

    Returns:
        Sealed, empty records by the local ID that they had.
    """
    source_id, code = source
    if not local_ids or (len(local_ids) > _FEW and not unit.tombstones.has_any(source_id)):
        return {}
    tokens = {make_record_token(index.keyed_hash, code, local_id): local_id for local_id in local_ids}
    buried = unit.tombstones.find(source_id, tokens.keys())
    records = unit.records.get(set(buried.values())) if buried else {}
    return {tokens[token]: records[record_id] for token, record_id in buried.items()}


def remove_tombstones(
    unit: WriteUnit, index: Index, source: tuple[int, str], local_ids: Collection[str]
) -> None:
    """Remove the tombstones that stand for local IDs of a source.

    Args:
        unit: the transaction.
        index: the open index.
        source: number and code of the source.
        local_ids: local IDs, with a tombstone or without.
    """
    source_id, code = source
    if not local_ids or not unit.tombstones.has_any(source_id):
        return
    tokens = [make_record_token(index.keyed_hash, code, local_id) for local_id in local_ids]
    unit.tombstones.remove_tokens(source_id, unit.tombstones.find(source_id, tokens).keys())


def free_canonical_keys(
    unit: WriteUnit, index: Index, source: tuple[int, str], local_ids: Collection[str]
) -> None:
    """Let destroyed records give up the canonical keys of local IDs.

    A destroyed record keeps the key of its last local ID, which another record may have by now.

    Args:
        unit: the transaction.
        index: the open index.
        source: number and code of the source.
        local_ids: local IDs that other records are about to have.
    """
    if not unit.boundary_orders.last_number():
        return
    holders = unit.records.find_by_canonical_keys(
        [canonical_key(index.keyed_hash, source[1], local_id) for local_id in local_ids]
    )
    unit.records.rename(
        {
            record.id: (
                record.local_id,
                # No source has this code, and no two records have had one key in one commit.
                canonical_key(index.keyed_hash, SURROGATE_MARK, f"{record.canonical_key}:{unit.commit_no}"),
            )
            for record in unit.records.get(holders).values()
            if is_buried(record)
        }
    )


def prefetch_buried_records(unit: ReadUnit, index: Index, source: tuple[int, str], local_id: str) -> None:
    """Send the query of ``find_buried_records`` ahead of its use."""
    source_id, code = source
    unit.tombstones.prefetch(source_id, [make_record_token(index.keyed_hash, code, local_id)])


def bury_records(unit: WriteUnit, index: Index, record_ids: Collection[int]) -> None:
    """Replace the local IDs of destroyed records, present and former, by tombstones.

    Args:
        unit: the transaction.
        index: the open index.
        record_ids: records whose content is destroyed.
    """
    codes = {source.id: source.code for source in unit.sources.all()}
    records = {
        record_id: record
        for record_id, record in unit.records.get(record_ids).items()
        if not record.local_id.startswith(SURROGATE_MARK)
    }
    former_ids = unit.renames.former_local_ids(records)
    for source_id in sorted({record.source_id for record in records.values()}):
        own = {record_id for record_id, record in records.items() if record.source_id == source_id}
        names = {
            local_id: record_id
            for record_id in own
            for local_id in (*former_ids.get(record_id, ()), records[record_id].local_id)
        }
        tokens = {
            make_record_token(index.keyed_hash, codes[source_id], local_id): record_id
            for local_id, record_id in names.items()
        }
        # A record that was destroyed before may have had the same local ID at another time.
        present = unit.tombstones.find(source_id, tokens.keys())
        unit.tombstones.add(source_id, [item for item in tokens.items() if item[0] not in present])
        delete_pupil_tokens(unit, index.keyed_hash, source_id, tokens.keys())
    unit.record_erasure.forget_local_ids({record_id: make_surrogate_id(record_id) for record_id in records})


def is_buried(record: StoredRecord) -> bool:
    """Return whether a record has a tombstone instead of its local ID."""
    return record.local_id.startswith(SURROGATE_MARK)


def merge_buried_records(
    unit: ReadUnit,
    index: Index,
    source: tuple[int, str],
    local_ids: Collection[str],
    existing: Mapping[str, StoredRecord],
) -> dict[str, StoredRecord]:
    """Return stored records, with destroyed ones whose local IDs are sent again.

    Args:
        unit: the transaction.
        index: the open index.
        source: number and code of the source.
        local_ids: local IDs as the source sends them.
        existing: stored records by local ID.
    """
    unknown = [local_id for local_id in local_ids if local_id not in existing]
    return {**existing, **find_buried_records(unit, index, source, unknown)}
