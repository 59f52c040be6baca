"""Tags of persons as a viewer sees them: what ``If-Match`` is compared with."""

from collections.abc import Collection, Iterable, Sequence

import orjson

from mpi.domain.errors import StaleError
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.persons.person_status import find_visible_status
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.unit_of_work.unit import ReadUnit


def compute_etag(unit: ReadUnit, index: Index, persons: Iterable[Person]) -> str:
    """One tag of several persons: another one as soon as one gains, loses or changes a visible record."""
    seen = []
    ordered = sorted(persons, key=lambda person: person.id)
    members = unit.persons.members([person.id for person in ordered])
    records = unit.records.get({record for held in members.values() for record in held})
    labels = visible_labels(unit, records)
    for person in ordered:
        held = [(r, records[r].version_id) for r in members[person.id] if r in labels]
        status = PersonStatus.ACTIVE if held else _visible_status(unit, person)
        seen.append((person.eid, status, held))
    return hash_etag(index, seen)


def hash_etag(index: Index, seen: Sequence[tuple[str, str | None, Sequence[tuple[int, int | None]]]]) -> str:
    """The tag of persons, by number: the enterprise ID, status and (record, version) seen of each."""
    return index.keyed_hash.token("etag", orjson.dumps(seen).decode())


def _visible_status(unit: ReadUnit, person: Person) -> str | None:
    seen = find_visible_status(unit, person)
    return None if seen is None else seen.status


def require_current_etag(
    unit: ReadUnit, index: Index, persons: Collection[Person], expected: Collection[str] | None
) -> str:
    """The persons' tag, if it is one that the caller expects.

    Args:
        unit: the transaction that will change them.
        index: for the secret.
        persons: everybody that the step is about.
        expected: tags as read: one of all persons together, or one of each; None for any.

    Raises:
        StaleError: they have changed since.
    """
    now = compute_etag(unit, index, persons)
    if expected is None or "*" in expected or now in expected:
        return now
    if len(persons) > 1 and all(compute_etag(unit, index, [person]) in expected for person in persons):
        return now
    raise StaleError("what you read has changed since: look again, then decide")
