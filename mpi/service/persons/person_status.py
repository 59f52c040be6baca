"""Status of a person as one viewer may see it.

A viewer must not learn from a status that a hidden record is in the person, or was there first: to that
viewer, a person is what the visible records make of it. Sealed records are hidden from everybody, records of
other sources from a viewer of some sources.
"""

from dataclasses import dataclass

from mpi.service.core.visibility import visible_labels
from mpi.service.persons.child_conditions import UNKNOWN_ID, make_not_found, require_child_conditions
from mpi.storage.repositories.persons.identity_events import IdentityEvent
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class VisibleStatus:
    """A person's status, and who holds its records now, from visible records.

    Args:
        status: active where the person holds a visible record; otherwise what became of those records.
        holders: numbers of the persons that hold its records now; itself unless it is retired.
        since_commit: commit in which the person began.
    """

    status: PersonStatus
    holders: frozenset[int]
    since_commit: int


def find_visible_status(unit: ReadUnit, person: Person) -> VisibleStatus | None:
    """Return a person's status for the viewer; None if nothing is visible.

    Raises:
        UnmetConditionError: a condition of the viewer's policy does not hold for the child.
    """
    require_child_conditions(unit, unit.persons.members([person.id])[person.id])
    if unit.viewer.sources is None and not unit.persons.has_held_sealed(person.id):
        return VisibleStatus(
            PersonStatus(person.status), _current_holders(unit, person), person.minted_commit
        )
    events = unit.identity_events.events_of([person.id])
    labels = visible_labels(unit, {event.record_id for event in events})
    visible_events = [event for event in events if event.record_id in labels]
    if not visible_events:
        return None
    since_commit = visible_events[0].commit_no
    if visible_labels(unit, unit.persons.members([person.id])[person.id]):
        return VisibleStatus(PersonStatus.ACTIVE, frozenset((person.id,)), since_commit)
    last_records, joined_another = find_last_held(person.id, visible_events)
    holders = frozenset(unit.persons.current_persons(last_records).values()) - {person.id}
    if holders or joined_another:
        return VisibleStatus(PersonStatus.RETIRED, holders, since_commit)
    return VisibleStatus(PersonStatus.EMPTY, frozenset((person.id,)), since_commit)


def require_visible_status(unit: ReadUnit, person: Person) -> VisibleStatus:
    """Return a person's status for the viewer.

    Raises:
        NotFoundError: the viewer may see nothing of the person.
        UnmetConditionError: a condition of the viewer's policy does not hold for the child.
    """
    visible_status = find_visible_status(unit, person)
    if visible_status is None:
        raise make_not_found(unit.viewer, UNKNOWN_ID)
    return visible_status


def _current_holders(unit: ReadUnit, person: Person) -> frozenset[int]:
    if person.status != PersonStatus.RETIRED:
        return frozenset((person.id,))
    last_records = visible_labels(unit, unit.persons.last_held_records([person])[person.id])
    return frozenset(unit.persons.current_persons(last_records).values())


def find_last_held(person_id: int, events: list[IdentityEvent]) -> tuple[set[int], bool]:
    """Return a person's last records, and whether any joined another person.

    They are the records that the person held before it became empty; none if it never did.
    """
    current_records: set[int] = set()
    last_records: set[int] = set()
    joined_another = False
    for commit in sorted({event.commit_no for event in events}):
        commit_events = [event for event in events if event.commit_no == commit]
        arrived = {event.record_id for event in commit_events if event.after == person_id}
        departed = {event.record_id: event.after for event in commit_events if event.before == person_id}
        earlier_records, current_records = current_records, (current_records - departed.keys()) | arrived
        if earlier_records and not current_records:
            last_records, joined_another = (
                earlier_records,
                any(after is not None for after in departed.values()),
            )
    return last_records, joined_another
