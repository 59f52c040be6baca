"""Orders to seal, unseal and expunge records, kept apart from their content.

An order names its record by number and by a keyed hash of source and local ID, so that it outlives what it
destroys.
"""

from collections.abc import Collection, Mapping

from mpi.domain import clock
from mpi.domain.keyed_hash import KeyedHash
from mpi.service.core.index import Index
from mpi.storage.repositories.sources.boundary_orders import BoundaryOrder, OrderKind
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


def make_record_token(keyed_hash: KeyedHash, source: str, local_id: str) -> str:
    """Return the keyed hash by which orders name a record."""
    return keyed_hash.to_token("boundary", f"{len(source)}|{source}|{local_id}")


def record_orders(
    unit: WriteUnit, index: Index, kind: OrderKind, references: Mapping[int, str | None]
) -> None:
    """Store an order about each of some records.

    Args:
        unit: the transaction that applies the orders.
        index: the open index.
        kind: what the orders say.
        references: reference of the order, by record number.
    """
    if not references:
        return
    codes = {source.id: source.code for source in unit.sources.all()}
    records = unit.records.get(references)
    since = _find_seal_commits(unit, references) if kind is OrderKind.UNSEAL else {}
    first = unit.counters.take("boundary_order", len(references))
    at = clock.format_timestamp(clock.now())
    unit.boundary_orders.add(
        BoundaryOrder(
            no=number,
            kind=kind,
            record_id=record_id,
            source=codes[records[record_id].source_id],
            token=make_record_token(
                index.keyed_hash, codes[records[record_id].source_id], records[record_id].local_id
            ),
            reference=references[record_id],
            at=at,
            commit_no=unit.commit_no,
            from_commit=since.get(record_id),
        )
        for number, record_id in enumerate(sorted(references), first)
    )


def _find_seal_commits(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, int]:
    """Return the commit since which each record has been sealed.

    An earlier release stored no order: then the record has been sealed since it left its last person.
    """
    ordered = unit.boundary_orders.sealed_since(record_ids)
    memberships = unit.persons.memberships_of([record for record in record_ids if record not in ordered])
    left = {
        record: max((membership.to_commit or 0 for membership in of_record), default=0)
        for record, of_record in memberships.items()
    }
    return {record: ordered.get(record, left.get(record, 0)) for record in record_ids}
