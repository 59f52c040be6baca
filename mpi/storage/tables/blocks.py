"""Blocks that are larger than they should be, and records whose search waits."""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key


class LargeBlockRow(SQLModel, table=True):
    """A blocking key that was met past the alarm size: how many records had it then, and in which commit."""

    __tablename__ = "large_block"
    config_id: int = primary_key()
    key: int = primary_key()
    records: int = bigint()
    first_commit: int = bigint()


class PendingRow(SQLModel, table=True):
    """A hold: what a record said last is stored and not yet compared with others, since that commit."""

    __tablename__ = "pending"
    record_id: int = primary_key()
    since_commit: int = bigint()
