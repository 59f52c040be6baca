"""Look-up of persons by enterprise or local ID."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

from mpi.domain import clock
from mpi.domain import eid as eids
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import build_disclosure, disclose
from mpi.service.core.disclosure_consents import read_consents
from mpi.service.core.index import Index
from mpi.service.core.minimization import find_populations, keep_carried_flags
from mpi.service.core.visibility import find_sealed_at, find_visible_records, visible_labels
from mpi.service.persons.child_conditions import make_not_found, require_child_conditions
from mpi.service.persons.etags import compute_etag, hash_etag
from mpi.service.persons.former_ids import FormerId, require_former_id
from mpi.service.persons.person_status import require_visible_status
from mpi.standardize.fields.scalars import parse_local_id
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import ReadUnit

IMPORT_ORIGIN = "import"
"""Origin of decisions that came from an old crosswalk."""


@dataclass(frozen=True, slots=True)
class FlagView:
    """A special-population flag of a person's record, with its provenance."""

    population: str
    value: str
    definition: str
    detail: str | None
    begin: str | None
    end: str | None
    asserted_by: str
    source: str
    local_id: str
    as_of: str


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person, as one viewer may see it.

    Args:
        enterprise_id: the ID asked for, as written.
        status: ``active``, ``retired`` or ``empty``.
        now: the IDs that hold its records today: itself while active; for a retired ID one, several (after a
            split) or none (no active records).
        records: source records that it holds, or held at the time asked for.
        flags: special-population flags of these records.
        since: when the ID was minted, or first held a visible record.
        etag: tag of what was read, for ``If-Match``; empty for a past time.
    """

    enterprise_id: str
    status: str
    now: tuple[str, ...]
    records: tuple[RecordRef, ...]
    flags: tuple[FlagView, ...]
    since: str
    etag: str = ""


def look_up_person(index: Index, viewer: Viewer, text: str, as_of: str | None = None) -> PersonView:
    """Return the person of an enterprise ID.

    A retired ID answers with the persons that now hold its records. So does, in a scope, the ID that its
    records had in the shared index before they moved.

    Args:
        index: the open index.
        viewer: who asks.
        text: the enterprise ID as typed.
        as_of: time to answer for (ISO 8601, index time); None for now.

    Raises:
        EidError: the text is not an enterprise ID.
        InputError: ``as_of`` is not a time.
        NotFoundError: the ID was never minted here, or not yet at that time, or holds nothing that the viewer
            may see.
        AccessDenied: the viewer may not read persons.
    """
    with index.database.read(viewer) as unit:
        view, entry = read_person(unit, index, text, as_of)
    index.store.ledger.write(index.database, viewer, entry)
    return view


def read_person(
    unit: ReadUnit, index: Index, text: str, as_of: str | None = None
) -> tuple[PersonView, Disclosure]:
    """Return an enterprise ID's person with the ledger entry to write.

    Arguments and errors as for ``look_up_person``. The entry must be durable before the answer leaves.
    """
    require_permission(unit.viewer, Action.PERSON_READ)
    at_moment = None if as_of is None else clock.parse_timestamp(as_of)
    person = unit.persons.find_by_eid(eids.parse_eid(text))
    if person is None:
        return _build_former_view(unit, index, require_former_id(unit, text, at_moment))
    commit_no = None if at_moment is None else unit.commit_at(at_moment)
    visible_status = require_visible_status(unit, person)
    if commit_no is not None and visible_status.since_commit > commit_no:
        raise NotFoundError("there was no such enterprise ID at that time")
    members = _members_at(unit, person, commit_no)
    labels = visible_labels(unit, members)
    if not labels and commit_no is not None and _was_sealed_at(unit, person, commit_no):
        raise NotFoundError("there was no such enterprise ID at that time")
    flags = _carried_flags(unit, members, labels) if commit_no is None else ()
    since = unit.commit_info({visible_status.since_commit})[visible_status.since_commit][0]
    view = PersonView(
        enterprise_id=person.eid,
        status=visible_status.status,
        now=_current_ids(unit, person, visible_status.holders),
        records=tuple(labels[record_id] for record_id in members if record_id in labels),
        flags=flags,
        since=since,
        etag=compute_etag(unit, index, [person]) if commit_no is None else "",
    )
    fields = ("now", "records", *(("flags",) if view.flags else ()))
    return view, build_disclosure(unit.viewer, Action.PERSON_READ, labels, fields)


@dataclass(frozen=True, slots=True)
class CrosswalkEntry:
    """A record and its enterprise ID.

    The ID is None where the record had none at that time.
    """

    source: str
    local_id: str
    enterprise_id: str | None


@dataclass(frozen=True, slots=True)
class PersonRecords:
    """An enterprise ID and the source records of its person."""

    enterprise_id: str
    records: tuple[RecordRef, ...]


def look_up_crosswalk(
    index: Index, viewer: Viewer, source_code: str, local_id: str, as_of: str | None = None
) -> CrosswalkEntry:
    """Return a record's enterprise ID, now or at a past time.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: code of the record's source.
        local_id: its local ID.
        as_of: time to answer for (ISO 8601, index time); None for now.

    Raises:
        RecordError: the local ID is invalid.
        InputError: ``as_of`` is not a time.
        NotFoundError: no such source or record is visible.
        AccessDenied: the viewer may not read the crosswalk, or not of this source.
    """
    with index.database.read(viewer) as unit:
        answer, entry = read_crosswalk(unit, source_code, local_id, as_of)
    index.store.ledger.write(index.database, viewer, entry)
    return answer


def read_crosswalk(
    unit: ReadUnit, source_code: str, local_id: str, as_of: str | None = None
) -> tuple[CrosswalkEntry, Disclosure]:
    """Return a record's enterprise ID with the ledger entry to write.

    Arguments and errors as for ``look_up_crosswalk``. The entry must be durable before the answer leaves.
    """
    require_permission(unit.viewer, Action.CROSSWALK_READ, source_code)
    local_id = parse_local_id(local_id)
    at_moment = None if as_of is None else clock.parse_timestamp(as_of)
    source = unit.sources.get_by_code(source_code)
    unknown = f"source {source_code!r} has no such record"
    record = find_visible_records(unit, source.id, [local_id]).get(local_id)
    if record is None:
        raise make_not_found(unit.viewer, unknown)
    if at_moment is None:
        person_id = unit.persons.current_persons([record.id]).get(record.id) or _imported_person(
            unit, record.id
        )
    else:
        commit_no = unit.commit_at(at_moment)
        if find_sealed_at(unit, [record.id], commit_no):
            raise make_not_found(unit.viewer, unknown)
        person_id = unit.persons.person_at(record.id, commit_no)
    members = [record.id] if person_id is None else _members_of(unit, person_id)
    require_child_conditions(unit, members, unknown)
    enterprise_id = None if person_id is None else unit.persons.by_ids([person_id])[person_id].eid
    entry = build_disclosure(unit.viewer, Action.CROSSWALK_READ, [record.id], ("enterprise_id",))
    return CrosswalkEntry(source_code, local_id, enterprise_id), entry


def _members_of(unit: ReadUnit, person_id: int) -> list[int]:
    return unit.persons.members([person_id])[person_id]


def _imported_person(unit: ReadUnit, record_id: int) -> int | None:
    """Return the one person that holds a migrated ID's visible records.

    None where several persons or nobody holds them.
    """
    holders: set[int] = set()
    for decision in unit.decisions.of_records([record_id]).values():
        if decision.origin == IMPORT_ORIGIN and decision.status is DecisionStatus.IN_FORCE:
            holders |= set(unit.persons.current_persons(visible_labels(unit, decision.seen)).values())
    return holders.pop() if len(holders) == 1 else None


def look_up_records(index: Index, viewer: Viewer, text: str, as_of: str | None = None) -> PersonRecords:
    """Return an enterprise ID's records, now or at a past time.

    Args:
        index: the open index.
        viewer: who asks.
        text: the enterprise ID as typed.
        as_of: time to answer for (ISO 8601, index time); None for now.

    Raises:
        EidError: the text is not an enterprise ID.
        InputError: ``as_of`` is not a time.
        NotFoundError: the ID was never minted here, or holds nothing that the viewer may see.
        AccessDenied: the viewer may not read the crosswalk.
    """
    require_permission(viewer, Action.CROSSWALK_READ)
    at_moment = None if as_of is None else clock.parse_timestamp(as_of)
    with index.database.read(viewer) as unit:
        person = unit.persons.find_by_eid(eids.parse_eid(text))
        if person is None:
            return PersonRecords(require_former_id(unit, text, at_moment).eid, ())
        require_visible_status(unit, person)
        members = _members_at(unit, person, None if at_moment is None else unit.commit_at(at_moment))
        labels = visible_labels(unit, members)
    disclose(index, viewer, Action.CROSSWALK_READ, labels, ("source", "local_id"))
    return PersonRecords(person.eid, tuple(labels[record_id] for record_id in members if record_id in labels))


def _build_former_view(unit: ReadUnit, index: Index, former: FormerId) -> tuple[PersonView, Disclosure]:
    """Return a former ID as a retired one, with its ledger entry."""
    view = PersonView(
        enterprise_id=former.eid,
        status=PersonStatus.RETIRED,
        now=former.now,
        records=(),
        flags=(),
        since=former.since,
        etag=hash_etag(index, [(eid, PersonStatus.RETIRED, []) for eid in (former.eid, *former.now)]),
    )
    return view, build_disclosure(unit.viewer, Action.PERSON_READ, former.record_ids, ("now", "records"))


def _current_ids(unit: ReadUnit, person: Person, holders: Collection[int]) -> tuple[str, ...]:
    other_holders = unit.persons.by_ids([person_id for person_id in holders if person_id != person.id])
    own_ids = [person.eid] if person.id in holders else []
    return tuple(sorted([*own_ids, *(holder.eid for holder in other_holders.values())]))


def _members_at(unit: ReadUnit, person: Person, commit_no: int | None) -> list[int]:
    if commit_no is None:
        return unit.persons.members([person.id])[person.id]
    return unit.persons.members_at(person.id, commit_no)


def _was_sealed_at(unit: ReadUnit, person: Person, commit_no: int) -> bool:
    """Return whether a record of the person was sealed after a commit."""
    records = {event.record_id for event in unit.identity_events.events_of([person.id])}
    return bool(find_sealed_at(unit, records, commit_no))


def _carried_flags(
    unit: ReadUnit, members: Collection[int], labels: Mapping[int, RecordRef]
) -> tuple[FlagView, ...]:
    """Return the flags of visible records that the answer may hold."""
    rows = [row for row in unit.record_versions.flags(members) if row.record_id in labels]
    populations = find_populations(unit, members)
    consents = read_consents(unit, {row.record_id for row in rows})
    return tuple(
        flag
        for record_id, group in groupby(rows, key=attrgetter("record_id"))
        for flag in keep_carried_flags(
            unit.viewer,
            Action.PERSON_READ,
            [to_flag_view(row, labels[record_id]) for row in group],
            populations | consents.get(record_id, frozenset()),
        )
    )


def to_flag_view(row: Any, label: RecordRef) -> FlagView:  # noqa: ANN401 - a row of the flag table, with ``as_of``
    """Convert a stored special-population flag to its view."""
    return FlagView(
        population=row.population,
        value=row.value,
        definition=row.definition,
        detail=row.detail,
        begin=row.begin,
        end=row.end,
        asserted_by=row.asserted_by or label.source,
        source=label.source,
        local_id=label.local_id,
        as_of=row.as_of,
    )
