"""Tables of data that ``mpi rebuild`` can compute again, by configuration."""

from sqlalchemy import Index, LargeBinary, false
from sqlalchemy import text as text_of
from sqlmodel import Field, SQLModel

from mpi.storage.columns import bigint, primary_key, text


class FeatureRow(SQLModel, table=True):
    """Comparison features of a record, computed from its active version."""

    __tablename__ = "feature"
    config_id: int = primary_key()
    record_id: int = primary_key()
    payload: bytes = Field(sa_type=LargeBinary)


class BlockingKeyRow(SQLModel, table=True):
    """One blocking key of one record, in the table that searches read.

    Recently loaded keys are in segments instead, until they are compacted into this table. The visibility
    group comes before the key, since a search covers certain groups only.
    """

    __tablename__ = "blocking_key"
    __table_args__ = ({"sqlite_with_rowid": False},)
    config_id: int = primary_key()
    group_id: int = primary_key()
    key: int = primary_key()
    record_id: int = primary_key()


class KeyRunRow(SQLModel, table=True):
    """A key-index segment: recently loaded blocking keys, not compacted yet.

    ``keys`` and ``record_ids`` are little-endian 64-bit integers, ascending by key and then by record.
    ``lost_keys`` and ``lost_ids`` are rows of the main key table that no longer count. See
    ``segment_arrays.Segment``.
    """

    __tablename__ = "key_run"
    number: int = primary_key()
    config_id: int = bigint()
    mark: int = bigint()
    group_id: int = bigint()
    records: int = bigint()
    size: int = bigint()
    commit_no: int = bigint()
    keys: bytes = Field(sa_type=LargeBinary)
    record_ids: bytes = Field(sa_type=LargeBinary)
    lost_keys: bytes = Field(sa_type=LargeBinary)
    lost_ids: bytes = Field(sa_type=LargeBinary)


class GoneFromRunsRow(SQLModel, table=True):
    """A record whose blocking keys in segments up to ``run`` are deleted."""

    __tablename__ = "gone_from_runs"
    config_id: int = primary_key()
    record_id: int = primary_key()
    run: int = bigint()


class KeyMergeRow(SQLModel, table=True):
    """How far key-index segments are compacted into the main key table.

    It concerns the segments numbered up to ``upto``.
    """

    __tablename__ = "key_merge"
    config_id: int = primary_key()
    upto: int = bigint()
    group_id: int = bigint()
    key: int = bigint()
    record_id: int = bigint()


class RecordKeysRow(SQLModel, table=True):
    """All blocking keys of one record, as one packed value.

    ``packed`` holds the keys as ascending little-endian 64-bit integers; ``commit_no`` is the commit that
    wrote them.
    """

    __tablename__ = "record_keys"
    __table_args__ = (
        Index("ix_record_keys_commit", "config_id", "commit_no"),
        {"sqlite_with_rowid": False},
    )
    config_id: int = primary_key()
    record_id: int = primary_key()
    group_id: int = bigint()
    packed: bytes = Field(sa_type=LargeBinary)
    commit_no: int = bigint()


class EdgeRow(SQLModel, table=True):
    """A scored candidate pair of records with its match weight.

    ``lo`` is the lower record number. Pairs below a minimum weight are not stored. ``weight`` is in
    millionths of a bit, so that it compares as an integer on both databases.
    """

    __tablename__ = "edge"
    __table_args__ = (Index("ix_edge_hi", "config_id", "hi"), {"sqlite_with_rowid": False})
    config_id: int = primary_key()
    lo: int = primary_key()
    hi: int = primary_key()
    weight: int = bigint()


class TaskRow(SQLModel, table=True):
    """A task for clerical review of a record pair or decision.

    It is computed anew when its records change.

    ``key`` consists of its kind and its records' canonical keys. ``question`` names the question that
    shows it, and ``subject`` the record that the question is about (0 for several alike). ``harm`` orders
    the queue; ``harm_unflagged`` does so without flags, for readers who may not see one. ``pattern`` and
    ``batch_id`` tell how the pair differs and which load brought it about, so that a burst is recognized.
    ``lo_source`` and ``hi_source`` are the sources of its records, so that an index serves readers of
    some sources. ``quiet_until`` is the day from which it is asked, if a decision silenced or postponed
    it. ``decision_id`` is the decision that it is about.
    """

    __tablename__ = "task"
    __table_args__ = (
        Index("ix_task_harm", "harm", "question"),
        Index("ix_task_harm_unflagged", "harm_unflagged", "question", "lo_source", "hi_source"),
        Index("ix_task_burst", "batch_id", "pattern"),
        Index(
            "ix_task_decision_id",
            "decision_id",
            sqlite_where=text_of("decision_id IS NOT NULL"),
            postgresql_where=text_of("decision_id IS NOT NULL"),
        ),
    )
    key: str = text(primary_key=True)
    kind: str = text(index=True)
    lo: int = bigint(index=True)
    hi: int = bigint(index=True)
    lo_source: int = bigint()
    hi_source: int = bigint()
    weight: int = bigint()
    reason: str = text()
    opened_commit: int = bigint(index=True)
    question: str = text(index=True)
    subject: int = bigint(default=0)
    harm: int = bigint()
    harm_unflagged: int = bigint()
    pattern: str | None = text(default=None)
    batch_id: int | None = bigint(default=None)
    quiet_until: str | None = text(default=None)
    decision_id: int | None = bigint(default=None)


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
    """Days in which a version of a school's record says "enrolled".

    They are derived from its content.
    """

    __tablename__ = "enrollment_period"
    version_id: int = primary_key(foreign_key="record_version.id")
    begin: str = text(primary_key=True)
    end: str = text()


class CareRosterRow(SQLModel, table=True):
    """A person's school record and child-welfare record, with their common days.

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
