"""Derived tables, per configuration: integers and blobs that ``mpi rebuild`` makes again."""

from sqlalchemy import Index, LargeBinary
from sqlalchemy import text as text_of
from sqlmodel import Field, SQLModel

from mpi.storage.columns import bigint, primary_key, text


class FeatureRow(SQLModel, table=True):
    """The features of a record's active version."""

    __tablename__ = "feature"
    config_id: int = primary_key()
    record_id: int = primary_key()
    payload: bytes = Field(sa_type=LargeBinary)


class BlockingKeyRow(SQLModel, table=True):
    """One blocking key of one record. The visibility group comes before the key: see SourceRow."""

    __tablename__ = "blocking_key"
    __table_args__ = ({"sqlite_with_rowid": False},)
    config_id: int = primary_key()
    group_id: int = primary_key()
    key: int = primary_key()
    record_id: int = primary_key()


class KeyRunRow(SQLModel, table=True):
    """Blocking keys that a load wrote lately, and the record of each, as little-endian 64-bit integers.

    They ascend, by key and then by record, and are not yet among the others. Those that records have lost
    are there still. See ``run_parts.Run``.
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
    """A record whose keys in the runs up to one are its own no more."""

    __tablename__ = "gone_from_runs"
    config_id: int = primary_key()
    record_id: int = primary_key()
    run: int = bigint()


class KeyMergeRow(SQLModel, table=True):
    """How far a merge has come: of the runs up to one, all up to a place is among the others."""

    __tablename__ = "key_merge"
    config_id: int = primary_key()
    upto: int = bigint()
    group_id: int = bigint()
    key: int = bigint()
    record_id: int = bigint()


class RecordKeysRow(SQLModel, table=True):
    """The same keys by record: ascending, as little-endian 64-bit integers, and which commit wrote them."""

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
    """A scored candidate pair, ``lo < hi`` by record, at or above the stored floor.

    ``weight`` is in millionths of a bit, so that it compares as an integer on both stores.
    """

    __tablename__ = "edge"
    __table_args__ = (Index("ix_edge_hi", "config_id", "hi"), {"sqlite_with_rowid": False})
    config_id: int = primary_key()
    lo: int = primary_key()
    hi: int = primary_key()
    weight: int = bigint()


class TaskRow(SQLModel, table=True):
    """A question for a steward, derived: its key is its kind and its records' canonical keys.

    ``question`` names what it is shown with, ``subject`` the record that the question is about (0 where it is
    about several alike). ``harm`` orders the queue, ``harm_unflagged`` does without any flag, for readers who
    may not see one. ``pattern`` and ``batch_id`` tell how the pair differs and which load brought it, so that
    a burst of one kind is seen as one. ``lo_source`` and ``hi_source`` are the sources of its records: so the
    queue of a reader of some sources is read from an index. ``quiet_until`` is the day from which it is
    asked, where a decision silenced it or asked for that day; ``decision_id`` the decision that it is about.
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
