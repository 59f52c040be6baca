"""Tables of legal orders about records, and of what they leave."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class BoundaryOrderRow(SQLModel, table=True):
    """An order to seal, unseal or expunge one record.

    Orders are numbered without gaps and never changed. ``token`` is the keyed hash of the record's source and
    local ID, ``reference`` the court's or agency's own, and ``at`` when the order was given. ``commit_no`` is
    the commit in which this database applied it. An ``unseal`` has the commit since which the record had been
    sealed in ``from_commit``.
    """

    __tablename__ = "boundary_order"
    __table_args__ = (Index("ix_boundary_order_record", "record_id"),)
    no: int = primary_key()
    kind: str = text()
    record_id: int = bigint(foreign_key="record.id")
    source: str = text()
    token: str = text()
    reference: str | None = text(default=None)
    at: str = text()
    commit_no: int = bigint()
    from_commit: int | None = bigint(default=None)


class ExpungeCertificateRow(SQLModel, table=True):
    """A certificate that a record was destroyed: JSON without personal data.

    ``signature`` is the keyed hash of the content.
    """

    __tablename__ = "expunge_certificate"
    no: int = primary_key()
    source: str = text()
    content: str = text()
    signature: str = text()
    commit_no: int = bigint()


class TombstoneRow(SQLModel, table=True):
    """The keyed hash of a local ID that is refused.

    ``record_id`` is the destroyed record that had the local ID.
    """

    __tablename__ = "tombstone"
    __table_args__ = (
        Index("ix_tombstone_record", "record_id"),
        {"sqlite_with_rowid": False},
    )
    source_id: int = primary_key(foreign_key="source.id")
    token: str = text(primary_key=True)
    record_id: int = bigint(foreign_key="record.id")


class UnsealRequestRow(SQLModel, table=True):
    """One person's request to lift a seal, and another's answer.

    ``reference`` names the court order. ``answer`` is ``approved`` or ``refused``.
    """

    __tablename__ = "unseal_request"
    __table_args__ = (Index("ix_unseal_request_record", "record_id"),)
    id: int = primary_key()
    record_id: int = bigint(foreign_key="record.id")
    reference: str = text()
    asked_commit: int = bigint()
    answered_commit: int | None = bigint(default=None)
    answer: str | None = text(default=None)
