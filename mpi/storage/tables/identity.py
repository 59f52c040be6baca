"""Tables of persons, memberships, identity events, configurations and epochs."""

from sqlalchemy import Index
from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class ConfigRow(SQLModel, table=True):
    """A matching configuration: model, standardizer, thresholds and value statistics.

    Together with records and decisions it determines which records are one person. ``token_keys`` are the
    numbers of the token keys that make its tokens and blocking keys.
    """

    __tablename__ = "config"
    id: int = primary_key()
    digest: str = text(unique=True)
    model_name: str = text()
    model_version: str = text()
    model_digest: str = text()
    standardizer: str = text()
    thresholds: str = text()
    lists: str = text(default="{}")
    source_settings: str = text(default="{}")
    token_keys: str = text(default="1", sa_column_kwargs={"server_default": "1"})
    created_commit: int = bigint()


class EpochRow(SQLModel, table=True):
    """The commits ``[from_commit, to_commit)`` for which a configuration was in force."""

    __tablename__ = "epoch"
    id: int = primary_key()
    config_id: int = bigint(foreign_key="config.id")
    from_commit: int = bigint()
    to_commit: int | None = bigint(default=None)


class PersonRow(SQLModel, table=True):
    """A person with a permanent enterprise ID.

    ``id`` is the order in which the IDs were created.
    """

    __tablename__ = "person"
    id: int = primary_key()
    eid: str = text(unique=True)
    scope: str = text(default="all")
    status: str = text()
    minted_commit: int = bigint()
    retired_commit: int | None = bigint(default=None)


class MembershipRow(SQLModel, table=True):
    """A record's membership in a person, for commits ``[from_commit, to_commit)``."""

    __tablename__ = "membership"
    __table_args__ = (
        Index("ix_membership_person", "person_id", "to_commit"),
        Index("ix_membership_from", "from_commit"),
    )
    scope: str = text(primary_key=True, default="all")
    record_id: int = primary_key(foreign_key="record.id")
    from_commit: int = primary_key()
    person_id: int = bigint(foreign_key="person.id")
    to_commit: int | None = bigint(default=None)
    cause: str = text()


class IdentityEventRow(SQLModel, table=True):
    """One record's change of person, for consumers of the change feed.

    It holds keys only, never personal values.
    """

    __tablename__ = "identity_event"
    __table_args__ = (Index("ix_identity_event_record", "record_id"),)
    commit_no: int = primary_key()
    seq: int = primary_key()
    scope: str = text(default="all")
    record_id: int = bigint(foreign_key="record.id")
    before: int | None = bigint(default=None)
    after: int | None = bigint(default=None)
    cause: str = text()
