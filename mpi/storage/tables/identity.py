"""Persons over time: IDs, memberships, events, and the configurations they were computed under."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import big, pk, text


class ConfigRow(SQLModel, table=True):
    """An active configuration: all that enters the computed partition besides records and decisions."""

    __tablename__ = "config"
    id: int = pk()
    digest: str = text(unique=True)
    model_name: str = text()
    model_version: str = text()
    model_digest: str = text()
    standardizer: str = text()
    thresholds: str = text()
    lists: str = text(default="{}")
    source_settings: str = text(default="{}")
    created_commit: int = big()


class EpochRow(SQLModel, table=True):
    """Which configuration was in force, ``[from_commit, to_commit)``."""

    __tablename__ = "epoch"
    id: int = pk()
    config_id: int = big(foreign_key="config.id")
    from_commit: int = big()
    to_commit: int | None = big(default=None)


class PersonRow(SQLModel, table=True):
    """A person: an enterprise ID, for ever. ``id`` is the mint order."""

    __tablename__ = "person"
    id: int = pk()
    eid: str = text(unique=True)
    scope: str = text(default="all")
    status: str = text()
    minted_commit: int = big()
    retired_commit: int | None = big(default=None)


class MembershipRow(SQLModel, table=True):
    """Which person a record belonged to, ``[from_commit, to_commit)``."""

    __tablename__ = "membership"
    __table_args__ = (
        Index("ix_membership_person", "person_id", "to_commit"),
        Index("ix_membership_from", "from_commit"),
    )
    scope: str = text(primary_key=True, default="all")
    record_id: int = pk(foreign_key="record.id")
    from_commit: int = pk()
    person_id: int = big(foreign_key="person.id")
    to_commit: int | None = big(default=None)
    cause: str = text()


class IdentityEventRow(SQLModel, table=True):
    """One change of one record's person: the unit of the feed. Keys only, never personal values."""

    __tablename__ = "identity_event"
    __table_args__ = (Index("ix_identity_event_record", "record_id"),)
    commit_no: int = pk()
    seq: int = pk()
    scope: str = text(default="all")
    record_id: int = big(foreign_key="record.id")
    before: int | None = big(default=None)
    after: int | None = big(default=None)
    cause: str = text()
