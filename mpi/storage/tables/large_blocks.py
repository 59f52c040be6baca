"""Tables of oversized blocking keys and of records awaiting candidate search."""

from sqlalchemy import Index
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
    """A record whose enterprise ID is provisional, since a commit.

    ``awaits`` is 1 while its search for candidates waits for the worker, and 2 while a check of its blocks
    does.
    """

    __tablename__ = "pending"
    record_id: int = primary_key()
    since_commit: int = bigint()
    awaits: int = bigint(default=1, sa_column_kwargs={"server_default": "1"})


class PurgedBlockRow(SQLModel, table=True):
    """Blocking key that too many records hold to bring pairs.

    ``first_commit`` is the commit that stored the row. ``awaits_check`` is 1 while the worker has to update
    the pairs of the key's records, 2 while it only has to count these records, and otherwise 0.
    """

    __tablename__ = "purged_block"
    __table_args__ = (
        Index("ix_purged_block_awaits_check", "config_id", "awaits_check"),
        {"sqlite_with_rowid": False},
    )
    config_id: int = primary_key()
    key: int = primary_key()
    first_commit: int = bigint()
    awaits_check: int = bigint()
