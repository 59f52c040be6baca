"""Tables of agencies, sources, loads, records and their versions, as received."""

from sqlalchemy import Index, LargeBinary, UniqueConstraint, false
from sqlalchemy import text as text_of
from sqlmodel import Field, SQLModel

from mpi.storage.columns import bigint, primary_key, text


class AgencyRow(SQLModel, table=True):
    """An agency that owns data sources."""

    __tablename__ = "agency"
    id: int = primary_key()
    code: str = text(unique=True)
    name: str = text()


class SourceRow(SQLModel, table=True):
    """A system that contributes records and issues local IDs.

    ``group_id`` is the visibility group of its records. ``complete_for`` lists the flag populations for
    which absence means no. ``paused`` holds automatic linking. ``asks_consent`` lets others' decisions
    about its records wait for its owner. ``scope`` is the scope to which its records are sent; None where
    they are sent to this index. ``holdings`` tells which of its records the index holds. ``feed_mode`` is
    ``none`` of a source that is retired.
    """

    __tablename__ = "source"
    id: int = primary_key()
    code: str = text(unique=True)
    name: str = text()
    agency_id: int = bigint(foreign_key="agency.id")
    kind: str = text()
    feed_mode: str = text(default="delta")
    duplicates_expected: bool = True
    trust: int = 0
    complete_for: str = text(default="[]")
    paused: bool = False
    asks_consent: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    group_id: int = bigint(default=1)
    scope: str | None = text(default=None)
    holdings: str = text(default="all", sa_column_kwargs={"server_default": "all"})
    created_commit: int = bigint()


class BatchRow(SQLModel, table=True):
    """The receipt of one load of one file from a source.

    ``undone_commit`` is the first commit that undid a part. During an undo, ``undoing_commit`` is the
    last such commit so far, and ``undoing_worker`` the process that undoes it. ``issues`` is JSON of the
    number of records by field and code of a quality issue; None where it was not kept.
    """

    __tablename__ = "batch"
    id: int = primary_key()
    source_id: int = bigint(foreign_key="source.id", index=True)
    commit_no: int = bigint()
    snapshot: str = text()
    status: str = text()
    file_digest: str = text()
    as_of: str | None = text(default=None)
    counts: str = text()
    held_reason: str | None = text(default=None)
    undone_commit: int | None = bigint(default=None)
    undoing_commit: int | None = bigint(default=None)
    undoing_worker: str | None = text(default=None)
    issues: str | None = text(default=None)


class PullCursorRow(SQLModel, table=True):
    """Where the next pull of a source from another system begins.

    ``connection`` is a digest of the connection that ``cursor`` belongs to. ``pulled_at`` is when the last
    pull ended, ``full_at`` when the last one of every record did. ``counts`` is JSON of the last pull's
    counts. ``worker`` is the process that pulls now, empty for none, and ``beat`` its last heartbeat.
    """

    __tablename__ = "pull_cursor"
    source_id: int = primary_key(foreign_key="source.id")
    connection: str = text(default="")
    cursor: str | None = text(default=None)
    pulled_at: str | None = text(default=None)
    full_at: str | None = text(default=None)
    counts: str = text(default="{}")
    worker: str = text(default="")
    beat: str = text(default="")


class PulledFileRow(SQLModel, table=True):
    """A file of another system's folder, as it was when last pulled.

    ``file_token`` is a keyed hash of its name, ``size`` its bytes, ``modified`` its time there in seconds
    since 1970, ``digest`` the SHA-256 of its content. ``status`` is ``loaded``, ``held`` or ``failed``.
    """

    __tablename__ = "pulled_file"
    source_id: int = primary_key(foreign_key="source.id")
    file_token: str = text(primary_key=True)
    size: int = bigint()
    modified: int = bigint()
    digest: str = text()
    status: str = text()
    pulled_at: str = text()


class TakenBackRow(SQLModel, table=True):
    """A record for which the undo of a file load is done.

    Rows exist while the undo is in progress.
    """

    __tablename__ = "taken_back"
    __table_args__ = ({"sqlite_with_rowid": False},)
    batch_id: int = primary_key(foreign_key="batch.id")
    record_id: int = primary_key(foreign_key="record.id")


class RejectRow(SQLModel, table=True):
    """A rejected row of a loaded file: where and why, without text.

    ``local_id`` is None where the row has no readable one, and where it must not be kept.
    """

    __tablename__ = "reject"
    __table_args__ = (Index("ix_reject_local_id", "local_id"),)
    batch_id: int = primary_key(foreign_key="batch.id")
    seq: int = primary_key()
    line: int = bigint()
    offset: int | None = bigint(default=None)
    field: str | None = text(default=None)
    reason: str = text()
    detail: str = text()
    local_id: str | None = text(default=None)


class QualityTicketRow(SQLModel, table=True):
    """A request to a source to correct one kind of quality issue.

    ``record_count`` is the number of records with the issue when the ticket was opened. ``closed_batch`` is
    the load that corrected the last of them.
    """

    __tablename__ = "quality_ticket"
    id: int = primary_key()
    source_id: int = bigint(foreign_key="source.id", index=True)
    field: str = text()
    kind: str = text()
    owner: str = text()
    due_on: str = text()
    record_count: int = bigint()
    opened_commit: int = bigint()
    closed_commit: int | None = bigint(default=None)
    closed_batch: int | None = bigint(default=None)


class RecordRow(SQLModel, table=True):
    """A source record, which belongs to one person.

    Its ``id`` stays when its local ID changes.

    ``canonical_key`` is the keyed hash of (source, local ID) that orders pairs and breaks ties.
    ``last_seen`` is the latest as-of date at which the source confirmed the active version.
    ``carried_restrictions`` is JSON of the restrictions that earlier versions state and the active one leaves
    out, without any that has ended; they stay in force.
    ``data_key`` is its data key, encrypted under a payload key; None where nothing of it is encrypted.
    """

    __tablename__ = "record"
    __table_args__ = (
        UniqueConstraint("source_id", "local_id"),
        Index(
            "ix_record_sealed",
            "version_id",
            sqlite_where=text_of("state = 'sealed'"),
            postgresql_where=text_of("state = 'sealed'"),
        ),
        Index(
            "ix_record_draw",
            "source_id",
            "canonical_key",
            sqlite_where=text_of("state = 'active'"),
            postgresql_where=text_of("state = 'active'"),
        ),
    )
    id: int = primary_key()
    source_id: int = bigint(foreign_key="source.id")
    local_id: str = text()
    group_id: int = bigint()
    subject: str | None = text(default=None)
    state: str = text()
    canonical_key: int = bigint(unique=True)
    version_id: int | None = bigint(default=None)
    last_seen: str = text()
    carried_restrictions: str | None = text(default=None)
    data_key: bytes | None = Field(default=None, sa_type=LargeBinary)


class RecordAliasRow(SQLModel, table=True):
    """A former local ID of a record that got another one."""

    __tablename__ = "record_alias"
    __table_args__ = (UniqueConstraint("source_id", "local_id"),)
    id: int = primary_key()
    source_id: int = bigint(foreign_key="source.id")
    local_id: str = text()
    record_id: int = bigint(foreign_key="record.id")
    from_commit: int = bigint()
    to_commit: int | None = bigint(default=None)


class RenamedRow(SQLModel, table=True):
    """The local IDs of a record before and after one change."""

    __tablename__ = "renamed"
    record_id: int = primary_key(foreign_key="record.id")
    step_id: int = primary_key(foreign_key="step.id")
    before: str = text()
    after: str = text()


class RecordVersionRow(SQLModel, table=True):
    """One version of a record, as its source stated it; never rewritten.

    ``state`` is ``active``, ``superseded`` (a newer one came), ``history`` (it arrived late), ``held``
    (its source is paused), ``overlay`` (it would make the record another child, and waits for a person),
    ``refused`` (a person refused it) or ``undone`` (its load was undone). ``payload`` is encrypted under the
    record's data key, if the index has payload keys.
    """

    __tablename__ = "record_version"
    __table_args__ = (
        Index("ix_record_version_record", "record_id", "as_of"),
        Index("ix_record_version_batch", "batch_id"),
        Index(
            "ix_record_version_overlay",
            "record_id",
            sqlite_where=text_of("state = 'overlay'"),
            postgresql_where=text_of("state = 'overlay'"),
        ),
        Index(
            "ix_record_version_issues",
            "record_id",
            sqlite_where=text_of("issues <> '[]'"),
            postgresql_where=text_of("issues <> '[]'"),
        ),
    )
    id: int = primary_key()
    record_id: int = bigint(foreign_key="record.id")
    as_of: str = text()
    received_commit: int = bigint()
    ended_commit: int | None = bigint(default=None)
    batch_id: int | None = bigint(default=None)
    state: str = text()
    content_hash: str = text()
    issues: str = text(default="[]")
    payload: bytes = Field(sa_type=LargeBinary)


class SightingRow(SQLModel, table=True):
    """A source's assertion that a record is unchanged or gone.

    ``same`` restates a version, ``gone`` withdraws the record.

    Versions and sightings together are all that a source ever asserted, so that loads can be undone in
    any order.
    """

    __tablename__ = "sighting"
    __table_args__ = (
        Index("ix_sighting_batch", "batch_id"),
        {"sqlite_with_rowid": False},
    )
    record_id: int = primary_key(foreign_key="record.id")
    commit_no: int = primary_key()
    kind: str = text()
    as_of: str = text()
    batch_id: int | None = bigint(default=None)
    version_id: int | None = bigint(default=None)


class FlagRow(SQLModel, table=True):
    """A special-population flag of a record version, such as foster care.

    The version tells when the source stated it; the flag has its own begin and end.
    """

    __tablename__ = "flag"
    version_id: int = primary_key(foreign_key="record_version.id")
    seq: int = primary_key()
    population: str = text(index=True)
    value: str = text()
    definition: str = text()
    detail: str | None = text(default=None)
    begin: str | None = text(default=None)
    end: str | None = text(default=None)
    asserted_by: str | None = text(default=None)


class CaseworkerRow(SQLModel, table=True):
    """A caseworker of a child-welfare source.

    ``code`` is the name of the account.
    """

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


class ChildItemRow(SQLModel, table=True):
    """What a source states of one item of a child.

    It holds for commits ``[from_commit, to_commit)``. ``value`` is JSON of the item's values, encrypted; None
    where the source says that it is not known. ``as_of`` is the latest day for which the source stated it.
    """

    __tablename__ = "child_item"
    record_id: int = primary_key(foreign_key="record.id")
    kind: str = text(primary_key=True)
    from_commit: int = primary_key()
    to_commit: int | None = bigint(default=None)
    as_of: str = text()
    value: str | None = text(default=None)


class RosterVisitRow(SQLModel, table=True):
    """One of the last days on which somebody read a list.

    ``commit_no`` is the last commit that they saw at the first reading of the day.
    """

    __tablename__ = "roster_visit"
    client: str = text(primary_key=True)
    list: str = text(primary_key=True)
    day: str = text(primary_key=True)
    commit_no: int = bigint()
