"""Former IDs, which a scope's records had in the shared index.

When a source moved into a scope, its records got enterprise IDs of the scope. A former ID is known in the
scope by these records alone. One that none of them had is unknown, like an ID that does not exist.
"""

from dataclasses import dataclass

from mpi.service.core.visibility import visible_labels
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class FormerId:
    """What became of the records that had a former ID.

    Args:
        eid: the former ID.
        record_ids: the records that had it, as far as they are visible.
        now: the IDs that hold these records today.
        since: when the records got IDs of the scope.
    """

    eid: str
    record_ids: tuple[int, ...]
    now: tuple[str, ...]
    since: str


def find_former_id(unit: ReadUnit, eid: str) -> FormerId | None:
    """Return what became of a former ID, or None."""
    labels = visible_labels(unit, unit.splits.records_of_former_id(eid))
    if not labels:
        return None
    persons = unit.persons.by_ids(set(unit.persons.current_persons(labels).values()))
    [split] = unit.splits.all()
    return FormerId(
        eid=eid,
        record_ids=tuple(sorted(labels)),
        now=tuple(sorted(person.eid for person in persons.values())),
        since=unit.commit_info({split.planned_commit})[split.planned_commit][0],
    )
