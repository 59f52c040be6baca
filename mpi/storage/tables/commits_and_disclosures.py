"""Tables of commits, counters, clients, disclosures and the index itself."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class IndexRow(SQLModel, table=True):
    """The single row that describes this index.

    ``generation`` changes after a restore and tells consumers of the change feed to start over.
    ``secret_check`` is a token of a fixed text, so that opening the index with another secret is noticed
    at once. ``scope`` is the scope whose records the index holds; ``shared`` is the one that holds all.
    """

    __tablename__ = "index_info"
    id: int = primary_key()
    generation: str = text()
    created_at: str = text()
    is_test: bool
    secret_check: str = text()
    scope: str = text(default="shared", sa_column_kwargs={"server_default": "shared"})


class CounterRow(SQLModel, table=True):
    """The next number of a named counter, such as that of commits.

    A number is taken in the transaction that uses it, so that none is lost.
    """

    __tablename__ = "counter"
    name: str = text(primary_key=True)
    next: int = bigint()


class CommitRow(SQLModel, table=True):
    """A commit of one write transaction, with its number and time.

    Its number is the clock of as-of reads, events, undo and the ledger.
    """

    __tablename__ = "commit_log"
    no: int = primary_key()
    at: str = text(index=True)
    actor: str = text()
    client: str = text()
    purpose: str | None = text(default=None)
    kind: str = text()


class ClientRow(SQLModel, table=True):
    """An API client.

    Its key is shown once and stored only as a hash. ``agreement`` is the code of the agreement that the
    client acts under, and ``party`` the code of its party for which the client acts; None where the sources
    name it. ``expires_on`` is the first day (ISO) on which the key opens nothing; None for no such day.
    ``former_key_hash`` is that of the key before the last rotation, which opens the index until
    ``former_key_until`` (ISO, UTC).
    """

    __tablename__ = "client"
    id: int = primary_key()
    name: str = text(unique=True)
    key_hash: str = text(unique=True)
    actions: str = text()
    sources: str | None = text(default=None)
    created_commit: int = bigint()
    revoked_commit: int | None = bigint(default=None)
    agreement: str | None = text(default=None)
    party: str | None = text(default=None)
    expires_on: str | None = text(default=None)
    former_key_hash: str | None = text(default=None)
    former_key_until: str | None = text(default=None)


class DisclosureRow(SQLModel, table=True):
    """A line of the disclosure ledger: who received which records, and why.

    It names the fields of the records too. Each index serves one way in which the ledger is read: by client,
    by kind of request or by purpose, and then by time.
    """

    __tablename__ = "disclosure"
    __table_args__ = (
        Index("ix_disclosure_client", "client", "at"),
        Index("ix_disclosure_action", "action", "client", "at"),
        Index("ix_disclosure_purpose", "purpose", "at"),
    )
    id: int = primary_key()
    at: str = text(index=True)
    client: str = text()
    purpose: str | None = text(default=None)
    agreement: str | None = text(default=None)
    action: str = text()
    record_ids: str = text()
    fields: str = text()
    handle: str | None = text(default=None)


class DisclosedRecordRow(SQLModel, table=True):
    """A record that a line of the disclosure ledger names.

    Record 0 stands for records named by a handle, where they are too many to list.
    """

    __tablename__ = "disclosed_record"
    __table_args__ = ({"sqlite_with_rowid": False},)
    record_id: int = primary_key()
    disclosure_id: int = primary_key()


class KeptAnswerRow(SQLModel, table=True):
    """The stored answer to an API call with an idempotency key.

    It is returned when the call is repeated.

    ``digest`` is a keyed hash of the call; ``record_ids`` are the records that the answer shows.
    """

    __tablename__ = "kept_answer"
    client: str = text(primary_key=True)
    key: str = text(primary_key=True)
    digest: str = text()
    at: str = text(index=True)
    record_ids: str = text()
    answer: str = text()
