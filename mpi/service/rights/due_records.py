"""Records whose retention has ended, by the rule of their source."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.policy.agreement import AgreementState
from mpi.policy.cases.retention import RetentionBegin, find_due_day, find_last_exit
from mpi.policy.cases.subject_rights import SourceRule
from mpi.service.agreements.terms import find_terms
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.legal_holds import find_kept_records
from mpi.service.rights.cases import ACTIONS, require_handler
from mpi.service.rights.source_rules import read_rules
from mpi.standardize.fields.dates import to_iso_day
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

MAX_SHOWN = 100
"""Most records that a list of what is due names."""
_DATED_FIELDS = frozenset({"enrollments", "placements"})


@dataclass(frozen=True, slots=True)
class RetentionView:
    """What is due of one source.

    Args:
        source: code of the source.
        rule: the retention rule in words.
        due: number of records that are due and may be destroyed.
        held: number of records that are due and that a legal hold or an open case keeps.
        local_ids: local IDs of records that are due, at most ``MAX_SHOWN``; empty where only counted.
    """

    source: str
    rule: str
    due: int
    held: int
    local_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DueRecords:
    """Due records of a source, and those that something keeps."""

    free: frozenset[int]
    kept: frozenset[int]


def list_retention(index: Index, viewer: Viewer) -> list[RetentionView]:
    """Return what is due of each source that the viewer handles.

    Raises:
        AccessDenied: the viewer may neither plan nor approve destruction.
    """
    require_handler(viewer)
    views = []
    with index.database.read(viewer) as unit:
        rules = read_rules(unit)
        for source in unit.sources.all():
            if any(is_allowed_on(viewer, action, source.code) for action in ACTIONS):
                due = find_due_records(unit, source, rules[source.id])
                rule = describe_rule(rules[source.id])
                views.append(RetentionView(source.code, rule, len(due.free), len(due.kept)))
    return views


def show_due(index: Index, viewer: Viewer, source_code: str) -> RetentionView:
    """Return what is due of one source, with local IDs.

    Raises:
        NotFoundError: there is no such source.
        AccessDenied: the viewer may not plan destruction of this source.
    """
    require_permission(viewer, Action.RIGHTS_MANAGE, source_code)
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        rule = read_rules(unit)[source.id]
        due = find_due_records(unit, source, rule)
        shown = sorted(due.free)[:MAX_SHOWN]
        labels = unit.records.labels(shown)
    if shown:
        disclose(index, viewer, Action.RIGHTS_MANAGE, shown, ("source", "local_id"))
    local_ids = tuple(sorted(label.local_id for label in labels.values()))
    return RetentionView(source.code, describe_rule(rule), len(due.free), len(due.kept), local_ids)


def describe_rule(rule: SourceRule) -> str:
    """Return a retention rule in words, as the certificate states it."""
    if rule.retention_days is None:
        return "kept without end"
    begins = {
        RetentionBegin.EXIT: "the last exit",
        RetentionBegin.LAST_SENT: "the last statement of the source",
        RetentionBegin.AGREEMENT_END: f"the end of agreement {rule.retention_agreement}",
    }[RetentionBegin(rule.retention_begins)]
    return f"{rule.retention_days} days after {begins}"


def require_retention(rule: SourceRule) -> None:
    """Refuse a plan for a source without a retention.

    Raises:
        ConflictError: its records are kept.
    """
    if rule.retention_days is None:
        raise ConflictError("this source has no retention: its records are kept (see mpi rights rule)")


def find_due_records(unit: ReadUnit, source: Source, rule: SourceRule) -> DueRecords:
    """Return the records of a source whose retention has ended."""
    if rule.retention_days is None:
        return DueRecords(frozenset(), frozenset())
    records = unit.records.ids_of_source(source.id, (RecordState.ACTIVE, RecordState.WITHDRAWN))
    due: set[int] = set()
    for page in iter_chunks(records):
        due |= find_due_among(unit, rule, page)
    kept = find_kept_records(unit, due)
    return DueRecords(frozenset(due - kept), frozenset(kept))


def find_due_among(unit: ReadUnit, rule: SourceRule, record_ids: Collection[int]) -> set[int]:
    """Return those of some records whose retention has ended by today."""
    today = clock.now().date()
    stored = {
        number: record
        for number, record in unit.records.get(record_ids).items()
        if record.state in (RecordState.ACTIVE, RecordState.WITHDRAWN)
    }
    begins = RetentionBegin(rule.retention_begins)
    if begins is RetentionBegin.AGREEMENT_END:
        due = find_due_day(rule.retention_days, _find_agreement_end(unit, rule.retention_agreement, today))
        return set(stored) if due is not None and due <= today else set()
    exits = _find_exits(unit, stored) if begins is RetentionBegin.EXIT else {}
    due_records = set()
    for number, record in stored.items():
        is_by_exit = number in exits
        begun = exits[number] if is_by_exit else date.fromisoformat(record.last_seen[:10])
        due = find_due_day(rule.retention_days, begun)
        if due is not None and due <= today:
            due_records.add(number)
    return due_records


def _find_exits(unit: ReadUnit, records: Collection[int]) -> dict[int, date | None]:
    """Return each active record's last exit; None while one is open."""
    exits: dict[int, date | None] = {}
    for number, (_, payload) in unit.record_versions.payloads(records).items():
        record = record_from_bytes(payload, _DATED_FIELDS)
        ends = [to_iso_day(enrollment.exit_date) for enrollment in record.enrollments]
        ends += [to_iso_day(placement.end) for placement in record.placements]
        exits[number] = find_last_exit(ends)
    return exits


def _find_agreement_end(unit: ReadUnit, code: str | None, today: date) -> date | None:
    """Return the day on which an agreement ended, or None."""
    terms = find_terms(unit, code or "", today)
    if terms is None or terms.state(today) not in (AgreementState.ENDED, AgreementState.EXPIRED):
        return None
    return terms.ended_on or terms.ends
