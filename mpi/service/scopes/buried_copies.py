"""Rows that know a scope's record by a keyed hash alone.

A restored shared index makes such a row for an order about a record that came after the backup. When the
scope passes the record on, the row becomes its copy, so that the orders stay with the record.
"""

from collections.abc import Mapping, Sequence

from mpi.service.core.index import Index, canonical_key
from mpi.service.scopes.copies import RecordCopy
from mpi.service.statements.boundary_orders import record_orders
from mpi.service.statements.tombstones import find_buried_records
from mpi.storage.repositories.sources.boundary_orders import OrderKind
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.scopes import ChangedItem
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


def claim_buried_rows(
    unit: WriteUnit, index: Index, scope: str, source: tuple[int, str], copies: Sequence[RecordCopy]
) -> dict[int, int]:
    """Give rows without content the local IDs of their records.

    A row stays as it is if it is a copy already, or if its record was destroyed.

    Args:
        unit: a transaction of the shared index.
        index: the shared index.
        scope: code of the scope.
        source: number and code of the source.
        copies: named records of the source that have no copy yet.

    Returns:
        The row of each record that has one, by number in the scope.
    """
    claimed = _find_rows(unit, index, scope, source, copies)
    if not claimed:
        return {}
    last_kinds = {order.record_id: order.kind for order in unit.boundary_orders.orders_of(claimed)}
    unit.records.rename(
        {
            row: (copy.local_id, canonical_key(index.keyed_hash, source[1], copy.local_id))
            for row, copy in claimed.items()
        }
    )
    unit.tombstones.remove(claimed)
    open_rows = {row for row, copy in claimed.items() if copy.state is not RecordState.SEALED}
    unsealed = {row for row in claimed if last_kinds.get(row) is OrderKind.UNSEAL}
    references = {row: claimed[row].reference for row in open_rows - unsealed}
    record_orders(unit, index, OrderKind.UNSEAL, references)
    # A record that its scope has sealed again since is sealed by an order of its own.
    unit.records.set_state(open_rows | unsealed, RecordState.WITHDRAWN)
    return {copy.number: row for row, copy in claimed.items()}


def _find_rows(
    unit: ReadUnit, index: Index, scope: str, source: tuple[int, str], copies: Sequence[RecordCopy]
) -> Mapping[int, RecordCopy]:
    """Return the rows that stand for records, with the copy of each."""
    by_name = {copy.local_id: copy for copy in copies}
    found = {
        record.id: by_name[local_id]
        for local_id, record in find_buried_records(unit, index, source, by_name).items()
        if record.version_id is None
    }
    taken = unit.scopes.select_copies(scope, ChangedItem.RECORD, found)
    taken |= unit.boundary_orders.select_expunged(found)
    return {row: copy for row, copy in found.items() if row not in taken}
