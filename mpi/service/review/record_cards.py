"""Records of a review question, as the viewer may see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.domain.record import CanonicalRecord
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.confidential_addresses import (
    WITHHELD_FIELDS,
    are_record_whereabouts_withheld,
    has_confidential_address,
)
from mpi.service.core.index import Index
from mpi.service.core.minimization import keep_carried_fields
from mpi.service.core.visibility import visible_labels
from mpi.service.resolution.review_tasks import OVERLAY_TASK
from mpi.service.review.households import find_household_members
from mpi.service.review.open_questions import OpenQuestion
from mpi.service.statements.overlay_detection import find_pending_overlays
from mpi.standardize.serialization import record_from_bytes, to_canonical_fields
from mpi.storage.unit_of_work.units import ReadUnit

_HIDDEN_FIELDS = frozenset({"flags", "restrictions", "local_id", "as_of"})
"""Record fields that are not shown on a question.

Flags are not evidence (law 8), and a steward does not need them to decide.
"""


@dataclass(frozen=True, slots=True)
class RecordCard:
    """One record of a review question, with its values and household.

    Args:
        label: source and local ID of the record.
        as_of: when the record was true at its source.
        values: values by canonical field name; empty for a withdrawn record.
        enterprise_id: enterprise ID of the person that holds the record; None if it has none.
        household: records of the same source that share its household.
        withheld: names of fields that have a value but are hidden, because an address is confidential.
    """

    label: RecordRef
    as_of: str
    values: Mapping[str, object]
    enterprise_id: str | None
    household: tuple[RecordRef, ...]
    withheld: tuple[str, ...] = ()


def build_cards(
    unit: ReadUnit, index: Index, record_ids: Sequence[int], action: Action = Action.TASK_READ
) -> tuple[RecordCard, ...]:
    """Build displays of the records that the viewer may see.

    Args:
        unit: the transaction.
        index: the open index.
        record_ids: numbers of the records, in the order of the cards.
        action: kind of request, by which the policy decides which fields the cards carry.
    """
    labels = visible_labels(unit, record_ids)
    stored = unit.records.get(labels)
    payloads = unit.record_versions.payloads(labels)
    canonical_by_id = {record_id: record_from_bytes(payload) for record_id, (_, payload) in payloads.items()}
    person_by_id = unit.persons.current_persons(labels)
    persons = unit.persons.by_ids(person_by_id.values())
    household_by_id = find_household_members(unit, index, labels)
    household_refs = visible_labels(
        unit, {member for members in household_by_id.values() for member in members}
    )
    confidential = has_confidential_address(unit, labels)
    built_cards = []
    for record_id in record_ids:
        if record_id in labels:
            canonical_record = canonical_by_id.get(record_id)
            values, withheld = (
                ({}, ())
                if canonical_record is None
                else _split_values(
                    unit.viewer, labels[record_id].source, canonical_record, action, confidential=confidential
                )
            )
            built_cards.append(
                RecordCard(
                    label=labels[record_id],
                    as_of=stored[record_id].last_seen
                    if canonical_record is None
                    else (canonical_record.as_of or ""),
                    values=values,
                    enterprise_id=persons[person_by_id[record_id]].eid if record_id in person_by_id else None,
                    household=tuple(
                        household_refs[member]
                        for member in household_by_id.get(record_id, ())
                        if member in household_refs
                    ),
                    withheld=withheld,
                )
            )
    return tuple(built_cards)


def build_pending_cards(unit: ReadUnit, question: OpenQuestion) -> tuple[RecordCard, ...]:
    """Build displays of waiting versions, which may show another child."""
    if question.main_task.kind != OVERLAY_TASK:
        return ()
    labels = visible_labels(unit, question.records)
    pending_cards = []
    for record_id, pending_ids in find_pending_overlays(unit, labels).items():
        versions = {version.id: version for version in unit.record_versions.versions(record_id)}
        latest = versions[max(pending_ids)]
        pending_record = record_from_bytes(latest.payload)
        active_versions = [version for version in versions.values() if version.state == "active"]
        compared_records = [
            pending_record,
            *(record_from_bytes(version.payload) for version in active_versions),
        ]
        confidential = any(
            are_record_whereabouts_withheld(compared) for compared in compared_records
        ) or has_confidential_address(unit, labels)
        values, withheld = _split_values(
            unit.viewer,
            labels[record_id].source,
            pending_record,
            Action.TASK_READ,
            confidential=confidential,
        )
        pending_cards.append(
            RecordCard(
                label=labels[record_id],
                as_of=latest.as_of,
                values=values,
                enterprise_id=None,
                household=(),
                withheld=withheld,
            )
        )
    return tuple(pending_cards)


def _split_values(
    viewer: Viewer, source: str, record: CanonicalRecord, action: Action, *, confidential: bool
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the visible values of a record, and the withheld field names."""
    values: dict[str, object] = keep_carried_fields(
        viewer,
        action,
        source,
        {name: value for name, value in to_canonical_fields(record).items() if name not in _HIDDEN_FIELDS},
    )
    withheld = tuple(sorted(WITHHELD_FIELDS)) if confidential else ()
    return {name: value for name, value in values.items() if name not in withheld}, withheld
