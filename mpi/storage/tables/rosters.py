"""Tables of children in care by district and caseworker, and of visits to their lists."""

from sqlalchemy import Index, UniqueConstraint, false
from sqlmodel import Field, SQLModel

from mpi.storage.columns import bigint, primary_key, text


class CarePeriodRow(SQLModel, table=True):
    """Days in which a version of a child-welfare record says "in care".

    Derived from the version's content. ``household`` is a keyed token of the source's first household ID.
    """

    __tablename__ = "care_period"
    __table_args__ = (Index("ix_care_period_household", "household"),)
    version_id: int = primary_key(foreign_key="record_version.id")
    kind: str = text(primary_key=True)
    begin: str = text(primary_key=True)
    end: str = text()
    household: str | None = text(default=None)


class EnrollmentPeriodRow(SQLModel, table=True):
    """Days in which a version of a school's record says "enrolled"; derived from its content."""

    __tablename__ = "enrollment_period"
    version_id: int = primary_key(foreign_key="record_version.id")
    begin: str = text(primary_key=True)
    end: str = text()


class CareRosterRow(SQLModel, table=True):
    """A school's record and a child-welfare record of one person, with common days.

    Derived from active versions and present memberships. ``since_commit`` is the commit since which the row
    has been there. ``is_stale`` is set only within a transaction.
    """

    __tablename__ = "care_roster"
    __table_args__ = (
        Index("ix_care_roster_school", "school_source_id", "care_end"),
        Index("ix_care_roster_care", "care_record_id"),
    )
    school_record_id: int = primary_key(foreign_key="record.id")
    care_record_id: int = primary_key(foreign_key="record.id")
    kind: str = text(primary_key=True)
    care_begin: str = text(primary_key=True)
    enrolled_begin: str = text(primary_key=True)
    school_source_id: int = bigint(foreign_key="source.id")
    care_source_id: int = bigint(foreign_key="source.id")
    care_end: str = text()
    enrolled_end: str = text()
    since_commit: int = bigint()
    is_stale: bool = Field(default=False, sa_column_kwargs={"server_default": false()})


class CaseworkerRow(SQLModel, table=True):
    """A caseworker of a child-welfare source; ``code`` is the name of the account."""

    __tablename__ = "caseworker"
    __table_args__ = (UniqueConstraint("source_id", "code"),)
    id: int = primary_key()
    source_id: int = bigint(foreign_key="source.id")
    code: str = text()
    name: str = text()
    phone: str | None = text(default=None)
    email: str | None = text(default=None)


class CaseloadRow(SQLModel, table=True):
    """A child's caseworker, for commits ``[from_commit, to_commit)``."""

    __tablename__ = "caseload"
    __table_args__ = (Index("ix_caseload_caseworker", "caseworker_id", "to_commit"),)
    record_id: int = primary_key(foreign_key="record.id")
    caseworker_id: int = primary_key(foreign_key="caseworker.id")
    from_commit: int = primary_key()
    to_commit: int | None = bigint(default=None)


class RosterVisitRow(SQLModel, table=True):
    """The last days on which somebody read a list: day and last commit seen."""

    __tablename__ = "roster_visit"
    client: str = text(primary_key=True)
    list: str = text(primary_key=True)
    day: str = text(primary_key=True)
    commit_no: int = bigint()
