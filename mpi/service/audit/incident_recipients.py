"""Who was told of records while they were linked wrongly.

A recipient counts if it was told of records of two parts, or of one record whose enterprise ID has changed
since. Others were told nothing that the link had made wrong.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.ledger.line_hash import REDACT_ACTION
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.service.core.visibility import visible_labels
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.access.incidents import IncidentRecord, StoredIncident
from mpi.storage.repositories.persons.persons import Membership
from mpi.storage.unit_of_work.units import ReadUnit

GRACE = timedelta(minutes=1)
"""Time after the end of a link in which an answer may still leave that was computed before."""
_OVERSIGHT = frozenset({Action.LEDGER_READ, REDACT_ACTION})
"""Actions of lines that tell of the ledger, and not of a child."""


@dataclass(slots=True)
class Recipient:
    """A client or account that received answers because of a wrong link.

    Args:
        client: its name.
        agreement: code of the agreement that it acted under last; None for none.
        since: when it was told first (ISO, UTC).
        until: when it was told last (ISO, UTC).
        answers: number of answers.
        record_ids: records that it was told of.
        fields: names of the fields that it received.
    """

    client: str
    agreement: str | None
    since: str
    until: str
    answers: int = 0
    record_ids: set[int] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def find_incident_recipients(
    unit: ReadUnit, incident: StoredIncident, records: Sequence[IncidentRecord]
) -> list[Recipient]:
    """Return who was told of the records of an incident while they were linked.

    Who made the step that parted them is left out.

    Args:
        unit: the transaction of a viewer of all sources.
        incident: the incident.
        records: its records.
    """
    labels = visible_labels(unit, [record.record_id for record in records])
    begins = _find_begins(unit, incident, [record for record in records if record.record_id in labels])
    if not begins:
        return []
    [(parted_at, maker, _)] = unit.commit_info({incident.opened_commit}).values()
    end = clock.format_timestamp(datetime.fromisoformat(parted_at) + GRACE)
    sources_of = {client.name: client.sources for client, _, _ in unit.clients.all_with_commits()}
    recipients: dict[str, Recipient] = {}
    for line in unit.disclosures.about_records(min(begins.values()), begins):
        if line.at > end or line.client == maker or line.action in _OVERSIGHT:
            continue
        told = {
            record
            for record in _find_told(line, labels, sources_of.get(line.client))
            if begins.get(record, line.at + "~") <= line.at
        }
        if told:
            _add(recipients, line, told)
    changed = _find_changed(records)
    part_of = {record.record_id: record.part for record in records}
    return [
        recipient
        for _, recipient in sorted(recipients.items())
        if recipient.record_ids & changed or len({part_of[record] for record in recipient.record_ids}) > 1
    ]


def _add(recipients: dict[str, Recipient], line: Disclosure, told: Iterable[int]) -> None:
    recipient = recipients.setdefault(
        line.client, Recipient(line.client, line.agreement, since=line.at, until=line.at)
    )
    recipient.until = max(recipient.until, line.at)
    recipient.since = min(recipient.since, line.at)
    recipient.agreement = line.agreement
    recipient.answers += 1
    recipient.record_ids.update(told)
    recipient.fields.update(line.fields)


def _find_told(line: Disclosure, labels: Mapping[int, RecordRef], sources: frozenset[str] | None) -> set[int]:
    """Return the records of an incident that an answer was about.

    An export is about all records that its client may see.
    """
    if line.handle is None:
        return labels.keys() & set(line.record_ids)
    return {record for record, label in labels.items() if sources is None or label.source in sources}


def _find_begins(
    unit: ReadUnit, incident: StoredIncident, records: Collection[IncidentRecord]
) -> dict[int, str]:
    """Return since when each record was one person with a record of another part."""
    histories = unit.persons.memberships_of([record.record_id for record in records])
    joined = {
        record.record_id: _find_last_join(histories[record.record_id], record, incident.opened_commit)
        for record in records
    }
    begins: dict[int, int] = {}
    for record in records:
        others = [
            joined[other.record_id]
            for other in records
            if other.person_id == record.person_id and other.part != record.part
        ]
        if others:
            begins[record.record_id] = max(joined[record.record_id], min(others))
    times = {number: at for number, (at, _, _) in unit.commit_info(set(begins.values())).items()}
    return {record: times[number] for record, number in begins.items() if number in times}


def _find_last_join(history: Sequence[Membership], record: IncidentRecord, parted: int) -> int:
    """Return the commit in which a record came to the person."""
    return max(
        (
            membership.from_commit
            for membership in history
            if membership.person_id == record.person_id and membership.from_commit < parted
        ),
        default=parted,
    )


def _find_changed(records: Collection[IncidentRecord]) -> set[int]:
    """Return the records that got another enterprise ID."""
    return {record.record_id for record in records if record.part != record.person_id}
