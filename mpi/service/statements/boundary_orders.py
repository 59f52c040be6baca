"""Orders to seal, unseal and expunge records, kept apart from their content.

An order names its record by number and by a keyed hash of source and local ID, so that it outlives what it
destroys. Before the transaction of an order commits, the order is on the disk in the orders file too, from
which a restored database learns it.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial

from mpi.domain import clock
from mpi.domain.errors import StoreError
from mpi.domain.keyed_hash import KeyedHash
from mpi.service.core.index import Index
from mpi.storage.backends.orders_file import OrderLine, OrdersFile
from mpi.storage.repositories.sources.boundary_orders import BoundaryOrder, OrderKind
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_REFERENCE_LENGTH = 100
_REFERENCE = re.compile(rf"(?=.*\d)[\w .:/()#&-]{{1,{MAX_REFERENCE_LENGTH}}}")
"""A docket number or the like: it has a digit, and nothing that a sentence or an address needs."""


def make_record_token(keyed_hash: KeyedHash, source: str, local_id: str) -> str:
    """Return the keyed hash by which orders name a record."""
    return keyed_hash.to_token("boundary", f"{len(source)}|{source}|{local_id}")


def clean_reference(text: str | None) -> str | None:
    """Return an order's reference if it is well formed, else None.

    What a source writes there may be a name, which no order may hold.
    """
    reference = (text or "").strip()
    return reference if _REFERENCE.fullmatch(reference) else None


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
    since = find_seal_commits(unit, references) if kind is OrderKind.UNSEAL else {}
    # The row of a destroyed record has no local ID; its tombstone has the keyed hash.
    buried_tokens = unit.tombstones.tokens_of(references)
    first = unit.counters.take("boundary_order", len(references))
    at = clock.format_timestamp(clock.now())
    unit.boundary_orders.add(
        BoundaryOrder(
            no=number,
            kind=kind,
            record_id=record_id,
            source=codes[records[record_id].source_id],
            token=buried_tokens[record_id][0]
            if record_id in buried_tokens
            else make_record_token(
                index.keyed_hash, codes[records[record_id].source_id], records[record_id].local_id
            ),
            reference=clean_reference(references[record_id]),
            at=at,
            commit_no=unit.commit_no,
            from_commit=since.get(record_id),
        )
        for number, record_id in enumerate(sorted(references), first)
    )
    unit.before_commit.setdefault("orders", partial(_append_before_commit, index=index, first_new=first))


def find_seal_commits(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, int]:
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


def open_orders_file(unit: ReadUnit, index: Index) -> OrdersFile | None:
    """Return the orders file of an index, if it has one.

    The file is of this index and scope, and of no copy that was made with ``mpi init``.
    """
    path, info = index.settings.orders_path, unit.configs.index_info()
    if path is None or info is None:
        return None
    return OrdersFile(path, index.keyed_hash.to_token("orders", f"{info.scope}|{info.created_at}"))


def append_missing_orders(unit: ReadUnit, file: OrdersFile, first_new: int | None = None) -> None:
    """Append the orders that the file lacks, and sync the disk.

    Args:
        unit: a transaction that excludes other writers.
        file: the orders file.
        first_new: number of the first order of this transaction; None if it has none.

    Raises:
        StoreError: the file cannot be written or is of another index, or this database lacks orders of it.
    """
    with file.lock() as locked:
        if first_new is not None and locked.last_number >= first_new:
            raise StoreError(
                f"the database lacks orders of {file.path}: run mpi db restored, and start this process again"
            )
        locked.append(to_lines(unit, unit.boundary_orders.orders_after(locked.last_number)))


def to_lines(unit: ReadUnit, orders: Iterable[BoundaryOrder]) -> list[OrderLine]:
    """Return orders as the orders file holds them."""
    scopes = {source.code: source.scope for source in unit.sources.all()}
    return [
        OrderLine(
            no=order.no,
            at=order.at,
            kind=order.kind.value,
            source=order.source,
            scope=scopes.get(order.source),
            record=order.token,
            number=order.record_id,
            reference=order.reference,
            commit=order.commit_no,
        )
        for order in orders
    ]


def _append_before_commit(unit: WriteUnit, index: Index, first_new: int) -> None:
    """Append a transaction's orders to the orders file before its commit."""
    file = open_orders_file(unit, index)
    if file is not None:
        append_missing_orders(unit, file, first_new)
