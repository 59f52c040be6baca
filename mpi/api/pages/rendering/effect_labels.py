"""Names beside the IDs in the preview of a step's effect."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mpi.api.pages.rendering.child_labels import ChildLabel, label_child
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.persons.child_names import ChildName, look_up_child_names
from mpi.service.persons.step_effects import StepEffect
from mpi.service.records.record_reader import read_all

MAX_NAMED_RECORDS = 50
"""Most records of one effect that are shown with a name; more are shown by ID."""
_NAME_FIELDS = ("first_name", "middle_name", "last_name", "suffix", "birth_date")


@dataclass(frozen=True, slots=True)
class EffectLabels:
    """Names of what a step changes, as its reader may see them.

    Args:
        children: label of each child by enterprise ID.
        records: label of each record, by its own name: children may be about to part.
    """

    children: Mapping[str, ChildLabel] = field(default_factory=dict)
    records: Mapping[RecordRef, ChildLabel] = field(default_factory=dict)


def label_effect(index: Index, viewer: Viewer, effect: StepEffect | None) -> EffectLabels:
    """Return the names of the children and records of a step's effect.

    What the reader's policy does not carry is left out.

    Args:
        index: the open index.
        viewer: who is shown the effect.
        effect: the effect, of a preview or a step just made; None for nothing.
    """
    if effect is None or not is_allowed(viewer, Action.PERSON_READ):
        return EffectLabels()
    found = [person.enterprise_id for person in effect.persons if person.enterprise_id is not None]
    names = look_up_child_names(index, viewer, Action.PERSON_READ, enterprise_ids=found).by_id
    records = dict.fromkeys(record for person in effect.persons for record in (*person.before, *person.after))
    return EffectLabels(
        children={eid: label_child(name) for eid, name in names.items()},
        records=label_records(index, viewer, list(records)[:MAX_NAMED_RECORDS]),
    )


def label_records(index: Index, viewer: Viewer, records: Iterable[RecordRef]) -> dict[RecordRef, ChildLabel]:
    """Return each record's label, from the name that it states itself.

    A record without a name that the viewer may see has no entry.
    """
    if not is_allowed(viewer, Action.RECORD_READ):
        return {}
    listed = list(records)
    labels = {}
    for record, answer in zip(listed, read_all(index, viewer, listed), strict=True):
        if isinstance(answer, AccessDenied | NotFoundError):
            continue
        stated = {name: str(answer["record"][name]) for name in _NAME_FIELDS if answer["record"].get(name)}
        if stated:
            labels[record] = label_child(ChildName(answer["enterprise_id"], **stated), [record])
    return labels
