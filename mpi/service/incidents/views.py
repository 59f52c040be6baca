"""Incidents as privacy officers read them: state, parts, recipients and clock."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.policy.agreement import Clock, choose_terms
from mpi.policy.cases.incident_clock import find_deadline
from mpi.policy.cases.subject_rights import Deadline
from mpi.service.agreements.terms import build_versions
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.incidents.parts import are_joined_again, regroup
from mpi.service.incidents.recipients import Recipient, find_incident_recipients
from mpi.storage.repositories.access.incidents import IncidentRecord, StoredCorrection, StoredIncident
from mpi.storage.unit_of_work.units import ReadUnit

BREACH_CLOCK = "breach_notice"
"""Name of the clock of an agreement within which recipients are told of a wrong link."""
CLOSE_COMMIT = "incident-close"
"""Kind of the commits in which privacy officers close incidents."""


class IncidentState(StrEnum):
    """How far an incident is."""

    OPEN = "open"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REVERSED = "reversed"
    """Its records are one person again: nothing is to be sent, and it waits to be closed."""
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
        withdrawn_at: from when on the correction holds no longer (ISO, UTC); None while it holds.
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
    withdrawn_at: str | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether the recipient is still to acknowledge its correction."""
        return self.acknowledged_at is None and self.withdrawn_at is None


@dataclass(frozen=True, slots=True)
class Incident:
    """A wrong link that was found, or a reversal of its corrections.

    Args:
        code: code of the incident.
        state: its state.
        kind: kind of the step that parted the records, or made them one person again.
        opened_at: when it did (ISO, UTC).
        opened_by: who made the step; who ran the sync where it was made in a scope.
        scope: code of the scope in which the step was made; None where it was made in this index.
        parts: records of each part, as far as they are visible.
        recipients: who was told because of the link, by name.
        deadline: the clock that runs; None where none does.
        closed_by: name of the person who closed it.
        closed_at: when it was closed (ISO, UTC).
        note: why it is closed.
        reversed_at: when its records became one person again (ISO, UTC); None where they are apart.
        reversed_by: who made the step that did, or ran the sync of its scope; None where no step did.
        reverses: code of the incident whose corrections it reverses; None for a wrong link.
    """

    code: str
    state: IncidentState
    kind: str
    opened_at: str
    opened_by: str
    scope: str | None
    parts: tuple[tuple[RecordRef, ...], ...]
    recipients: tuple[Notified, ...]
    deadline: Deadline | None
    closed_by: str | None
    closed_at: str | None
    note: str | None
    reversed_at: str | None
    reversed_by: str | None
    reverses: str | None

    @property
    def waiting_count(self) -> int:
        """Number of recipients that are still to acknowledge."""
        return sum(recipient.is_waiting for recipient in self.recipients)

    def as_dict(self) -> dict[str, Any]:
        """Return the incident as plain values for JSON."""
        today = clock.now().date()
        deadline = self.deadline
        return {
            **asdict(self),
            "clock": None if deadline is None else deadline.name,
            "due": None if deadline is None else deadline.due.isoformat(),
            "days_left": None if deadline is None else deadline.days_left(today),
            "notice": None if deadline is None else deadline.find_notice(today),
        }


def build_incidents(
    unit: ReadUnit, index: Index, stored: Sequence[StoredIncident]
) -> tuple[list[Incident], frozenset[int]]:
    """Return incidents as a privacy officer reads them, and their records.

    Args:
        unit: the transaction of a viewer of all sources.
        index: the open index.
        stored: the incidents.
    """
    builder = _IncidentBuilder(unit, index, stored)
    return [builder.build(each) for each in stored], frozenset(builder.labels)


def find_agreement_days(
    unit: ReadUnit, incident: StoredIncident, recipients: Collection[Recipient]
) -> list[date]:
    """Return the last days for notices under the recipients' agreements.

    They count from the day of the separation.
    """
    [(opened_at, _, _)] = unit.commit_info({incident.opened_commit}).values()
    opened, today = _to_day(opened_at), clock.now().date()
    return [
        opened + timedelta(days=each.days)
        for code in sorted({each.agreement for each in recipients if each.agreement is not None})
        for each in _read_clocks(unit, code, today)
        if each.name == BREACH_CLOCK
    ]


class _IncidentBuilder:
    """Builds incidents from what is stored, read at once for all.

    Attributes:
        labels: source and local ID of the visible records, by number.
    """

    def __init__(self, unit: ReadUnit, index: Index, stored: Sequence[StoredIncident]) -> None:
        self._unit = unit
        self._days = index.settings.incident_days
        self._records = unit.incidents.records_of(each.code for each in stored)
        self._sent = unit.incidents.corrections_of(each.code for each in stored)
        record_ids = {record.record_id for records in self._records.values() for record in records}
        self.labels = visible_labels(unit, record_ids)
        self._persons = unit.persons.current_persons(record_ids)
        self._commits = unit.commit_info(self._list_commits(stored))

    def build(self, stored: StoredIncident) -> Incident:
        """Return one of the incidents as a privacy officer reads it."""
        records = self._records[stored.code]
        if stored.closed_commit is None:
            records = regroup(records, self._persons)
        is_reversed = stored.reverses is None and (
            stored.reversed_commit is not None or are_joined_again(records)
        )
        told = (
            find_incident_recipients(self._unit, stored, records)
            if stored.sent_commit is None and not is_reversed
            else []
        )
        recipients = (
            tuple(self._to_notified(recipient) for recipient in told)
            if stored.sent_commit is None
            else tuple(
                self._to_informed(correction)
                for correction in sorted(self._sent[stored.code], key=lambda correction: correction.client)
            )
        )
        state = _find_state(stored, recipients, is_reversed=is_reversed)
        return Incident(
            code=stored.code,
            state=state,
            kind=stored.kind,
            opened_at=self._commits[stored.opened_commit][0],
            opened_by=self._commits[stored.opened_commit][1],
            scope=stored.scope,
            parts=self._list_parts(records),
            recipients=recipients,
            deadline=self._find_deadline(stored, state, told),
            closed_by=stored.closed_by,
            closed_at=self._find_time(stored.closed_commit),
            note=stored.note,
            reversed_at=self._find_time(stored.reversed_commit),
            reversed_by=self._find_maker(stored.reversed_commit),
            reverses=stored.reverses,
        )

    def _list_commits(self, stored: Iterable[StoredIncident]) -> set[int]:
        numbers = {
            number
            for each in stored
            for number in (each.opened_commit, each.sent_commit, each.closed_commit, each.reversed_commit)
        }
        numbers |= {
            number
            for corrections in self._sent.values()
            for each in corrections
            for number in (each.acknowledged_commit, each.withdrawn_commit)
        }
        return {number for number in numbers if number is not None}

    def _find_maker(self, commit_no: int | None) -> str | None:
        """Return who made a commit's step; None if it was a closing."""
        if commit_no is None or self._commits[commit_no][2] == CLOSE_COMMIT:
            return None
        return self._commits[commit_no][1]

    def _find_time(self, commit_no: int | None) -> str | None:
        return None if commit_no is None else self._commits[commit_no][0]

    def _find_deadline(
        self, stored: StoredIncident, state: IncidentState, told: Collection[Recipient]
    ) -> Deadline | None:
        """Return the clock that runs; None where nobody is told."""
        opened = _to_day(self._commits[stored.opened_commit][0])
        if state is IncidentState.OPEN and told:
            return find_deadline(self._days, opened, None, find_agreement_days(self._unit, stored, told))
        if state is IncidentState.SENT and stored.sent_commit is not None:
            sent = _to_day(self._commits[stored.sent_commit][0])
            agreement_days = [] if stored.due is None else [date.fromisoformat(stored.due)]
            return find_deadline(self._days, opened, sent, agreement_days)
        return None

    def _list_parts(self, records: Iterable[IncidentRecord]) -> tuple[tuple[RecordRef, ...], ...]:
        parts: dict[int, list[RecordRef]] = {}
        for record in records:
            if record.record_id in self.labels:
                parts.setdefault(record.part, []).append(self.labels[record.record_id])
        return tuple(_sort(refs) for _, refs in sorted(parts.items()))

    def _to_notified(self, recipient: Recipient) -> Notified:
        return Notified(
            client=recipient.client,
            agreement=recipient.agreement,
            since=recipient.since,
            until=recipient.until,
            answers=recipient.answers,
            records=_list_refs(recipient.record_ids, self.labels),
            fields=tuple(sorted(recipient.fields)),
        )

    def _to_informed(self, sent: StoredCorrection) -> Notified:
        return Notified(
            client=sent.client,
            agreement=sent.agreement,
            since=sent.since,
            until=sent.until,
            answers=sent.answers,
            records=_list_refs(sent.record_ids, self.labels),
            acknowledged_at=self._find_time(sent.acknowledged_commit),
            acknowledged_by=sent.acknowledged_by,
            withdrawn_at=self._find_time(sent.withdrawn_commit),
        )


def _find_state(
    stored: StoredIncident, recipients: Iterable[Notified], *, is_reversed: bool
) -> IncidentState:
    if stored.closed_commit is not None:
        return IncidentState.CLOSED
    if is_reversed:
        return IncidentState.REVERSED
    if stored.sent_commit is None:
        return IncidentState.OPEN
    if any(recipient.is_waiting for recipient in recipients):
        return IncidentState.SENT
    return IncidentState.ACKNOWLEDGED


def _list_refs(record_ids: Iterable[int], labels: Mapping[int, RecordRef]) -> tuple[RecordRef, ...]:
    return _sort(labels[record] for record in record_ids if record in labels)


def _sort(refs: Iterable[RecordRef]) -> tuple[RecordRef, ...]:
    return tuple(sorted(refs, key=lambda ref: (ref.source, ref.local_id)))


def _to_day(moment: str) -> date:
    return datetime.fromisoformat(moment).date()


def _read_clocks(unit: ReadUnit, code: str, today: date) -> Collection[Clock]:
    history = unit.agreements.find(code)
    terms = None if history is None else choose_terms(build_versions(history), today)
    return () if terms is None else terms.clocks
