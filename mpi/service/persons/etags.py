"""Entity tags of persons as a viewer sees them, for ``If-Match``."""

from collections.abc import Collection, Iterable, Sequence

import orjson

from mpi.domain.errors import StaleError
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.persons.person_status import find_visible_status
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.unit_of_work.units import ReadUnit


def compute_etag(unit: ReadUnit, index: Index, persons: Iterable[Person]) -> str:
    """Return one entity tag (``If-Match``) of several persons together.

    The tag changes as soon as a person gains, loses or changes a visible record.
    """
    persons_seen = []
    ordered = sorted(persons, key=lambda person: person.id)
    members = unit.persons.members([person.id for person in ordered])
    records = unit.records.get(
        {record for visible_versions in members.values() for record in visible_versions}
    )
    labels = visible_labels(unit, records)
    for person in ordered:
        visible_versions = [
            (record_id, records[record_id].version_id)
            for record_id in members[person.id]
            if record_id in labels
        ]
        status = PersonStatus.ACTIVE if visible_versions else _visible_status(unit, person)
        persons_seen.append((person.eid, status, visible_versions))
    return hash_etag(index, persons_seen)


def hash_etag(index: Index, seen: Sequence[tuple[str, str | None, Sequence[tuple[int, int | None]]]]) -> str:
    """Return the entity tag of persons: a hash of what is visible.

    Args:
        index: the open index.
        seen: for each person, ordered by number: enterprise ID, status, and (record, version) pairs.
    """
    return index.keyed_hash.to_token("etag", orjson.dumps(seen).decode())


def _visible_status(unit: ReadUnit, person: Person) -> str | None:
    visible_status = find_visible_status(unit, person)
    return None if visible_status is None else visible_status.status


def require_current_etag(
    unit: ReadUnit, index: Index, persons: Collection[Person], expected: Collection[str] | None
) -> str:
    """Check that persons are unchanged since the caller read them.

    Args:
        unit: the transaction that will change the persons.
        index: the open index.
        persons: every person that the step is about.
        expected: tags as read: one of all persons together, or one of each; None for any.

    Returns:
        The current tag of the persons.

    Raises:
        StaleError: the persons have changed since.
    """
    current_tag = compute_etag(unit, index, persons)
    if expected is None or "*" in expected or current_tag in expected:
        return current_tag
    if len(persons) > 1 and all(compute_etag(unit, index, [person]) in expected for person in persons):
        return current_tag
    raise StaleError("what you read has changed since: look again, then decide")
