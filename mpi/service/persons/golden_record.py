"""The golden record: what is known of a person, each value with the record that it is of. Computed on read.

It is made over the records that the viewer may see and no others, so a value that stands for one reader may
be another for the next. Nothing of it is stored.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain import eid as eids
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.survivorship import (
    MULTI_VALUE_ATTRIBUTES,
    SINGLE_VALUE_ATTRIBUTES,
    StatedValue,
    SurvivingValue,
    choose_all_values,
    choose_value,
)
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import may_undo
from mpi.service.persons.attribute_values import CONFIDENTIAL_ATTRIBUTES, ValueOrigin, read_attribute_values
from mpi.service.persons.person_status import find_visible_status
from mpi.service.statements.correction_records import Correction, find_corrections
from mpi.standardize.address.addresses import is_confidential
from mpi.standardize.payload import record_from_bytes
from mpi.storage.repositories.persons.persons import Person
from mpi.storage.unit_of_work.unit import ReadUnit

UNKNOWN_ID = "this index never gave out that enterprise ID"


@dataclass(frozen=True, slots=True)
class OtherValue:
    """Another value of an attribute, and the record that states it; unpacks as these two."""

    value: Any
    record: RecordRef

    def __iter__(self) -> Iterator[Any]:
        return iter((self.value, self.record))


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """What a steward said when correcting a value.

    Args:
        by: who.
        at: when.
        reason: its maker's code.
        evidence: what it rests on, in words; None where it may not be shown.
        step: the step by which it is undone.
    """

    by: str
    at: str
    reason: str
    evidence: str | None
    step: int | None


@dataclass(frozen=True, slots=True)
class GoldenValue:
    """A value that stands.

    Args:
        attribute: canonical field, or ``birth_place`` for city, state and country of birth.
        value: text, yes or no, or an object of canonical fields.
        record: the record that it is of.
        as_of: when that record was true at its source.
        rule: why it stands: a code of ``mpi.domain.survivorship.SelectionReason``.
        agreeing: other records that state the same.
        others: other values, in the order in which they would stand without this one.
        correction: where it is a steward's, what was said with it.
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
    """What is known of a person, as a viewer may know it.

    Args:
        enterprise_id: the ID asked for, as written.
        status: ``active``, ``retired`` or ``empty``; only an active person has values.
        now: the IDs that hold its records today.
        values: the values that stand, by attribute; of a list every one, current ones first.
        etag: names what was read, for a correction's ``If-Match``.
    """

    enterprise_id: str
    status: str
    now: tuple[str, ...]
    values: tuple[GoldenValue, ...]
    etag: str


def look_up_golden_record(index: Index, viewer: Viewer, text: str) -> GoldenRecord:
    """What is known of a person, over the records that the viewer may see.

    Where one of these says that the child's address is confidential, no address and no telephone of any of
    them is told, nor that there is one.

    Args:
        index: the open index.
        viewer: who asks.
        text: the enterprise ID as typed.

    Raises:
        EidError: it is not an enterprise ID.
        NotFoundError: it was never minted here, or holds nothing that the viewer may know of.
        AccessDenied: the viewer may not read persons and records.
    """
    require_permission(viewer, Action.PERSON_READ)
    require_permission(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        found = unit.persons.find_by_eid(eids.parse_eid(text))
        seen = None if found is None else find_visible_status(unit, found)
        if found is None or seen is None:
            raise NotFoundError(UNKNOWN_ID)
        read = build_golden_record(unit, index, found)
        now = sorted(holder.eid for holder in unit.persons.by_ids(seen.holders).values())
        record = GoldenRecord(found.eid, seen.status, tuple(now), read.values, read.etag)
    attributes = dict.fromkeys(value.attribute for value in record.values)
    disclose(index, viewer, Action.PERSON_READ, read.record_ids, ("now", *attributes))
    return record


@dataclass(frozen=True, slots=True)
class BuiltGoldenRecord:
    """A golden record as it is made.

    Args:
        values: as they are shown.
        current_values: the value that stands, of those attributes of which one does.
        corrected_records: the record that a correction is bound to, by the correction's record.
        record_ids: every record that it was made from.
        member_ids: the person's own records among them.
        etag: names what was read.
    """

    values: tuple[GoldenValue, ...]
    current_values: Mapping[str, StatedValue]
    corrected_records: Mapping[int, int]
    record_ids: frozenset[int]
    member_ids: tuple[int, ...]
    etag: str


def build_golden_record(unit: ReadUnit, index: Index, person: Person) -> BuiltGoldenRecord:
    """Make a person's golden record for the viewer of a transaction."""
    members = visible_labels(unit, unit.persons.members([person.id])[person.id])
    corrected = find_corrections(unit, members)
    payloads = _read_payloads(unit, members, corrected)
    labels = {**members, **visible_labels(unit, [one.record for one in corrected])}
    said = _collect_values(unit, index, payloads)
    chosen = _choose_values(index, said)
    told = _correction_views(unit, corrected)
    values = tuple(_to_golden_value(attribute, one, labels, told) for attribute, one in chosen)
    return BuiltGoldenRecord(
        values,
        {attribute: one.said for attribute, one in chosen if attribute in SINGLE_VALUE_ATTRIBUTES},
        {one.record: one.corrected for one in corrected},
        frozenset(payloads),
        tuple(sorted(members)),
        index.keyed_hash.token(
            "golden", orjson.dumps([person.eid, [asdict(value) for value in values]]).decode()
        ),
    )


def _read_payloads(
    unit: ReadUnit, members: Iterable[int], corrected: Iterable[Correction]
) -> dict[int, tuple[int, bytes]]:
    """(source number, payload) by record. A held or withdrawn record states nothing."""
    found = unit.records.payloads(list(members))
    mine = unit.records.get([one.record for one in corrected])
    versions = {one.version_id: one for one in mine.values() if one.version_id is not None}
    for version, payload in unit.records.payloads_of_versions(list(versions)).items():
        found[versions[version].id] = (versions[version].source_id, payload)
    return found


def _collect_values(
    unit: ReadUnit, index: Index, payloads: Mapping[int, tuple[int, bytes]]
) -> dict[str, list[StatedValue]]:
    """Everything that the records state, by attribute."""
    sources = {source.id: source for source in unit.sources.all()}
    keys = {number: record.canonical_key for number, record in unit.records.get(list(payloads)).items()}
    records = {number: record_from_bytes(payload) for number, (_, payload) in payloads.items()}
    # What one agency must keep confidential, another agency's record of the child would tell.
    confidential = any(is_confidential(record) for record in records.values())
    found: dict[str, list[StatedValue]] = {}
    for number, record in records.items():
        source = sources[payloads[number][0]]
        origin = ValueOrigin(number, keys[number], source.code, source.kind)
        for attribute, said in read_attribute_values(record, origin, index.settings.survivorship.verifying):
            if not (confidential and attribute in CONFIDENTIAL_ATTRIBUTES):
                found.setdefault(attribute, []).append(said)
    return found


def _choose_values(index: Index, said: Mapping[str, list[StatedValue]]) -> list[tuple[str, SurvivingValue]]:
    rules = index.settings.survivorship.rules
    chosen = []
    for attribute in SINGLE_VALUE_ATTRIBUTES:
        one = choose_value(said.get(attribute, ()), rules[attribute])
        if one is not None:
            chosen.append((attribute, one))
    day = clock.today()
    for attribute in MULTI_VALUE_ATTRIBUTES:
        chosen += [
            (attribute, each) for each in choose_all_values(said.get(attribute, ()), rules[attribute], day)
        ]
    return chosen


def _to_golden_value(
    attribute: str,
    chosen: SurvivingValue,
    labels: Mapping[int, RecordRef],
    told: Mapping[int, CorrectionView],
) -> GoldenValue:
    said = chosen.said
    return GoldenValue(
        attribute,
        said.value,
        labels[said.record],
        said.as_of,
        chosen.rule.value,
        tuple(labels[each.record] for each in chosen.agreeing),
        tuple(OtherValue(each.value, labels[each.record]) for each in chosen.others),
        told.get(said.record),
    )


def _correction_views(unit: ReadUnit, corrected: Iterable[Correction]) -> dict[int, CorrectionView]:
    made = {one.record: one.decision for one in corrected}
    if not made:
        return {}
    info = unit.commit_info({decision.commit_no for decision in made.values()})
    notes = unit.steps.notes([decision.id for decision in made.values()])
    return {
        record: CorrectionView(
            info[decision.commit_no][1],
            info[decision.commit_no][0],
            decision.reason,
            # Another's note may tell of records that the viewer may not see.
            "\n".join(notes.get(decision.id, ())) or None if may_undo(unit, decision) else None,
            decision.step_id,
        )
        for record, decision in made.items()
    }
