"""Incidents of wrong links: list, send corrections, acknowledge, close.

A step that parts records opens an incident. A privacy officer reads who was told what because of the link,
and sends each recipient a correction. Once each has acknowledged it, a named person closes the incident.
"""

from collections.abc import Sequence

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.cases.subject_rights import check_person
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.incidents.parts import are_joined_again, find_joined, regroup
from mpi.service.incidents.recipients import Recipient, find_incident_recipients
from mpi.service.incidents.reversal import Closing, end_reversals, reverse_corrections
from mpi.service.incidents.views import (
    CLOSE_COMMIT,
    Incident,
    IncidentState,
    build_incidents,
    find_agreement_days,
)
from mpi.storage.repositories.access.incidents import IncidentRecord, StoredCorrection, StoredIncident
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_FIELDS = ("source", "local_id", "client", "fields")
_LINKED_AGAIN = "link"
"""Kind of what reverses corrections where no step of a person did."""


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
        stored = unit.incidents.all() if with_closed else unit.incidents.all_open()
        incidents, record_ids = build_incidents(unit, index, stored)
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
        [incident], record_ids = build_incidents(unit, index, [_require(unit, code)])
    disclose(index, viewer, Action.LEDGER_READ, record_ids, _FIELDS)
    return incident


def send_corrections(index: Index, viewer: Viewer, code: str) -> None:
    """Send every recipient of an incident its correction.

    A recipient reads it with ``list_corrections``.

    Raises:
        NotFoundError: there is no incident of this code.
        ConflictError: its corrections are sent already, it is closed, or its records are one person again.
        AccessDenied: the viewer may not read the ledger and administer agreements.
    """
    _require_officer(viewer)
    with index.database.write(viewer, "incident-send") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        incident = _require(unit, code)
        if incident.sent_commit is not None or incident.closed_commit is not None:
            raise ConflictError("the corrections of this incident are sent already, or it is closed")
        records = _regroup_now(unit, unit.incidents.records_of([code])[code])
        if incident.reversed_commit is not None or are_joined_again(records):
            raise ConflictError("the separation was undone: there is nothing to correct, so close it")
        recipients = find_incident_recipients(unit, incident, records)
        corrections = [_to_correction(unit, code, recipient) for recipient in recipients]
        due = min(find_agreement_days(unit, incident, recipients), default=None)
        unit.incidents.set_parts(code, records)
        end_reversals(unit, records)
        unit.incidents.send(code, unit.commit_no, None if due is None else due.isoformat(), corrections)
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
    """Close an incident whose corrections are all acknowledged or no longer hold.

    If records of it are one person again by new content, and not by a step, their corrections are
    reversed: an incident of its own tells each recipient.

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
    with index.database.write(viewer, CLOSE_COMMIT) as unit:
        if find_stored_answer(unit, index) is not None:
            return
        stored = _require(unit, code)
        [incident], _ = build_incidents(unit, index, [stored])
        _require_closable(incident)
        records = unit.incidents.records_of([code])[code]
        regrouped = _regroup_now(unit, records)
        if stored.sent_commit is not None and find_joined(records, regrouped):
            closing = Closing(person, text)
            reverse_corrections(unit, index, stored, (records, regrouped), _LINKED_AGAIN, closing)
        elif incident.state is IncidentState.REVERSED and stored.reversed_commit is None:
            unit.incidents.mark_reversed(code, unit.commit_no)
        unit.incidents.close(code, unit.commit_no, person, text)
        store_answer(unit, index, {"code": code}, ())


def _require_closable(incident: Incident) -> None:
    """Refuse to close an incident while somebody is to be told.

    Raises:
        ConflictError: it is closed, or recipients have not been corrected or have not acknowledged it.
    """
    if incident.state is IncidentState.CLOSED:
        raise ConflictError("this incident is closed already")
    if incident.state is IncidentState.OPEN and incident.recipients:
        raise ConflictError("recipients were told because of this link: send the corrections first")
    if incident.state is IncidentState.SENT:
        raise ConflictError(f"corrections that are not acknowledged yet: {incident.waiting_count}")


def _regroup_now(unit: ReadUnit, records: Sequence[IncidentRecord]) -> list[IncidentRecord]:
    """Return an incident's records with their present parts."""
    return regroup(records, unit.persons.current_persons([record.record_id for record in records]))


def _require_officer(viewer: Viewer) -> None:
    require_permission(viewer, Action.LEDGER_READ)
    require_permission(viewer, Action.AGREEMENT_ADMIN)


def _require(unit: ReadUnit, code: str) -> StoredIncident:
    found = unit.incidents.find(code)
    if found is None:
        raise NotFoundError("there is no incident of this code: see mpi incident list")
    return found


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
