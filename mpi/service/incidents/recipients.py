"""Who was told of records while they were linked wrongly.

A recipient counts if it was told of records of two parts, or of one record whose enterprise ID has changed
since. Others were told nothing that the link had made wrong.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.ledger.line_hash import REDACT_ACTION
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.service.core.visibility import visible_labels
from mpi.service.incidents.parts import is_told_wrongly
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


@dataclass(frozen=True, slots=True)
class _Window:
    """Time in which records were linked wrongly.

    Args:
        begins: since when each record was (ISO, UTC).
        end: when the last answer may have left that was computed before the link ended (ISO, UTC).
        maker: who ended it; None where that happened in a scope, of whose people this index knows nobody.
    """

    begins: Mapping[int, str]
    end: str
    maker: str | None

    def covers(self, record: int, line: Disclosure) -> bool:
        """Return whether a line told of a record while it was linked."""
        begin = self.begins.get(record)
        return begin is not None and begin <= line.at <= self.end and line.client != self.maker


def find_incident_recipients(
    unit: ReadUnit, incident: StoredIncident, records: Sequence[IncidentRecord]
) -> list[Recipient]:
    """Return who was told of an incident's records while linked.

    If the same records were parted before, and that was undone, the time before counts too: nobody was
    corrected for good. Who made the step that parted them is left out.

    Args:
        unit: the transaction of a viewer of all sources.
        incident: the incident.
        records: its records, with the parts in which they are now.
    """
    labels = visible_labels(unit, [record.record_id for record in records])
    visible = [record for record in records if record.record_id in labels]
    windows = [
        _build_window(unit, parted, parted_records)
        for parted, parted_records in [*_find_reversed(unit, incident, visible), (incident, visible)]
    ]
    begins = [begin for window in windows for begin in window.begins.values()]
    if not begins:
        return []
    told_records = {record for window in windows for record in window.begins}
    sources_of = {client.name: client.sources for client, _, _ in unit.clients.all_with_commits()}
    recipients: dict[str, Recipient] = {}
    for line in unit.disclosure_search.about_records(min(begins), told_records):
        if line.action in _OVERSIGHT:
            continue
        told = {
            record
            for record in _find_told(line, labels, sources_of.get(line.client))
            if any(window.covers(record, line) for window in windows)
        }
        if told:
            _add(recipients, line, told)
    return [
        recipient
        for _, recipient in sorted(recipients.items())
        if is_told_wrongly(recipient.record_ids, records)
    ]


def _find_reversed(
    unit: ReadUnit, incident: StoredIncident, records: Sequence[IncidentRecord]
) -> list[tuple[StoredIncident, list[IncidentRecord]]]:
    """Return earlier incidents of the same records that were reversed.

    Each comes with those of its records, in the parts in which they are now.
    """
    part_of = {record.record_id: record.part for record in records}
    related = unit.incidents.about_records(part_of)
    reversed_codes = {each.reverses for each in related}
    earlier = [
        each
        for each in related
        if each.opened_commit < incident.opened_commit
        and each.reverses is None
        and (each.reversed_commit is not None or each.code in reversed_codes)
    ]
    records_by_code = unit.incidents.records_of(each.code for each in earlier)
    return [
        (
            each,
            [
                replace(record, part=part_of[record.record_id])
                for record in records_by_code[each.code]
                if record.record_id in part_of
            ],
        )
        for each in earlier
    ]


def _build_window(unit: ReadUnit, incident: StoredIncident, records: Sequence[IncidentRecord]) -> _Window:
    [(parted_at, maker, _)] = unit.commit_info({incident.opened_commit}).values()
    return _Window(
        begins=_find_begins(unit, incident, records),
        end=clock.format_timestamp(datetime.fromisoformat(parted_at) + GRACE),
        maker=maker if incident.scope is None else None,
    )


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
    """Return since when each record was linked to another part."""
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
