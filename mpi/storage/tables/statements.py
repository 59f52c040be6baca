"""What people decided: decisions, approvals, notes, holds. Superseded or revoked, never rewritten."""

from sqlmodel import SQLModel

from mpi.storage.columns import big, pk, text


class DecisionRow(SQLModel, table=True):
    """A decision: SAME, DIFFERENT or UNSURE, by whom, when, why, on what evidence."""

    __tablename__ = "decision"
    id: int = pk()
    kind: str = text()
    authority: int
    status: str = text()
    commit_no: int = big()
    ended_commit: int | None = big(default=None)
    effective_from: str | None = text(default=None)
    reason: str = text()
    recheck_on: str | None = text(default=None)
    supersedes: int | None = big(default=None)
    evidence: str = text(default="{}")
    config_id: int | None = big(default=None)


class DecisionMemberRow(SQLModel, table=True):
    """A record that a decision names, the group it is in, and the version its maker saw."""

    __tablename__ = "decision_member"
    decision_id: int = pk(foreign_key="decision.id")
    record_id: int = pk(foreign_key="record.id", index=True)
    group_no: int
    version_id_seen: int | None = big(default=None)


class ApprovalRow(SQLModel, table=True):
    """A second approver's, or an owner's, word on a decision or proposal."""

    __tablename__ = "approval"
    id: int = pk()
    decision_id: int | None = big(default=None, foreign_key="decision.id")
    proposal_id: int | None = big(default=None)
    kind: str = text()
    status: str = text()
    commit_no: int = big()


class NoteRow(SQLModel, table=True):
    """Free text about a decision or task: a table of its own, so that it can be expunged."""

    __tablename__ = "note"
    id: int = pk()
    decision_id: int | None = big(default=None, foreign_key="decision.id")
    task_key: str | None = text(default=None)
    commit_no: int = big()
    body: str = text()


class HoldRow(SQLModel, table=True):
    """A computed change that waits for a person: listed, dated, released or refused."""

    __tablename__ = "hold"
    id: int = pk()
    kind: str = text()
    fingerprint: str = text(index=True)
    status: str = text()
    commit_no: int = big()
    ended_commit: int | None = big(default=None)
    detail: str = text(default="{}")
