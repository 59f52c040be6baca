"""Incidents of wrong links: recipients, corrections, acknowledgements and closing.

A step that parts records opens an incident. A privacy officer reads who was told what because of the link,
and sends each recipient a correction. Once each has acknowledged it, a named person closes the incident.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.agreement import choose_terms
from mpi.policy.cases.subject_rights import check_person
from mpi.service.agreements.terms import build_versions
from mpi.service.audit.incident_recipients import Recipient, find_incident_recipients
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.storage.repositories.access.incidents import StoredCorrection, StoredIncident
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

BREACH_CLOCK = "breach_notice"
"""Name of the clock of an agreement within which recipients are told of a wrong link."""
_FIELDS = ("source", "local_id", "client", "fields")


class IncidentState(StrEnum):
    """How far an incident is."""

    OPEN = "open"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Notified:
    """A recipient of an incident, with what became of its correction.

    Args:
        client: name of the client or account.
        agreement: code of the agreement that it acted under.
        since: when it was told first (ISO, UTC).
        until: when it was told last (ISO, UTC).
        answers: number of answers.
        records: records that it was told of, as far as they are visible.
        fields: names of the fields that it received; empty once the correction is sent.
        acknowledged_at: when it acknowledged the correction (ISO, UTC); None before.
        acknowledged_by: who acknowledged it; None before.
    """

    client: str
    agreement: str | None
    since: str
    until: str
    answers: int
    records: tuple[RecordRef, ...]
    fields: tuple[str, ...] = ()
    acknowledged_at: str | None = None
    acknowledged_by: str | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """A wrong link that was found, and what became of it.

    Args:
        code: code of the incident.
        state: its state.
        kind: kind of the step that parted the records.
        opened_at: when the records were parted (ISO, UTC).
        opened_by: who parted them.
        parts: records of each part, as far as they are visible.
        recipients: who was told because of the link, by name.
        due: last day of the clock; None where none runs.
        closed_by: name of the person who closed it.
        closed_at: when it was closed (ISO, UTC).
        note: why it is closed.
    """

    code: str
    state: IncidentState
    kind: str
    opened_at: str
    opened_by: str
    parts: tuple[tuple[RecordRef, ...], ...]
    recipients: tuple[Notified, ...]
    due: str | None
    closed_by: str | None
    closed_at: str | None
    note: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the incident as plain values for JSON."""
        return asdict(self)


def list_incidents(index: Index, viewer: Viewer, *, with_closed: bool = False) -> list[Incident]:
    """Return the incidents, the latest first.

    Args:
        index: the open index.
        viewer: who asks.
        with_closed: whether closed ones are listed too.

    Raises:
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    with index.database.read(viewer) as unit:
        stored = [each for each in unit.incidents.all() if with_closed or each.closed_commit is None]
        incidents, record_ids = _build(unit, stored)
    disclose(index, viewer, Action.LEDGER_READ, record_ids, _FIELDS)
    return incidents


def show_incident(index: Index, viewer: Viewer, code: str) -> Incident:
    """Return an incident with its recipients.

    Raises:
        NotFoundError: there is none of this code.
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    with index.database.read(viewer) as unit:
        [incident], record_ids = _build(unit, [_require(unit, code)])
    disclose(index, viewer, Action.LEDGER_READ, record_ids, _FIELDS)
    return incident


def send_corrections(index: Index, viewer: Viewer, code: str) -> None:
    """Send every recipient of an incident its correction.

    A recipient reads it with ``list_corrections``. The clock ``breach_notice`` of the agreements that the
    recipients acted under gives the last day by which the incident is to be closed.

    Raises:
        NotFoundError: there is no incident of this code.
        ConflictError: its corrections are sent already, or it is closed.
        AccessDenied: the viewer may not read the ledger and administer agreements.
    """
    _require_officer(viewer)
    with index.database.write(viewer, "incident-send") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        incident = _require(unit, code)
        if incident.sent_commit is not None or incident.closed_commit is not None:
            raise ConflictError("the corrections of this incident are sent already, or it is closed")
        records = unit.incidents.records_of([code])[code]
        recipients = find_incident_recipients(unit, incident, records)
        corrections = [_to_correction(unit, code, recipient) for recipient in recipients]
        unit.incidents.send(code, unit.commit_no, _find_due(unit, incident, recipients), corrections)
        store_answer(unit, index, {"code": code}, ())


def acknowledge_for(index: Index, viewer: Viewer, code: str, client: str, by: str) -> None:
    """Record that a recipient has acknowledged its correction on paper.

    Args:
        index: the open index.
        viewer: the privacy officer.
        code: code of the incident.
        client: the recipient.
        by: name of the person who acknowledged it.

    Raises:
        NotFoundError: there is no such incident, or no correction was sent to this recipient.
        ConflictError: it was acknowledged before.
        InputError: the name is wrong.
        AccessDenied: the viewer may not read the ledger and administer agreements.
    """
    _require_officer(viewer)
    person = check_person("by", by)
    with index.database.write(viewer, "incident-acknowledge") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        _require(unit, code)
        acknowledge_in(unit, code, client, person)
        store_answer(unit, index, {"code": code}, ())


def acknowledge_in(unit: WriteUnit, code: str, client: str, by: str) -> None:
    """Store the acknowledgement of one recipient.

    Raises:
        NotFoundError: no correction was sent to this recipient.
        ConflictError: it was acknowledged before.
    """
    if all(sent.client != client for sent in unit.incidents.corrections_of([code])[code]):
        raise NotFoundError("there is no such correction")
    if not unit.incidents.acknowledge(code, client, unit.commit_no, by):
        raise ConflictError("this correction was acknowledged before")


def close_incident(index: Index, viewer: Viewer, code: str, by: str, note: str) -> None:
    """Close an incident, of which every correction is acknowledged.

    Args:
        index: the open index.
        viewer: the privacy officer.
        code: code of the incident.
        by: name of the person who closes it.
        note: what was done; names no child.

    Raises:
        NotFoundError: there is no incident of this code.
        ConflictError: recipients have not been corrected or have not acknowledged it, or it is closed.
        InputError: the name or the note is wrong.
        AccessDenied: the viewer may not read the ledger and administer agreements.
    """
    _require_officer(viewer)
    person, text = check_person("by", by), check_person("note", note)
    with index.database.write(viewer, "incident-close") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        [incident], _ = _build(unit, [_require(unit, code)])
        if incident.state is IncidentState.CLOSED:
            raise ConflictError("this incident is closed already")
        if incident.state is IncidentState.OPEN and incident.recipients:
            raise ConflictError("recipients were told because of this link: send the corrections first")
        waiting = sum(recipient.acknowledged_at is None for recipient in incident.recipients)
        if waiting:
            raise ConflictError(f"corrections that are not acknowledged yet: {waiting}")
        unit.incidents.close(code, unit.commit_no, person, text)
        store_answer(unit, index, {"code": code}, ())


def _require_officer(viewer: Viewer) -> None:
    require_permission(viewer, Action.LEDGER_READ)
    require_permission(viewer, Action.AGREEMENT_ADMIN)


def _require(unit: ReadUnit, code: str) -> StoredIncident:
    found = unit.incidents.find(code)
    if found is None:
        raise NotFoundError("there is no incident of this code: see mpi incident list")
    return found


def _build(unit: ReadUnit, stored: Sequence[StoredIncident]) -> tuple[list[Incident], frozenset[int]]:
    """Return incidents as a privacy officer reads them, and the records that they show."""
    records = unit.incidents.records_of(each.code for each in stored)
    sent = unit.incidents.corrections_of(each.code for each in stored)
    labels = visible_labels(unit, {record.record_id for parts in records.values() for record in parts})
    numbers = {number for each in stored for number in (each.opened_commit, each.closed_commit) if number}
    numbers |= {
        each.acknowledged_commit
        for corrections in sent.values()
        for each in corrections
        if each.acknowledged_commit is not None
    }
    commits = unit.commit_info(numbers)
    incidents = []
    for each in stored:
        if each.sent_commit is None:
            found = find_incident_recipients(unit, each, records[each.code])
            recipients = tuple(_to_notified(recipient, labels) for recipient in found)
        else:
            recipients = tuple(
                _to_acknowledged(correction, labels, commits)
                for correction in sorted(sent[each.code], key=lambda correction: correction.client)
            )
        parts: dict[int, list[RecordRef]] = {}
        for record in records[each.code]:
            if record.record_id in labels:
                parts.setdefault(record.part, []).append(labels[record.record_id])
        incidents.append(
            Incident(
                code=each.code,
                state=_find_state(each, recipients),
                kind=each.kind,
                opened_at=commits[each.opened_commit][0],
                opened_by=commits[each.opened_commit][1],
                parts=tuple(_sort(refs) for _, refs in sorted(parts.items())),
                recipients=recipients,
                due=each.due,
                closed_by=each.closed_by,
                closed_at=None if each.closed_commit is None else commits[each.closed_commit][0],
                note=each.note,
            )
        )
    return incidents, frozenset(labels)


def _find_state(stored: StoredIncident, recipients: Collection[Notified]) -> IncidentState:
    if stored.closed_commit is not None:
        return IncidentState.CLOSED
    if stored.sent_commit is None:
        return IncidentState.OPEN
    if all(recipient.acknowledged_at is not None for recipient in recipients):
        return IncidentState.ACKNOWLEDGED
    return IncidentState.SENT


def _refs(record_ids: Collection[int], labels: dict[int, RecordRef]) -> tuple[RecordRef, ...]:
    return _sort(labels[record] for record in record_ids if record in labels)


def _sort(refs: Iterable[RecordRef]) -> tuple[RecordRef, ...]:
    return tuple(sorted(refs, key=lambda ref: (ref.source, ref.local_id)))


def _to_notified(recipient: Recipient, labels: dict[int, RecordRef]) -> Notified:
    return Notified(
        client=recipient.client,
        agreement=recipient.agreement,
        since=recipient.since,
        until=recipient.until,
        answers=recipient.answers,
        records=_refs(recipient.record_ids, labels),
        fields=tuple(sorted(recipient.fields)),
    )


def _to_acknowledged(
    sent: StoredCorrection, labels: dict[int, RecordRef], commits: dict[int, tuple[str, str, str]]
) -> Notified:
    acknowledged = sent.acknowledged_commit
    return Notified(
        client=sent.client,
        agreement=sent.agreement,
        since=sent.since,
        until=sent.until,
        answers=sent.answers,
        records=_refs(sent.record_ids, labels),
        acknowledged_at=None if acknowledged is None else commits[acknowledged][0],
        acknowledged_by=sent.acknowledged_by,
    )


def _to_correction(unit: WriteUnit, code: str, recipient: Recipient) -> StoredCorrection:
    return StoredCorrection(
        code=code,
        client=recipient.client,
        agreement=recipient.agreement,
        record_ids=tuple(sorted(recipient.record_ids)),
        since=recipient.since,
        until=recipient.until,
        answers=recipient.answers,
        sent_commit=unit.commit_no,
    )


def _find_due(unit: ReadUnit, incident: StoredIncident, recipients: Collection[Recipient]) -> str | None:
    """Return the last day of the shortest clock for notices among the recipients' agreements."""
    [(opened_at, _, _)] = unit.commit_info({incident.opened_commit}).values()
    opened, today = datetime.fromisoformat(opened_at).date(), clock.now().date()
    days = [
        each.days
        for code in {recipient.agreement for recipient in recipients if recipient.agreement is not None}
        for each in _read_clocks(unit, code, today)
        if each.name == BREACH_CLOCK
    ]
    return (opened + timedelta(days=min(days))).isoformat() if days else None


def _read_clocks(unit: ReadUnit, code: str, today: date) -> Collection[Any]:
    history = unit.agreements.find(code)
    terms = None if history is None else choose_terms(build_versions(history), today)
    return () if terms is None else terms.clocks
