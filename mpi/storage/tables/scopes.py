"""Tables of scopes, their changes and their copies."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class ScopeRow(SQLModel, table=True):
    """A scope: sources whose records have a database of their own.

    The shared index holds these rows. ``read_commit``, ``read_item`` and ``read_number`` are the last change
    of the scope that the shared index has taken over, and ``read_at`` the time of its commit.
    """

    __tablename__ = "scope"
    code: str = text(primary_key=True)
    name: str = text()
    created_commit: int = bigint()
    read_commit: int = bigint(default=0)
    read_item: int = bigint(default=0)
    read_number: int = bigint(default=0)
    read_at: str | None = text(default=None)


class ChangeRow(SQLModel, table=True):
    """A record or decision that a commit changed.

    Only the index of a scope holds these rows. ``item`` is 1 for a record and 2 for a decision.
    """

    __tablename__ = "change"
    __table_args__ = ({"sqlite_with_rowid": False},)
    commit_no: int = primary_key()
    item: int = primary_key()
    number: int = primary_key()


class CopyRow(SQLModel, table=True):
    """The number of a scope's record or decision in the shared index.

    ``item`` is 1 for a record and 2 for a decision. ``own_number`` is the number in the scope.
    """

    __tablename__ = "copy"
    __table_args__ = (
        Index("ix_copy_number", "scope", "item", "number", unique=True),
        {"sqlite_with_rowid": False},
    )
    scope: str = text(primary_key=True)
    item: int = primary_key()
    own_number: int = primary_key()
    number: int = bigint()
