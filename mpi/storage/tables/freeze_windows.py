"""Table of freeze windows, in which decisions about a source's records wait."""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class FreezeWindowRow(SQLModel, table=True):
    """A freeze window of a source: days on which decisions wait.

    It covers the days ``[begins_on, ends_on)``. ``ended_commit`` is the commit number at which a person
    lifted it early.
    """

    __tablename__ = "freeze_window"
    id: int = primary_key()
    source_id: int = bigint(foreign_key="source.id", index=True)
    begins_on: str = text()
    ends_on: str = text()
    reason: str = text()
    created_commit: int = bigint()
    ended_commit: int | None = bigint(default=None)
