"""The golden record of a person, computed when it is read.

It is made from the records that the viewer may see, so two viewers may get different values. Nothing is
stored.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain import eid as eids
from mpi.domain.record_ref import RecordRef
from mpi.domain.survivorship.attributes import (
    MULTI_VALUE_ATTRIBUTES,
    NAME_PARTS,
    NAME_RULE,
    SINGLE_VALUE_ATTRIBUTES,
)
from mpi.domain.survivorship.name_choice import choose_name
from mpi.domain.survivorship.value_choice import choose_all_values, choose_value
from mpi.domain.survivorship.values import StatedValue, SurvivingValue
from mpi.domain.viewer import Action, StatedPopulations, Viewer, is_own_source, require_permission
from mpi.service.core.confidential_addresses import are_record_whereabouts_withheld, has_confidential_address
from mpi.service.core.disclosure import build_disclosure
from mpi.service.core.disclosure_consents import read_consents
from mpi.service.core.index import Index
from mpi.service.core.minimization import find_populations, may_hold_value
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import may_undo
from mpi.service.persons.attribute_values import (
    CONTACT_ATTRIBUTES,
    WHEREABOUTS_ATTRIBUTES,
    ValueOrigin,
    read_attribute_values,
)
from mpi.service.persons.child_conditions import UNKNOWN_ID, make_not_found
from mpi.service.persons.person_status import find_visible_status
from mpi.service.statements.correction_records import Correction, find_corrections
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import Person
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class OtherValue:
    """A value of an attribute not chosen for the golden record.

    Unpacks as the value and the record that states it.
    """

    value: Any
    record: RecordRef

    def __iter__(self) -> Iterator[Any]:
        return iter((self.value, self.record))


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """Maker, time and reason of a steward's correction of a golden-record value.

    Args:
        by: name of the steward.
        at: time of the correction (ISO, UTC).
        reason: reason code.
        evidence: evidence in words; None where it may not be shown.
        step: number of the steward's step, with which the correction can be undone.
    """

    by: str
    at: str
    reason: str
    evidence: str | None
    step: int | None


@dataclass(frozen=True, slots=True)
class GoldenValue:
    """A chosen value of the golden record.

    Args:
        attribute: canonical field, or ``birth_place`` for city, state and country of birth.
        value: text, yes or no, or an object of canonical fields.
        record: the record that states it.
        as_of: when that record was true at its source.
        rule: why it was chosen: a code of ``mpi.domain.survivorship.values.SelectionReason``.
        agreeing: other records that state the same value.
        others: other values, in order of preference.
        correction: what a steward stated with it, if it is a correction.
    """

    attribute: str
    value: Any
    record: RecordRef
    as_of: str
    rule: str
    agreeing: tuple[RecordRef, ...] = ()
    others: tuple[OtherValue, ...] = ()
    correction: CorrectionView | None = None


@dataclass(frozen=True, slots=True)
class GoldenRecord:
    """The golden record of a person, as one viewer may see it.

    Args:
        enterprise_id: the ID asked for, as written.
        status: ``active``, ``retired`` or ``empty``; only an active person has values.
        now: the IDs that hold its records today.
        values: chosen values by attribute; every value of a list, current ones first.
        etag: tag of what was read, for a correction's ``If-Match``.
    """

    enterprise_id: str
    status: str
    now: tuple[str, ...]
    values: tuple[GoldenValue, ...]
    etag: str


def look_up_golden_record(index: Index, viewer: Viewer, text: str) -> GoldenRecord:
    """Return the golden record of a person, from visible records.

    If one of the records has a confidential address or a protective order, no address, phone or e-mail of the
    person is shown, nor that one exists. Nor are school, caregivers, household and placements, except from
    records of the viewer's own sources.

    Args:
        index: the open index.
        viewer: who asks.
        text: the enterprise ID as typed.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the ID was never minted here, or holds nothing that the viewer may see.
        AccessDenied: the viewer may not read persons and records.
    """
    require_permission(viewer, Action.PERSON_READ)
    require_permission(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        read = read_golden_record(unit, index, text)
    index.store.ledger.write(index.database, viewer, read.disclosure)
    return read.record


@dataclass(frozen=True, slots=True)
class GoldenRecordRead:
    """A golden record, with the ledger line to write before it leaves."""

    record: GoldenRecord
    disclosure: Disclosure


def read_golden_record(unit: ReadUnit, index: Index, text: str) -> GoldenRecordRead:
    """Return the golden record of a person, without writing its ledger line.

    Args:
        unit: the transaction of a viewer who may read persons and records.
        index: the open index.
        text: the enterprise ID as typed.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the ID was never minted here, or holds nothing that the viewer may see.
    """
    person = unit.persons.find_by_eid(eids.parse_eid(text))
    visible_status = None if person is None else find_visible_status(unit, person)
    if person is None or visible_status is None:
        raise make_not_found(unit.viewer, UNKNOWN_ID)
    built = build_golden_record(unit, index, person)
    now = sorted(holder.eid for holder in unit.persons.by_ids(visible_status.holders).values())
    record = GoldenRecord(
        enterprise_id=person.eid,
        status=visible_status.status,
        now=tuple(now),
        values=built.values,
        etag=built.etag,
    )
    fields = ("now", *dict.fromkeys(value.attribute for value in record.values))
    return GoldenRecordRead(
        record, build_disclosure(unit.viewer, Action.PERSON_READ, built.record_ids, fields)
    )


def has_withheld_whereabouts(index: Index, viewer: Viewer, text: str) -> bool:
    """Return whether any visible record of a person withholds its whereabouts.

    A page that shows some of the records shows no whereabouts then, as if it showed all.

    Args:
        index: the open index.
        viewer: who asks.
        text: the enterprise ID as typed.

    Raises:
        EidError: the text is not an enterprise ID.
    """
    with index.database.read(viewer) as unit:
        person = unit.persons.find_by_eid(eids.parse_eid(text))
        members = [] if person is None else unit.persons.members([person.id])[person.id]
        return bool(members) and has_confidential_address(unit, members[:1])


@dataclass(frozen=True, slots=True)
class BuiltGoldenRecord:
    """A golden record with the records it was built from.

    Args:
        values: values as they are shown.
        current_values: the chosen value of each single-value attribute that has one.
        corrected_records: record that each correction corrects, by the correction's record number.
        record_ids: every record that the golden record was built from.
        member_ids: the person's own records among them.
        etag: tag of what was read.
    """

    values: tuple[GoldenValue, ...]
    current_values: Mapping[str, StatedValue]
    corrected_records: Mapping[int, int]
    record_ids: frozenset[int]
    member_ids: tuple[int, ...]
    etag: str


def build_golden_record(unit: ReadUnit, index: Index, person: Person) -> BuiltGoldenRecord:
    """Build a person's golden record from the records the viewer may see."""
    all_members = unit.persons.members([person.id])[person.id]
    members = visible_labels(unit, all_members)
    visible_corrections = find_corrections(unit, members)
    payloads = _read_payloads(unit, members, visible_corrections)
    labels = {**members, **visible_labels(unit, [correction.record for correction in visible_corrections])}
    populations = find_populations(unit, all_members)
    values_by_attribute = _collect_values(unit, index, payloads, populations)
    chosen = _choose_values(index, values_by_attribute)
    views = _correction_views(unit, visible_corrections)
    values = tuple(_to_golden_value(attribute, choice, labels, views) for attribute, choice in chosen)
    return BuiltGoldenRecord(
        values=values,
        current_values={
            attribute: choice.stated for attribute, choice in chosen if attribute in SINGLE_VALUE_ATTRIBUTES
        },
        corrected_records={correction.record: correction.corrected for correction in visible_corrections},
        record_ids=frozenset(payloads),
        member_ids=tuple(sorted(members)),
        etag=index.keyed_hash.to_token("golden", orjson.dumps([person.eid, values]).decode()),
    )


def _read_payloads(
    unit: ReadUnit, members: Iterable[int], visible_corrections: Iterable[Correction]
) -> dict[int, tuple[int, bytes]]:
    """Return source and stored content of a person's active records and corrections."""
    payloads = unit.record_versions.payloads(list(members))
    correction_records = unit.records.get([correction.record for correction in visible_corrections])
    versions = {
        correction.version_id: correction
        for correction in correction_records.values()
        if correction.version_id is not None
    }
    for version, payload in unit.record_versions.payloads_of_versions(list(versions)).items():
        payloads[versions[version].id] = (versions[version].source_id, payload)
    return payloads


def _collect_values(
    unit: ReadUnit,
    index: Index,
    payloads: Mapping[int, tuple[int, bytes]],
    populations: StatedPopulations,
) -> dict[str, list[StatedValue]]:
    """Return all attribute values that a person's records state, by attribute."""
    sources = {source.id: source for source in unit.sources.all()}
    keys = {record_id: record.canonical_key for record_id, record in unit.records.get(list(payloads)).items()}
    records = {record_id: record_from_bytes(payload) for record_id, (_, payload) in payloads.items()}
    consents = read_consents(unit, records)
    is_confidential = any(are_record_whereabouts_withheld(record) for record in records.values())
    values_by_attribute: dict[str, list[StatedValue]] = {}
    for record_id, record in records.items():
        source = sources[payloads[record_id][0]]
        withheld = _find_withheld_attributes(unit, source.code) if is_confidential else frozenset[str]()
        stated = populations | consents.get(record_id, frozenset())
        origin = ValueOrigin(record_id, keys[record_id], source.code, source.kind)
        for attribute, value in read_attribute_values(
            record, origin, index.settings.survivorship.verifying_systems
        ):
            if attribute not in withheld and may_hold_value(
                unit.viewer, source.code, attribute, value.value, stated
            ):
                values_by_attribute.setdefault(attribute, []).append(value)
    return values_by_attribute


def _find_withheld_attributes(unit: ReadUnit, source: str) -> frozenset[str]:
    """Return what golden records leave out for children with confidential whereabouts.

    Another agency's record of the child could reveal what one of them keeps confidential.
    """
    return CONTACT_ATTRIBUTES if is_own_source(unit.viewer, source) else WHEREABOUTS_ATTRIBUTES


def _choose_values(
    index: Index, values_by_attribute: Mapping[str, list[StatedValue]]
) -> list[tuple[str, SurvivingValue]]:
    rules = index.settings.survivorship.rules
    chosen = list(choose_name(values_by_attribute, rules[NAME_RULE]).items())
    for attribute in SINGLE_VALUE_ATTRIBUTES:
        if attribute in NAME_PARTS:
            continue
        choice = choose_value(values_by_attribute.get(attribute, ()), rules[attribute])
        if choice is not None:
            chosen.append((attribute, choice))
    day = clock.today()
    for attribute in MULTI_VALUE_ATTRIBUTES:
        chosen += [
            (attribute, choice)
            for choice in choose_all_values(values_by_attribute.get(attribute, ()), rules[attribute], day)
        ]
    return chosen


def _to_golden_value(
    attribute: str,
    chosen: SurvivingValue,
    labels: Mapping[int, RecordRef],
    correction_views: Mapping[int, CorrectionView],
) -> GoldenValue:
    value = chosen.stated
    return GoldenValue(
        attribute=attribute,
        value=value.value,
        record=labels[value.record],
        as_of=value.as_of,
        rule=chosen.reason.value,
        agreeing=tuple(labels[other_value.record] for other_value in chosen.agreeing),
        others=tuple(
            OtherValue(other_value.value, labels[other_value.record]) for other_value in chosen.others
        ),
        correction=correction_views.get(value.record),
    )


def _correction_views(unit: ReadUnit, visible_corrections: Iterable[Correction]) -> dict[int, CorrectionView]:
    decision_by_record = {correction.record: correction.decision for correction in visible_corrections}
    if not decision_by_record:
        return {}
    commits = unit.commit_info({decision.commit_no for decision in decision_by_record.values()})
    notes = unit.steps.notes([decision.id for decision in decision_by_record.values()])
    return {
        record: CorrectionView(
            by=commits[decision.commit_no][1],
            at=commits[decision.commit_no][0],
            reason=decision.reason,
            # Somebody else's note may describe hidden records.
            evidence="\n".join(notes.get(decision.id, ())) or None if may_undo(unit, decision) else None,
            step=decision.step_id,
        )
        for record, decision in decision_by_record.items()
    }
