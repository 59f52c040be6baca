"""Stewards' corrections of a value, stored as records of the steward source.

A correction states one attribute and its evidence. It has no features, so it is compared with no record and
joins none. A SAME decision ties it to the record that it corrects; the decision appears in the lineage and
can be undone.
"""

from collections.abc import Mapping
from typing import Any

from mpi.domain import clock
from mpi.domain import eid as eids
from mpi.domain.decision import CORRECTION, DecisionKind
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError, StaleError
from mpi.domain.record import CanonicalRecord
from mpi.domain.survivorship.attributes import NAME_PARTS, SINGLE_VALUE_ATTRIBUTES
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer
from mpi.service.core.index import Index, canonical_key
from mpi.service.core.undoable_steps import check_note, check_reason, step_transaction
from mpi.service.decisions.decision_log import DecisionDraft
from mpi.service.persons.attribute_values import ValueOrigin, read_attribute_values
from mpi.service.persons.child_conditions import UNKNOWN_ID
from mpi.service.persons.golden_record import BuiltGoldenRecord, build_golden_record
from mpi.service.persons.person_status import find_visible_status
from mpi.service.persons.step_effects import FIELDS, StepEffect, effect_fields
from mpi.service.resolution.id_choice import NO_ID_CHOICE
from mpi.service.statements.correction_records import find_steward_source
from mpi.service.stewardship.apply_step import PlannedStep, apply_step
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.service.stewardship.merge_split_move import StepOptions
from mpi.standardize.record_validation import validate_record
from mpi.standardize.serialization import compute_content_hash, record_to_bytes
from mpi.storage.repositories.persons.persons import Person
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit

STEWARD_SOURCE_CODE = "STEWARD"
"""Code of the steward source that the first correction creates."""
_COMPOSITE_ATTRIBUTES = {"birth_place": ("birth_city", "birth_state", "birth_country")}


def correct_value(
    index: Index, viewer: Viewer, eid_text: str, attribute: str, value: object, options: StepOptions
) -> StepEffect:
    """State the value of a person's attribute, overriding its records.

    Args:
        index: the open index.
        viewer: the steward, who must be able to see the steward source.
        eid_text: the person's enterprise ID.
        attribute: one of ``mpi.domain.survivorship.attributes.SINGLE_VALUE_ATTRIBUTES``.
        value: as a record would state it; for ``birth_place`` an object of its fields.
        options: reason and preview; the note states the evidence and is required.

    Raises:
        EidError: the text is not an enterprise ID.
        InputError: the attribute cannot be corrected, the value is empty, or the evidence is missing.
        RecordError: the value is invalid for the field.
        NotFoundError: the viewer can see no such person.
        ConflictError: the person is retired or empty.
        StaleError: the golden record has changed since the viewer read it.
        AccessDenied: the viewer may not decide, or may not see corrections.
    """
    require_permission(viewer, Action.DECIDE)
    reason, evidence = check_reason(options.reason), check_note(options.note)
    if evidence is None:
        raise InputError("note: give the evidence for the correction")
    fields = _build_fields(attribute, value)
    with step_transaction(index, viewer, CORRECTION, preview=options.preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(stored_answer, viewer)
        source = _ensure_steward_source(unit)
        if not viewer.may_see(source.code):
            raise AccessDenied(f"a correction is a record of source {source.code!r}, which you may not see")
        person = _require_active_person(unit, eid_text)
        golden_record = build_golden_record(unit, index, person)
        if options.expected_etags is not None and not {golden_record.etag, "*"} & set(options.expected_etags):
            raise StaleError("what you read has changed since: look again, then correct")
        record = _add_correction_record(unit, index, source, attribute, fields)
        bound_records = tuple(sorted((record, _find_corrected_record(unit, golden_record, attribute))))
        draft = DecisionDraft(
            kind=DecisionKind.SAME, groups=(bound_records,), reason=reason, origin=CORRECTION, note=evidence
        )
        detail = {"attribute": attribute, "record": record}
        planned_step = PlannedStep(
            kind=CORRECTION,
            reason=reason,
            drafts=[draft],
            detail=detail,
            choice=NO_ID_CHOICE,
            etag=golden_record.etag,
            read_etag=lambda: build_golden_record(unit, index, person).etag,
        )
        effect, shown_records = apply_step(unit, index, planned_step, preview=options.preview)
    disclose(index, viewer, Action.DECIDE, shown_records, effect_fields(effect))
    return effect


def _build_fields(attribute: str, value: object) -> dict[str, object]:
    """Return a corrected attribute's value as fields of a canonical record."""
    if attribute not in SINGLE_VALUE_ATTRIBUTES:
        raise InputError(f"attribute: give one of {', '.join(SINGLE_VALUE_ATTRIBUTES)}")
    parts = _COMPOSITE_ATTRIBUTES.get(attribute)
    if parts is None:
        return {attribute: value}
    if not isinstance(value, Mapping) or not value or not value.keys() <= set(parts):
        raise InputError(f"value: of {attribute} give an object of {', '.join(parts)}")
    return dict(value)


def _ensure_steward_source(unit: WriteUnit) -> Source:
    """Return the source that holds stewards' corrections, creating it if missing."""
    existing = find_steward_source(unit)
    if existing is not None:
        return existing
    if any(source.code == STEWARD_SOURCE_CODE for source in unit.sources.all()):
        raise ConflictError(
            f"source {STEWARD_SOURCE_CODE!r} is not for corrections: "
            f"first add a source of kind {STEWARD_SOURCE_KIND!r}"
        )
    number = unit.counters.take("source")
    new_source = Source(
        id=number,
        code=STEWARD_SOURCE_CODE,
        name="Stewards' corrections",
        agency=STEWARD_SOURCE_CODE,
        kind=STEWARD_SOURCE_KIND,
        group_id=1,
        paused=False,
    )
    unit.sources.add(number, number, new_source, unit.commit_no)
    return new_source


def _require_active_person(unit: WriteUnit, eid_text: str) -> Person:
    """Return an active person that the viewer may see."""
    person = unit.persons.find_by_eid(eids.parse_eid(eid_text))
    view = None if person is None else find_visible_status(unit, person)
    if person is None or view is None:
        raise NotFoundError(UNKNOWN_ID)
    if view.status != "active":
        raise ConflictError(f"{person.eid} is {view.status}: look it up to see who holds its records")
    return person


def _find_corrected_record(unit: WriteUnit, golden_record: BuiltGoldenRecord, attribute: str) -> int:
    """Return the record whose value is corrected, or the person's first record.

    A part that the name lacks is corrected on the record of the other parts.
    """
    attributes = (attribute, *NAME_PARTS) if attribute in NAME_PARTS else (attribute,)
    for stated_attribute in attributes:
        if stated_attribute in golden_record.current_values:
            record = golden_record.current_values[stated_attribute].record
            return golden_record.corrected_records.get(record, record)
    keys = unit.records.canonical_keys(golden_record.member_ids)
    return min(keys, key=keys.__getitem__)


def _add_correction_record(
    unit: WriteUnit, index: Index, source: Source, attribute: str, fields: Mapping[str, object]
) -> int:
    """Store a correction as a stewards' record; return its number."""
    record_id = unit.counters.take("record")
    local_id = f"correction-{record_id}"
    received = validate_record({"local_id": local_id, **fields}, index.keyed_hash, clock.now())
    key = canonical_key(index.keyed_hash, source.code, local_id)
    origin = ValueOrigin(record_id, key, source.code, source.kind)
    if received.issues or attribute not in dict(read_attribute_values(received.record, origin, ())):
        raise InputError(f"value: give a valid, non-empty value of {attribute}")
    version = unit.counters.take("record_version")
    unit.records.insert([_build_record_row(record_id, version, source, local_id, key, received.record)])
    unit.record_versions.insert_versions(
        [_build_version_row(record_id, version, unit.commit_no, received.record)]
    )
    return record_id


def _build_record_row(
    record_id: int, version_id: int, source: Source, local_id: str, key: int, record: CanonicalRecord
) -> dict[str, Any]:
    """Build the database row of a correction record."""
    return {
        "id": record_id,
        "source_id": source.id,
        "local_id": local_id,
        "group_id": source.group_id,
        "subject": None,
        "state": RecordState.ASIDE.value,
        "canonical_key": key,
        "version_id": version_id,
        "last_seen": record.as_of,
    }


def _build_version_row(
    record_id: int, version_id: int, commit_no: int, record: CanonicalRecord
) -> dict[str, Any]:
    """Build the database row of a correction record's version."""
    return {
        "id": version_id,
        "record_id": record_id,
        "as_of": record.as_of,
        "received_commit": commit_no,
        "ended_commit": None,
        "batch_id": None,
        "state": "active",
        "content_hash": compute_content_hash(record),
        "issues": "[]",
        "payload": record_to_bytes(record),
    }
