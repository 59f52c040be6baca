"""Report about a child: what is linked, and who received it.

The report is the one of an index without the records that it may not tell of. A record of another source
stands in it only if it is linked to the child's own by what is left when every other record is taken away. A
line of the ledger stands in it only if every record that it names may be told, and its receiver too.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError
from mpi.domain.record import CanonicalRecord
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.cases.subject_rights import (
    INSPECTED_FIELDS,
    INSPECTED_ITEMS,
    INSPECTED_POPULATIONS,
    OWN_INSPECTED_FIELDS,
    OWN_INSPECTED_ITEMS,
    CaseKind,
    Check,
    Inspection,
    RightsState,
    SourceRule,
    check_person,
    list_missing_checks,
    require_holder_of_rights,
)
from mpi.service.core.confidential_addresses import has_confidential_address
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.rights.cases import RightsCase, add_step, get_case, require_second_person, require_state
from mpi.service.rights.record_values import find_birth_day, read_record
from mpi.service.rights.source_rules import read_rules
from mpi.standardize.serialization import record_from_bytes, to_canonical_fields
from mpi.storage.repositories.access.disclosure_search import DisclosureFilter
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.rosters.child_items import StoredItem
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import ReadUnit

RELEASE = "rights.release"
"""Kind of request on the disclosure ledger."""
OPERATOR_OFFICE = "the office that runs the index"
"""Receiver of lines of callers who act for no agency."""
MAX_LINES = 2_000
"""Most lines of the ledger in one report; the newest are kept."""
WHEREABOUTS_NOTICE = (
    "Addresses, telephone numbers, e-mail, caregivers, households and placements are in no report of this "
    "index. The agency that keeps a record shows what its own law permits."
)
COMPLETENESS_NOTICE = (
    "This report may leave out records, values and disclosures that the law does not permit to be told. It "
    "does not say whether there are any."
)
NOTICES = (WHEREABOUTS_NOTICE, COMPLETENESS_NOTICE)
"""Sentences that stand on every report, whatever it holds."""


@dataclass(frozen=True, slots=True)
class ReportedItem:
    """An item of a child in care, as its source states it.

    Args:
        kind: what it is, such as ``best_interest_decision``.
        as_of: latest day for which the source stated it.
        values: the values that may be inspected, by column of the file.
    """

    kind: str
    as_of: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReportedRecord:
    """A record of the child in a report.

    Args:
        source: code of its source.
        agency: agency that keeps it.
        local_id: its local ID.
        law: the law that lets it be inspected.
        values: the fields that may be inspected and have a value.
        statements: what was attached to it, oldest first.
        items: items of a child in care that its source states, by kind.
    """

    source: str
    agency: str
    local_id: str
    law: str
    values: Mapping[str, Any]
    statements: tuple[str, ...]
    items: tuple[ReportedItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportedDisclosure:
    """Disclosure of the child's records (34 CFR 99.32 [K]).

    Args:
        day: day on which the answer left.
        receiver: agency that received it.
        purpose: code of the purpose of use; None where the call named none.
        agreement: code of the agreement that the receiver acted under.
        in_list: whether the child may have been in a list of many children.
        fields: the inspected fields that the answer held.
    """

    day: str
    receiver: str
    purpose: str | None
    agreement: str | None
    in_list: bool
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubjectReport:
    """What is linked to a child, and who received it.

    Args:
        code: code of the case.
        source: code of the source to which the request was made.
        released_on: day of the release.
        released_by: name of the person who released it.
        records: the records, the asked one first.
        disclosures: newest first.
        notices: sentences that stand on every report.
    """

    code: str
    source: str
    released_on: str
    released_by: str
    records: tuple[ReportedRecord, ...]
    disclosures: tuple[ReportedDisclosure, ...]
    notices: tuple[str, ...] = NOTICES


def release_report(
    index: Index, viewer: Viewer, code: str, checks: Collection[Check], released_by: str
) -> SubjectReport:
    """Release the report of a case, as the second person.

    Each release is on the ledger, also a repeated one.

    Args:
        index: the open index.
        viewer: who releases it; not who opened the case.
        code: code of the case.
        checks: what the second person attests.
        released_by: name of the person who releases it.

    Raises:
        NotFoundError: there is no such case that the viewer may decide.
        ConflictError: the viewer opened it, it is refused, a check is missing, the rights are another
            person's, or the record is no longer there.
        InputError: the name is wrong.
        StoreError: the ledger cannot be written; nothing is answered.
        AccessDenied: the viewer may not decide cases.
    """
    require_permission(viewer, Action.RIGHTS_DECIDE)
    name = check_person("released_by", released_by)
    with index.database.write(viewer, "rights-release") as unit:
        is_repeated = find_stored_answer(unit, index) is not None
        case = get_case(unit, index, Action.RIGHTS_DECIDE, code, CaseKind.INSPECT)
        require_state(case, RightsState.OPEN, RightsState.RELEASED)
        require_second_person(unit, case.stored.opened_commit)
        _require_release(unit, case, checks)
        report, record_ids = _build_report(unit, index, case, name)
        if not is_repeated:
            attested = sorted(check.value for check in checks)
            add_step(unit, code, "release", released_by=name, checks=attested)
            store_answer(unit, index, {"code": code}, record_ids)
    fields = {field for record in report.records for field in record.values}
    fields |= {item.kind for record in report.records for item in record.items}
    index.store.ledger.write(index.database, viewer, _make_line(viewer, code, record_ids, fields))
    return report


def _require_release(unit: ReadUnit, case: RightsCase, checks: Collection[Check]) -> None:
    """Refuse a release that check, age or seal forbids.

    Raises:
        ConflictError: says which.
    """
    if case.local_id is None:
        raise ConflictError("the record is no longer there: refuse the request")
    birth_day = find_birth_day(read_record(unit, case.stored.record_id))
    missing = list_missing_checks(checks, birth_day)
    if missing:
        raise ConflictError(f"checks: attest also {', '.join(check.value for check in missing)}")
    require_holder_of_rights(case.relation, birth_day, clock.now().date())


def _build_report(
    unit: ReadUnit, index: Index, case: RightsCase, released_by: str
) -> tuple[SubjectReport, tuple[int, ...]]:
    """Return the report of a case, and the numbers of its records."""
    sources = {source.code: source for source in unit.sources.all()}
    rules = read_rules(unit)
    labels = _find_told_records(unit, index, case, sources, rules)
    order = sorted(labels, key=lambda record: (record != case.stored.record_id, labels[record]))
    is_withheld = has_confidential_address(unit, order)
    statements: dict[int, list[str]] = {}
    for text in unit.rights_cases.texts(order):
        if text.kind == "statement":
            statements.setdefault(text.record_id, []).append(text.text)
    payloads = unit.record_versions.payloads(order)
    items: dict[int, list[StoredItem]] = {}
    for item in unit.child_items.current(set(order)):
        items.setdefault(item.record_id, []).append(item)
    records = []
    for record_id in order:
        source = sources[labels[record_id].source]
        shows_school = source.code == case.source and not is_withheld
        records.append(
            ReportedRecord(
                source=source.code,
                agency=source.agency,
                local_id=labels[record_id].local_id,
                law=rules[source.id].citation,
                values=_list_values(record_from_bytes(payloads[record_id][1]), shows_school=shows_school)
                if record_id in payloads
                else {},
                statements=tuple(statements.get(record_id, ())),
                items=tuple(_list_items(items.get(record_id, ()), shows_school=shows_school)),
            )
        )
    report = SubjectReport(
        code=case.code,
        source=case.source,
        released_on=clock.today(),
        released_by=released_by,
        records=tuple(records),
        disclosures=tuple(_list_disclosures(unit, frozenset(order), sources, rules)),
    )
    return report, tuple(sorted(order))


def _find_told_records(
    unit: ReadUnit,
    index: Index,
    case: RightsCase,
    sources: Mapping[str, Source],
    rules: Mapping[int, SourceRule],
) -> dict[int, RecordRef]:
    """Return the records of a report.

    They are linked to the asked one without any other record.
    """
    asked = case.stored.record_id
    person = unit.persons.current_persons([asked]).get(asked)
    members = [asked] if person is None else unit.persons.members([person])[person]
    told = {
        record: label
        for record, label in visible_labels(unit, {asked, *members}).items()
        if _may_be_told(rules[sources[label.source].id], is_own=label.source == case.source)
    }
    linked = _find_linked(unit, index, asked, told)
    return {record: label for record, label in told.items() if record in linked}


def _may_be_told(rule: SourceRule, *, is_own: bool) -> bool:
    return rule.inspection is Inspection.LINKED or (is_own and rule.inspection is Inspection.OWN)


def _find_linked(unit: ReadUnit, index: Index, asked: int, told: Collection[int]) -> set[int]:
    """Return the records linked to the asked one by told records."""
    bits = index.matcher.model.thresholds.link
    edges = unit.derived_data.edges_of(index.config_id(unit), told, bits)
    pairs = [pair for pair in edges if pair[0] in told and pair[1] in told]
    for decision in unit.decisions.of_records(told).values():
        is_same = decision.kind is DecisionKind.SAME and decision.status is DecisionStatus.IN_FORCE
        named = [record for group in decision.groups for record in group]
        if is_same and all(record in told for record in named):
            pairs.extend((named[0], record) for record in named[1:])
    linked = {asked}
    while grown := {record for pair in pairs if not linked.isdisjoint(pair) for record in pair} - linked:
        linked |= grown
    return linked


def _list_values(record: CanonicalRecord, *, shows_school: bool) -> dict[str, Any]:
    """Return the values of a record that a report may hold."""
    fields = INSPECTED_FIELDS | (OWN_INSPECTED_FIELDS if shows_school else frozenset())
    sent = to_canonical_fields(record)
    values = {name: value for name, value in sent.items() if name in fields and value not in (None, [], ())}
    flags = [flag for flag in _as_list(sent.get("flags")) if flag["population"] in INSPECTED_POPULATIONS]
    return {**values, **({"flags": flags} if flags else {})}


def _list_items(stored: Iterable[StoredItem], *, shows_school: bool) -> Iterator[ReportedItem]:
    """Yield the items of a record that may be reported, by kind."""
    columns = INSPECTED_ITEMS | (OWN_INSPECTED_ITEMS if shows_school else frozenset())
    for item in sorted(stored, key=lambda each: each.kind):
        values = {name: value for name, value in (item.value or {}).items() if name in columns and value}
        if values:
            yield ReportedItem(item.kind, item.as_of, values)


def _as_list(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _list_disclosures(
    unit: ReadUnit,
    records: frozenset[int],
    sources: Mapping[str, Source],
    rules: Mapping[int, SourceRule],
) -> Iterator[ReportedDisclosure]:
    """Yield the disclosures that may be told, newest first, at most ``MAX_LINES``."""
    told_sources = {
        code for code, source in sources.items() if rules[source.id].inspection is not Inspection.NONE
    }
    receivers = _Receivers(unit, sources, told_sources)
    wanted = DisclosureFilter(since="0", until=f"{date.max.isoformat()}~", record_ids=records)
    count = 0
    for chunk in unit.disclosure_search.iterate_filtered(wanted):
        named = {record for line in chunk for record in line.record_ids}
        labels = visible_labels(unit, named)
        tellable = {record for record, label in labels.items() if label.source in told_sources}
        for line in chunk:
            receiver = receivers.find(line.client)
            # A line that lost a destroyed record was hidden while it named it: it must not appear now.
            if receiver is None or line.lost_records or not tellable.issuperset(line.record_ids):
                continue
            yield _to_disclosure(line, receiver)
            count += 1
            if count >= MAX_LINES:
                return


def _to_disclosure(line: Disclosure, receiver: str) -> ReportedDisclosure:
    fields = [field for field in line.fields if field in INSPECTED_FIELDS | OWN_INSPECTED_FIELDS]
    return ReportedDisclosure(
        day=line.at[:10],
        receiver=receiver,
        purpose=line.purpose,
        agreement=line.agreement,
        in_list=line.handle is not None,
        fields=tuple(sorted(fields)),
    )


class _Receivers:
    """Agencies behind ledger lines that a report may tell."""

    def __init__(self, unit: ReadUnit, sources: Mapping[str, Source], told: Collection[str]) -> None:
        self._unit = unit
        self._sources = sources
        self._told = told
        self._found: dict[str, str | None] = {}

    def find(self, name: str) -> str | None:
        """Return a caller's agency; None where it may not be told."""
        if name not in self._found:
            self._found[name] = self._read(name)
        return self._found[name]

    def _read(self, name: str) -> str | None:
        granted = self._read_sources(name)
        if granted is None:
            return OPERATOR_OFFICE
        if not granted or not granted <= set(self._told):
            return None
        return ", ".join(sorted({self._sources[code].agency for code in granted}))

    def _read_sources(self, name: str) -> frozenset[str] | None:
        """Return a caller's sources; None for all, or the command line."""
        account = self._unit.accounts.find_by_name(name)
        if account is not None:
            return account.sources
        client = self._unit.clients.find_by_name(name)
        return None if client is None else client.client.sources


def _make_line(viewer: Viewer, code: str, record_ids: Sequence[int], fields: Collection[str]) -> Disclosure:
    """Return the ledger's line about a release, with the case as purpose."""
    return Disclosure(
        at=clock.format_timestamp(clock.now()),
        client=viewer.client,
        purpose=f"rights:{code}",
        action=RELEASE,
        record_ids=tuple(record_ids),
        fields=("source", "local_id", *sorted(fields), "disclosures"),
        agreement=viewer.agreement,
    )
