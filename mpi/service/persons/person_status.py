"""How a person appears to a viewer: its status, its age and who took over, told from visible records alone.

A client of certain sources must not learn from a status that somebody it may not see is still there, or was
there first: to it, a person is what its own records make of it.
"""

from dataclasses import dataclass

from mpi.service.core.visibility import visible_labels
from mpi.storage.repositories.persons.persons import IdentityEvent, Person, PersonStatus
from mpi.storage.unit_of_work.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class VisibleStatus:
    """A person as the viewer may know it.

    Args:
        status: whether it bears a record that the viewer may see, or what became of those.
        holders: numbers of the persons that hold its records now; itself unless it is retired.
        since_commit: the commit in which it came to be.
    """

    status: PersonStatus
    holders: frozenset[int]
    since_commit: int


def find_visible_status(unit: ReadUnit, person: Person) -> VisibleStatus | None:
    """A person as the viewer may know it; None where it never held a record that exists for the viewer."""
    if unit.viewer.sources is None:
        return VisibleStatus(
            PersonStatus(person.status), _current_holders(unit, person), person.minted_commit
        )
    events = unit.persons.events_of([person.id])
    labels = visible_labels(unit, {event.record_id for event in events})
    mine = [event for event in events if event.record_id in labels]
    if not mine:
        return None
    since = mine[0].commit_no
    if visible_labels(unit, unit.persons.members([person.id])[person.id]):
        return VisibleStatus(PersonStatus.ACTIVE, frozenset((person.id,)), since)
    left, joined_another = _last_held(person.id, mine)
    holders = frozenset(unit.persons.current_persons(left).values()) - {person.id}
    if holders or joined_another:
        return VisibleStatus(PersonStatus.RETIRED, holders, since)
    return VisibleStatus(PersonStatus.EMPTY, frozenset((person.id,)), since)


def _current_holders(unit: ReadUnit, person: Person) -> frozenset[int]:
    if person.status != PersonStatus.RETIRED:
        return frozenset((person.id,))
    held = visible_labels(unit, unit.persons.last_held_records([person])[person.id])
    return frozenset(unit.persons.current_persons(held).values())


def _last_held(person_id: int, events: list[IdentityEvent]) -> tuple[set[int], bool]:
    """The records that a person held before the last of them left, and whether any joined another person."""
    held: set[int] = set()
    last: set[int] = set()
    joined_another = False
    for commit in sorted({event.commit_no for event in events}):
        now = [event for event in events if event.commit_no == commit]
        came = {event.record_id for event in now if event.after == person_id}
        gone = {event.record_id: event.after for event in now if event.before == person_id}
        before, held = held, (held - gone.keys()) | came
        if before and not held:
            last, joined_another = before, any(after is not None for after in gone.values())
    return last, joined_another
