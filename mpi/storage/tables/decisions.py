"""Tables of what people decided: decisions, steps, proposals, consents, notes, holds.

Rows are superseded or revoked, never rewritten.
"""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class DecisionRow(SQLModel, table=True):
    """A decision that records are one person, different ones, or unsure.

    ``status`` is ``in_force``, ``pending`` (until ``effective_from``), ``superseded`` or ``revoked``. Where a
    source states a merge or split of its local IDs, ``effective_from`` is the day of it. ``origin`` is the
    kind of step that made it. ``asserting_record`` is the record whose source asserted it.
    """

    __tablename__ = "decision"
    id: int = primary_key()
    kind: str = text()
    authority: int
    status: str = text()
    commit_no: int = bigint()
    ended_commit: int | None = bigint(default=None)
    effective_from: str | None = text(default=None)
    reason: str = text()
    recheck_on: str | None = text(default=None)
    evidence: str = text(default="{}")
    config_id: int | None = bigint(default=None)
    step_id: int | None = bigint(default=None, index=True)
    origin: str | None = text(default=None)
    asserting_record: int | None = bigint(default=None, index=True)


class DecisionMemberRow(SQLModel, table=True):
    """A record that a decision names, its group, and the version seen.

    The version is what the record said when the decision was made.
    """

    __tablename__ = "decision_member"
    decision_id: int = primary_key(foreign_key="decision.id")
    record_id: int = primary_key(foreign_key="record.id", index=True)
    group_no: int
    version_id_seen: int | None = bigint(default=None)


class DecisionSupersedesRow(SQLModel, table=True):
    """That a decision replaced another, which revives if the decision is revoked."""

    __tablename__ = "decision_supersedes"
    decision_id: int = primary_key(foreign_key="decision.id")
    superseded_id: int = primary_key(foreign_key="decision.id", index=True)


class StepRow(SQLModel, table=True):
    """An undoable act of a person, such as a decision or load.

    ``detail`` holds numbers of records and persons, never their values.
    """

    __tablename__ = "step"
    id: int = primary_key()
    kind: str = text(index=True)
    commit_no: int = bigint(index=True)
    undone_commit: int | None = bigint(default=None, index=True)
    reason: str = text()
    detail: str = text(default="{}")


class ProposalRow(SQLModel, table=True):
    """A computed re-cluster plan, to be read before it is applied.

    Its date and items are fixed when it is made.
    """

    __tablename__ = "proposal"
    id: int = primary_key()
    status: str = text()
    model: str = text()
    config_digest: str = text()
    model_before: str = text()
    on_date: str = text()
    commit_no: int = bigint()
    applied_commit: int | None = bigint(default=None)
    ended_commit: int | None = bigint(default=None)


class ProposalItemRow(SQLModel, table=True):
    """One merge, split or move of persons in a re-cluster proposal.

    ``fingerprint`` identifies its records and persons.
    """

    __tablename__ = "proposal_item"
    proposal_id: int = primary_key(foreign_key="proposal.id")
    no: int = primary_key()
    fingerprint: str = text()
    kind: str = text()
    status: str = text()
    detail: str = text(default="{}")


class ApprovalRow(SQLModel, table=True):
    """A second approver's approval of a decision or re-cluster proposal."""

    __tablename__ = "approval"
    id: int = primary_key()
    decision_id: int | None = bigint(default=None, foreign_key="decision.id")
    proposal_id: int | None = bigint(default=None)
    kind: str = text()
    status: str = text()
    commit_no: int = bigint(index=True)


class AwaitedRow(SQLModel, table=True):
    """A decision whose making or revocation awaits others' approval.

    The row is deleted when nobody is awaited. ``second`` tells whether a second approver is among those
    awaited.
    """

    __tablename__ = "awaited"
    decision_id: int = primary_key(foreign_key="decision.id")
    step_id: int = bigint(foreign_key="step.id", index=True)
    second: bool


class ConsentRow(SQLModel, table=True):
    """A consent request to a source's owner: ``asked``, ``given`` or ``refused``."""

    __tablename__ = "consent"
    step_id: int = primary_key(foreign_key="step.id")
    source_id: int = primary_key(foreign_key="source.id")
    status: str = text()
    asked_commit: int = bigint()
    commit_no: int | None = bigint(default=None, index=True)
    reason: str | None = text(default=None)


class NoteRow(SQLModel, table=True):
    """A person's free text about a decision or review task.

    It has a table of its own, so that it can be expunged.
    """

    __tablename__ = "note"
    id: int = primary_key()
    decision_id: int | None = bigint(default=None, foreign_key="decision.id")
    task_key: str | None = text(default=None)
    commit_no: int = bigint()
    body: str = text()


class HoldRow(SQLModel, table=True):
    """A computed change of persons that waits for release or refusal."""

    __tablename__ = "hold"
    id: int = primary_key()
    kind: str = text()
    fingerprint: str = text(index=True)
    status: str = text()
    commit_no: int = bigint()
    ended_commit: int | None = bigint(default=None)
    detail: str = text(default="{}")
