"""Corrections of wrong links that a recipient may still read.

A correction that names no record which its recipient may see is as if it had never been sent: else it would
tell that a record was sealed or destroyed, or that a child is still in the index.
"""

from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain.errors import UnmetConditionError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed_on
from mpi.service.core.visibility import visible_labels
from mpi.service.persons.child_conditions import require_child_conditions
from mpi.storage.repositories.access.incidents import StoredCorrection
from mpi.storage.unit_of_work.units import ReadUnit

RECIPIENT_ACTIONS = (Action.CROSSWALK_READ, Action.PERSON_READ, Action.RECORD_WRITE)
"""Actions of which the recipient of a correction has one."""


@dataclass(frozen=True, slots=True)
class ReadableCorrection:
    """A correction with those of its records that the recipient may see.

    Args:
        sent: the correction as it was sent.
        labels: source and local ID of each record, by record number; never empty.
        reverses: code of the correction that it reverses; None where it corrects a wrong link.
    """

    sent: StoredCorrection
    labels: dict[int, RecordRef]
    reverses: str | None = None


def find_readable_corrections(unit: ReadUnit) -> list[ReadableCorrection]:
    """Return the corrections sent to the viewer, the latest first.

    A record counts whose source the viewer may ask for IDs, and whose child meets the viewer's conditions.
    """
    sent = unit.incidents.corrections_of_client(unit.viewer.client)
    labels = _find_tellable_records(unit, {record for each in sent for record in each.record_ids})
    reverses = unit.incidents.reversals_among({each.code for each in sent})
    corrections = [
        ReadableCorrection(
            each,
            {record: labels[record] for record in each.record_ids if record in labels},
            reverses.get(each.code),
        )
        for each in sent
    ]
    return [correction for correction in corrections if correction.labels]


def _find_tellable_records(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, RecordRef]:
    labels = {
        record: label
        for record, label in visible_labels(unit, record_ids).items()
        if _may_ask_for_ids(unit.viewer, label.source)
    }
    persons = unit.persons.current_persons(labels)
    members = unit.persons.members(set(persons.values()))
    return {
        record: label
        for record, label in labels.items()
        if _meets_conditions(unit, members[persons[record]] if record in persons else [record])
    }


def _may_ask_for_ids(viewer: Viewer, source: str) -> bool:
    return any(is_allowed_on(viewer, action, source) for action in RECIPIENT_ACTIONS)


def _meets_conditions(unit: ReadUnit, members: Collection[int]) -> bool:
    try:
        require_child_conditions(unit, members)
    except UnmetConditionError:
        return False
    return True
