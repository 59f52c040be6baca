"""Table of published figures."""

from sqlmodel import SQLModel

from mpi.storage.columns import text


class PublishedReportRow(SQLModel, table=True):
    """The published figures of one report, as measured on one day.

    ``content`` is JSON. It holds no exact count: each has noise and is rounded. How records differ from those
    of the model is kept in steps of 5 %, for readers of every record.
    """

    __tablename__ = "published_report"
    __table_args__ = ({"sqlite_with_rowid": False},)
    day: str = text(primary_key=True)
    name: str = text(primary_key=True)
    content: str = text()
    computed_at: str = text()
