"""Tables of commits, counters, clients, disclosures and the index itself."""

from sqlalchemy import Index, LargeBinary
from sqlmodel import Field, SQLModel

from mpi.storage.columns import bigint, primary_key, text


class IndexRow(SQLModel, table=True):
    """The single row that describes this index.

    ``generation`` changes after a restore and tells consumers of the change feed to start over.
    ``secret_check`` is a token of a fixed text, so that opening the index with another secret is noticed
    at once. ``token_check`` is such a token under the token key; None where tokens are made with the secret.
    ``scope`` is the scope whose records the index holds; ``shared`` is the one that holds all.
    ``second_approver`` says which steps wait for a second approver where no setting does; None for none.
    """

    __tablename__ = "index_info"
    id: int = primary_key()
    generation: str = text()
    created_at: str = text()
    is_test: bool
    secret_check: str = text()
    scope: str = text(default="shared", sa_column_kwargs={"server_default": "shared"})
    token_check: str | None = text(default=None)
    second_approver: str | None = text(default=None)


class PayloadKeyRow(SQLModel, table=True):
    """A payload key by number and check, never the key itself.

    An index without a row stores new content readable. ``state`` is ``current`` (it encrypts new content) or
    ``retiring`` (a rotation replaces it). ``key_check`` is derived from the key, so that another key of that
    number is noticed.
    """

    __tablename__ = "payload_key"
    number: int = primary_key()
    key_check: str = text()
    state: str = text()


class TokenKeyRow(SQLModel, table=True):
    """A token key that came by a rotation; never the key itself.

    ``key_check`` is a token of a fixed text, so that another key of that number is noticed.
    """

    __tablename__ = "token_key"
    number: int = primary_key()
    key_check: str = text()


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
    ``former_key_until`` (ISO, UTC). ``token_subject`` is the client's name at the trusted token issuer; None
    where no token of it stands for the client.
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
    token_subject: str | None = text(default=None, index=True)


class AccessTokenRow(SQLModel, table=True):
    """A short-lived access token of an API client, stored as a hash.

    It is valid only as long as the key that it was issued for, whose hash is ``key_hash``. ``actions`` are
    those that the token is narrowed to, as JSON; None for all of the client's. ``expires_at`` is ISO, UTC.
    """

    __tablename__ = "access_token"
    token_hash: str = text(primary_key=True)
    client: str = text(index=True)
    key_hash: str = text()
    actions: str | None = text(default=None)
    expires_at: str = text(index=True)


class DisclosureRow(SQLModel, table=True):
    """A line of the disclosure ledger: who received which records, and why.

    It names the fields of the records too. Each index serves one way in which the ledger is read: by client,
    by kind of request, by purpose or by agreement, and then by time.

    ``leaf`` is the hash of the line in the Merkle tree, at position ``id`` - 1, and ``nonce`` that of
    the commitment to the personal part (``record_ids``, ``fields``, ``handle``). Once a line has lost
    personal data, ``commitment`` holds the commitment to what it had. A line from before the tree has no leaf
    until the upgrade.
    """

    __tablename__ = "disclosure"
    __table_args__ = (
        Index("ix_disclosure_client", "client", "at"),
        Index("ix_disclosure_action", "action", "client", "at"),
        Index("ix_disclosure_purpose", "purpose", "at"),
        Index("ix_disclosure_agreement", "agreement", "client", "at"),
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
    nonce: bytes | None = Field(default=None, sa_type=LargeBinary)
    leaf: bytes | None = Field(default=None, sa_type=LargeBinary)
    commitment: bytes | None = Field(default=None, sa_type=LargeBinary)


class LedgerNodeRow(SQLModel, table=True):
    """The head of a complete subtree of the ledger's Merkle tree.

    It stands over the lines from ``position`` * 2 ** ``level``, counted from 0.
    """

    __tablename__ = "ledger_node"
    __table_args__ = ({"sqlite_with_rowid": False},)
    level: int = primary_key()
    position: int = primary_key()
    head: bytes = Field(sa_type=LargeBinary)


class LedgerRootRow(SQLModel, table=True):
    """A signed root of the ledger, as in the file of roots."""

    __tablename__ = "ledger_root"
    number: int = primary_key()
    size: int = bigint()
    line: str = text()


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
