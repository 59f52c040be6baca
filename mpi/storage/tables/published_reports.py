"""Tables of published figures, and of frozen or published reports on children."""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, text


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


class ReportSnapshotRow(SQLModel, table=True):
    """A frozen report on children, which can be repeated.

    ``request`` is JSON of what was asked. ``open_records`` is JSON of the records about which a question was
    open. ``content`` is JSON of the report; None after any record was sealed or expunged, until it is made
    again.
    """

    __tablename__ = "report_snapshot"
    code: str = text(primary_key=True)
    request: str = text()
    made_by: str = text()
    known_on: str = text()
    commit_no: int = bigint()
    education_digest: str | None = text(default=None)
    open_records: str = text()
    content: str | None = text(default=None)


class ReportReleaseRow(SQLModel, table=True):
    """Reports on children that were published together.

    ``cells`` and ``reports`` are JSON. They hold no small count, and none from which one could be computed.
    ``reports`` is empty after any record was sealed or expunged, until they are made again by ``moment``.
    ``earlier`` has the cells of reports that were destroyed.
    """

    __tablename__ = "report_release"
    number: int = bigint(primary_key=True)
    day: str = text()
    request: str = text()
    made_by: str = text()
    cells: str = text()
    reports: str = text()
    moment: str = text(default="")
    earlier: str = text(default="[]")
