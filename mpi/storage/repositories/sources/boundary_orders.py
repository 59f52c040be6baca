"""Repository of orders to seal and expunge, and of requests to unseal."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import Connection, bindparam, func, insert, select, update

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import (
    BoundaryOrderRow,
    ExpungeCertificateRow,
    RecordRow,
    SourceRow,
    UnsealRequestRow,
    table_of,
)

_order = table_of(BoundaryOrderRow)
_request = table_of(UnsealRequestRow)
_record = table_of(RecordRow)
_source = table_of(SourceRow)
_certificate = table_of(ExpungeCertificateRow)


class OrderKind(StrEnum):
    """What an order says of its record."""

    SEAL = "seal"
    UNSEAL = "unseal"
    EXPUNGE = "expunge"


@dataclass(frozen=True, slots=True)
class BoundaryOrder:
    """An order about one record; see ``BoundaryOrderRow``."""

    no: int
    kind: OrderKind
    record_id: int
    source: str
    token: str
    reference: str | None
    at: str
    commit_no: int
    from_commit: int | None = None


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate that a record was destroyed; see ``ExpungeCertificateRow``."""

    no: int
    source: str
    content: str
    signature: str
    commit_no: int


@dataclass(frozen=True, slots=True)
class OpenUnsealRequest:
    """A request to lift a seal, which nobody has answered.

    Args:
        id: number of the request.
        record_id: number of the record.
        source_code: code of its source.
        local_id: its local ID.
        reference: the court order's reference.
        asked_commit: commit of the request.
    """

    id: int
    record_id: int
    source_code: str
    local_id: str
    reference: str
    asked_commit: int


# Literals instead of parameters: the kinds are few, and both databases read the index of records.
_LIFTED = select(_order.c.record_id, _order.c.from_commit, _order.c.commit_no).where(
    is_in(_order.c.record_id, "ids"), _order.c.from_commit.is_not(None)
)
_SEALED_SINCE = (
    select(_order.c.record_id, func.max(_order.c.commit_no).label("commit_no"))
    .where(is_in(_order.c.record_id, "ids"), _order.c.kind == OrderKind.SEAL.value)
    .group_by(_order.c.record_id)
)
_EXPUNGED = select(_order.c.record_id).where(
    is_in(_order.c.record_id, "ids"), _order.c.kind == OrderKind.EXPUNGE.value
)
_AFTER = select(_order).where(_order.c.no > bindparam("no")).order_by(_order.c.no)
_LAST = select(func.max(_order.c.no))
_OPEN_REQUESTS = (
    select(
        _request.c.id,
        _request.c.record_id,
        _source.c.code,
        _record.c.local_id,
        _request.c.reference,
        _request.c.asked_commit,
    )
    .join(_record, _record.c.id == _request.c.record_id)
    .join(_source, _source.c.id == _record.c.source_id)
    .where(_request.c.answered_commit.is_(None))
    .order_by(_request.c.asked_commit, _request.c.id)
)


class BoundaryOrders:
    """Repository of orders about records, which are never changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, orders: Iterable[BoundaryOrder]) -> None:
        """Add orders."""
        rows = [asdict(order) | {"kind": order.kind.value} for order in orders]
        if rows:
            self._connection.execute(insert(_order), rows)

    def last_number(self) -> int:
        """Return the number of the latest order, or 0."""
        return int(self._connection.execute(_LAST).scalar() or 0)

    def orders_after(self, number: int) -> list[BoundaryOrder]:
        """Return the orders with greater numbers, in order."""
        rows = self._connection.execute(_AFTER, {"no": number})
        return [
            BoundaryOrder(**{**row._mapping, "kind": OrderKind(row.kind)})  # noqa: SLF001 - SQLAlchemy's documented name
            for row in rows
        ]

    def orders_of(self, record_ids: Collection[int]) -> list[BoundaryOrder]:
        """Return the orders about records, in order."""
        orders = [
            BoundaryOrder(**{**row._mapping, "kind": OrderKind(row.kind)})  # noqa: SLF001 - SQLAlchemy's documented name
            for chunk in iter_chunks(record_ids)
            for row in self._connection.execute(select(_order).where(is_in(_order.c.record_id, chunk)))
        ]
        return sorted(orders, key=lambda order: order.no)

    def add_certificates(self, certificates: Iterable[StoredCertificate]) -> None:
        """Add certificates that records were destroyed."""
        rows = [asdict(certificate) for certificate in certificates]
        if rows:
            self._connection.execute(insert(_certificate), rows)

    def certificates(self) -> list[StoredCertificate]:
        """Return all certificates, oldest first."""
        rows = self._connection.execute(select(_certificate).order_by(_certificate.c.no))
        return [StoredCertificate(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's documented name

    def lifted_seals(self, record_ids: Collection[int]) -> dict[int, list[tuple[int, int]]]:
        """Return the commits from and to which records were sealed, by record.

        Only seals that were lifted are among them.
        """
        intervals: dict[int, list[tuple[int, int]]] = {}
        for chunk in iter_chunks(record_ids):
            for row in self._connection.execute(_LIFTED, {"ids": chunk}):
                intervals.setdefault(row.record_id, []).append((row.from_commit, row.commit_no))
        return intervals

    def sealed_since(self, record_ids: Collection[int]) -> dict[int, int]:
        """Return the commit of the latest order to seal each record.

        Records that an earlier release of the program sealed have none.
        """
        commits: dict[int, int] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(_SEALED_SINCE, {"ids": chunk})
            commits.update({row.record_id: row.commit_no for row in rows})
        return commits

    def select_expunged(self, record_ids: Collection[int]) -> set[int]:
        """Return the records among those given that an order expunged."""
        expunged: set[int] = set()
        for chunk in iter_chunks(record_ids):
            expunged.update(self._connection.execute(_EXPUNGED, {"ids": chunk}).scalars())
        return expunged

    def add_unseal_requests(self, requests: Iterable[tuple[int, int, str, int]]) -> None:
        """Add requests to lift a seal: number, record, reference and commit."""
        self._connection.execute(
            insert(_request),
            [
                {"id": number, "record_id": record, "reference": reference, "asked_commit": commit}
                for number, record, reference, commit in requests
            ],
        )

    def open_unseal_requests(self) -> list[OpenUnsealRequest]:
        """Return the requests that nobody has answered, oldest first."""
        return [OpenUnsealRequest(*row) for row in self._connection.execute(_OPEN_REQUESTS)]

    def answer_unseal_requests(self, numbers: Collection[int], answer: str, commit_no: int) -> None:
        """Store the answer to requests to lift a seal."""
        for chunk in iter_chunks(numbers):
            self._connection.execute(
                update(_request)
                .where(_request.c.id.in_(chunk))
                .values(answer=answer, answered_commit=commit_no)
            )
