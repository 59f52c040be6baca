"""Tables of oversized blocking keys and of records awaiting candidate search."""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key


class LargeBlockRow(SQLModel, table=True):
    """A blocking key that too many records share, so operators are told.

    ``records`` is how many had it when this was noticed, and ``first_commit`` when.
    """

    __tablename__ = "large_block"
    config_id: int = primary_key()
    key: int = primary_key()
    records: int = bigint()
    first_commit: int = bigint()


class PendingRow(SQLModel, table=True):
    """A record whose latest version awaits comparison with others, since a commit."""

    __tablename__ = "pending"
    record_id: int = primary_key()
    since_commit: int = bigint()
