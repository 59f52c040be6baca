"""Tables of legal cases, consents, rights, holds, destruction and research."""

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


class RightsCaseRow(SQLModel, table=True):
    """A person's request to inspect or amend a child's record.

    ``details`` is a JSON object without any value of the record. The record is named by number, so that the
    row tells nothing of a record that is destroyed later.
    """

    __tablename__ = "rights_case"
    code: str = text(primary_key=True)
    kind: str = text()
    source_id: int = bigint(foreign_key="source.id")
    record_id: int = bigint(foreign_key="record.id", index=True)
    received: str = text()
    details: str = text()
    opened_commit: int = bigint()


class RightsStepRow(SQLModel, table=True):
    """What a person did with a rights case. Rows are only added."""

    __tablename__ = "rights_step"
    code: str = text(primary_key=True)
    commit_no: int = primary_key()
    kind: str = text()
    details: str = text()


class RightsTextRow(SQLModel, table=True):
    """What a person wrote about a record: a change or statement.

    It may hold personal data, and is deleted when its record is destroyed.
    """

    __tablename__ = "rights_text"
    code: str = text(primary_key=True)
    kind: str = text(primary_key=True)
    record_id: int = bigint(foreign_key="record.id", index=True)
    text: str = text()
    commit_no: int = bigint()


class SourceRuleRow(SQLModel, table=True):
    """A source's rule of inspection and retention.

    Rows are only added; the latest counts. ``details`` is a JSON object.
    """

    __tablename__ = "source_rule"
    source_id: int = bigint(primary_key=True, foreign_key="source.id")
    commit_no: int = primary_key()
    details: str = text()


class LegalHoldRow(SQLModel, table=True):
    """A legal hold on records of a child, source or agreement.

    ``sources`` is a JSON list of the sources that it reaches; null for all.
    """

    __tablename__ = "legal_hold"
    code: str = text(primary_key=True)
    target: str = text()
    record_id: int | None = bigint(default=None, foreign_key="record.id")
    source_id: int | None = bigint(default=None, foreign_key="source.id")
    agreement: str | None = text(default=None)
    sources: str | None = text(default=None)
    reference: str = text()
    reason: str = text()
    placed_by: str = text()
    placed_commit: int = bigint()
    lifted_by: str | None = text(default=None)
    lift_reason: str | None = text(default=None)
    lifted_commit: int | None = bigint(default=None)


class DestructionRunRow(SQLModel, table=True):
    """A plan to destroy records whose retention has ended."""

    __tablename__ = "destruction_run"
    number: int = primary_key()
    source_id: int = bigint(foreign_key="source.id")
    rule: str = text()
    records: int = bigint()
    planned_commit: int = bigint()
    approved_by: str | None = text(default=None)
    approved_commit: int | None = bigint(default=None)
    destroyed: int = bigint(default=0)
    spared: int = bigint(default=0)
    certificate: str | None = text(default=None)
    signature: str | None = text(default=None)
    finished_commit: int | None = bigint(default=None)


class DestructionItemRow(SQLModel, table=True):
    """A record that a run still has to destroy.

    The row goes with the record.
    """

    __tablename__ = "destruction_item"
    number: int = bigint(primary_key=True, foreign_key="destruction_run.number")
    record_id: int = bigint(primary_key=True, foreign_key="record.id")


class ResearchProjectRow(SQLModel, table=True):
    """A research project with the salt of its IDs.

    It has no salt once it has ended.
    """

    __tablename__ = "research_project"
    code: str = text(primary_key=True)
    title: str = text()
    salt: str | None = text(default=None)
    opened_by: str = text()
    opened_commit: int = bigint()
    ended_by: str | None = text(default=None)
    ended_commit: int | None = bigint(default=None)


class ResearchStepRow(SQLModel, table=True):
    """Terms, an extract or the attested destruction of a research project.

    Rows are only added. ``details`` is a JSON object without any value of a record.
    """

    __tablename__ = "research_step"
    code: str = text(primary_key=True)
    commit_no: int = primary_key()
    kind: str = text()
    details: str = text()


class IncidentRow(SQLModel, table=True):
    """A wrong link: the step that parted records of one person.

    ``kind`` is the kind of the step, and ``scope`` the scope in which it was made; None where it was made
    here. ``due`` is the last day (ISO) of the clock for notices of breaches; None where no agreement of a
    recipient has one. ``reversed_commit`` is the commit that made the records one person again.
    ``reverses`` is the code of the incident whose sent corrections this one reverses. The row changes
    when corrections are sent, when the separation is undone, and when a person closes the incident, with
    a note that names no child.
    """

    __tablename__ = "incident"
    code: str = text(primary_key=True)
    kind: str = text()
    opened_commit: int = bigint()
    sent_commit: int | None = bigint(default=None)
    due: str | None = text(default=None)
    closed_commit: int | None = bigint(default=None, index=True)
    closed_by: str | None = text(default=None)
    note: str | None = text(default=None)
    scope: str | None = text(default=None)
    reversed_commit: int | None = bigint(default=None)
    reverses: str | None = text(default=None)


class IncidentRecordRow(SQLModel, table=True):
    """Record of an incident, with its person before and now.

    Records of one person and of different parts were linked wrongly.
    """

    __tablename__ = "incident_record"
    code: str = text(primary_key=True)
    record_id: int = primary_key(index=True)
    person_id: int = bigint()
    part: int = bigint()


class CorrectionRow(SQLModel, table=True):
    """A correction sent to recipients of answers of a wrong link.

    ``record_ids`` is a JSON list of the records that the recipient was told of. ``since`` and ``until`` are
    when it was told first and last. ``acknowledged_by`` is the person or client that acknowledged it.
    ``withdrawn_commit`` is the commit from which on it holds no longer.
    """

    __tablename__ = "correction"
    code: str = text(primary_key=True)
    client: str = text(primary_key=True, index=True)
    agreement: str | None = text(default=None)
    record_ids: str = text()
    since: str = text()
    until: str = text()
    answers: int = bigint()
    sent_commit: int = bigint()
    acknowledged_commit: int | None = bigint(default=None)
    acknowledged_by: str | None = text(default=None)
    withdrawn_commit: int | None = bigint(default=None)
