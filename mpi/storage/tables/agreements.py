"""Tables of agreements, their duties, added purposes and refusals."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class AgreementVersionRow(SQLModel, table=True):
    """One version of an agreement; its terms never change.

    ``content`` is JSON in the form of ``mpi.service.agreements.documents``.
    """

    __tablename__ = "agreement_version"
    code: str = text(primary_key=True)
    version: int = primary_key()
    content: str = text()
    created_commit: int = bigint()


class AgreementStepRow(SQLModel, table=True):
    """What a person did with an agreement: approve, suspend, resume or end.

    Rows are only added. ``version`` is the version that the step concerns, and ``day`` the day on which it
    took effect.
    """

    __tablename__ = "agreement_step"
    code: str = text(primary_key=True)
    commit_no: int = primary_key()
    version: int = bigint()
    kind: str = text()
    day: str = text()
    reason: str | None = text(default=None)


class PurposeRow(SQLModel, table=True):
    """A purpose of use that a state added."""

    __tablename__ = "purpose"
    code: str = text(primary_key=True)
    title: str = text()
    vision: str = text()
    value: str = text()
    created_commit: int = bigint()


class RefusalRow(SQLModel, table=True):
    """Refused requests of one client for one reason in one minute.

    No row names a record or a person. On SQLite these rows are in the file of the disclosure ledger, so that
    a refusal waits for no load. ``purpose`` and ``agreement`` are empty where the request had none.
    """

    __tablename__ = "refusal"
    __table_args__ = (Index("ix_refusal_minute", "minute"), {"sqlite_with_rowid": False})
    client: str = text(primary_key=True)
    minute: str = text(primary_key=True)
    action: str = text(primary_key=True)
    purpose: str = text(primary_key=True)
    agreement: str = text(primary_key=True)
    reason: str = text(primary_key=True)
    count: int = bigint()


class AgreementClockRow(SQLModel, table=True):
    """A clock of an agreement that began to run for one party.

    A row changes once, when a person attests that the party acted.
    """

    __tablename__ = "agreement_clock"
    code: str = text(primary_key=True)
    agreement: str = text()
    name: str = text()
    party: str = text()
    begun: str = text()
    due: str = text()
    reference: str | None = text(default=None)
    begun_commit: int = bigint()
    met_on: str | None = text(default=None)
    met_by: str | None = text(default=None)
    met_commit: int | None = bigint(default=None)


class DestructionRow(SQLModel, table=True):
    """A person's attestation that a party destroyed what it received.

    ``through`` is the last day whose answers are destroyed. Rows are only added.
    """

    __tablename__ = "destruction_attestation"
    commit_no: int = primary_key()
    agreement: str = text()
    party: str = text()
    through: str = text()
    attested_by: str = text()
    method: str = text()
