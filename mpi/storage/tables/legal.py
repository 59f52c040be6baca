"""Tables of subpoena cases, and of consents to disclose records."""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class SubpoenaCaseRow(SQLModel, table=True):
    """A subpoena as served, and the records that it asks for.

    ``record_ids`` and ``fields`` are JSON lists. Records are named by number, so that the row tells nothing
    of a record that is destroyed later.
    """

    __tablename__ = "subpoena_case"
    code: str = text(primary_key=True)
    source_id: int = bigint(foreign_key="source.id")
    court: str = text()
    reference: str = text()
    served_by: str = text()
    received: str = text()
    due: str = text()
    notice_forbidden: bool
    record_ids: str = text()
    fields: str = text()
    opened_commit: int = bigint()


class SubpoenaStepRow(SQLModel, table=True):
    """What became of a subpoena case: notice, decision or release.

    Rows are only added. A decision has ``verdict``, ``counsel`` and ``reason``, and ``record_ids`` and
    ``fields`` where it permits a release. A notice has ``day``.
    """

    __tablename__ = "subpoena_step"
    code: str = text(primary_key=True)
    commit_no: int = primary_key()
    kind: str = text()
    day: str | None = text(default=None)
    verdict: str | None = text(default=None)
    counsel: str | None = text(default=None)
    reason: str | None = text(default=None)
    record_ids: str | None = text(default=None)
    fields: str | None = text(default=None)


class DisclosureConsentRow(SQLModel, table=True):
    """A signed consent to disclose one record.

    ``purposes`` and ``fields`` are JSON lists. ``ends`` is the last day. A row changes only when the consent
    is revoked; it is deleted when its record is destroyed.
    """

    __tablename__ = "disclosure_consent"
    code: str = text(primary_key=True)
    record_id: int = bigint(foreign_key="record.id", index=True)
    agreement: str = text()
    recipient: str = text()
    purposes: str = text()
    fields: str = text()
    signer: str = text()
    signed: str = text()
    ends: str = text()
    reference: str = text()
    recorded_commit: int = bigint()
    revoked_commit: int | None = bigint(default=None)
