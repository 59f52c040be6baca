"""Effects of a step on persons, enterprise IDs, flags and clients.

Everything is described as the viewer may see it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.service.core.minimization import keep_carried_populations
from mpi.service.core.visibility import visible_labels
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_YES = "Y"
FIELDS = ("source", "local_id", "enterprise_id", "flags")


@dataclass(frozen=True, slots=True)
class PersonEffect:
    """Effect of a steward's step on one person.

    Args:
        enterprise_id: its enterprise ID; None for one that a preview would mint.
        change: ``kept``, ``new``, ``revived``, ``retired`` or ``emptied``.
        before: records that it held.
        after: records that it holds.
        flags: populations of which these records are by a flag, so that somebody may have to be informed.
    """

    enterprise_id: str | None
    change: str
    before: tuple[RecordRef, ...]
    after: tuple[RecordRef, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MovedRecord:
    """A record that a steward's step takes from one person to another.

    ``before`` or ``after`` is None where it has no person, or where a preview would mint one.
    """

    source: str
    local_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class UnchangedLink:
    """A link or separation that undoing a step leaves unchanged.

    Args:
        together: whether the record groups stay one person; otherwise they stay apart.
        because: ``model`` or ``decision``.
        offer: kind and groups of the opposite decision, which would change it.
    """

    together: bool
    because: str
    offer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PastDisclosure:
    """A past answer to a client that received two now separate records.

    Args:
        at: time of the answer (ISO, UTC).
        client: who received it.
        purpose: purpose of use of the call.
        action: name of the kind of request.
        fields: names of the fields of the answer.
        handle: text that stands for the records where they were too many to list, as in an export.
        records: the parted records that the answer was about and that the viewer may see.
    """

    at: str
    client: str
    purpose: str | None
    action: str
    fields: tuple[str, ...]
    handle: str | None
    records: tuple[RecordRef, ...]


@dataclass(frozen=True, slots=True)
class StepEffect:
    """Effect of a steward's step (merge, split, …) or of its preview.

    Args:
        kind: ``decision``, ``merge``, ``split``, ``move``, ``undo``, …
        preview: whether nothing was changed.
        step: number by which the step can be undone; None in a preview.
        decisions: numbers of the decisions it added; empty in a preview.
        persons: persons whose records change.
        moved: records that change person.
        told: API clients that see the change in the feed.
        stays: for an undo, the links and separations that it leaves unchanged.
        etag: tag of the persons as read, for ``If-Match``.
        awaiting: whether it waits for approval or consent, and did nothing yet.
        disclosed: number of answers that left because of links it parts; None where the viewer may not know
            of other clients' answers.
        disclosures: the latest of these answers, newest first; empty where the viewer may not read the
            ledger.
        held_until: first day after a freeze window, on which it takes effect; None outside a window.
        approval: whether it waits for a second approver.
        consent_of: visible sources whose owners it waits for.
    """

    kind: str
    preview: bool
    step: int | None
    decisions: tuple[int, ...]
    persons: tuple[PersonEffect, ...]
    moved: tuple[MovedRecord, ...]
    told: tuple[str, ...]
    stays: tuple[UnchangedLink, ...] = ()
    etag: str | None = None
    awaiting: bool = False
    disclosed: int | None = None
    disclosures: tuple[PastDisclosure, ...] = ()
    held_until: str | None = None
    approval: bool = False
    consent_of: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the effect of a steward's step as plain values, for JSON."""
        return asdict(self)


def effect_fields(effect: StepEffect) -> tuple[str, ...]:
    """Return the names of the fields that a step's effect shows."""
    return (*FIELDS, "disclosures") if effect.disclosures else FIELDS


StepChanges = tuple[tuple[PersonEffect, ...], tuple[MovedRecord, ...], tuple[str, ...], frozenset[int]]
"""Affected persons, moved records, notified clients, and numbers of shown records."""


def describe_changes(
    unit: WriteUnit, before: Mapping[int, int], settled: Collection[int], *, preview: bool
) -> StepChanges:
    """Describe what a steward's step of one commit changed.

    Args:
        unit: the transaction, after publishing.
        before: person of each resolved record before the step.
        settled: every resolved record.
        preview: whether IDs minted in this transaction are only tried.
    """
    return describe_changes_of_commits(unit, lambda: {unit.commit_no}, before, settled, preview=preview)


def describe_changes_of_commits(
    unit: ReadUnit,
    commits: Callable[[], Collection[int]],
    before: Mapping[int, int],
    settled: Collection[int],
    *,
    preview: bool,
) -> StepChanges:
    """Describe what a steward's step of several commits changed.

    Args:
        unit: the transaction, after publishing.
        commits: returns the step's commits; called only where records have moved.
        before: person of each resolved record before the first commit.
        settled: every resolved record.
        preview: whether IDs minted in these commits are only tried.
    """
    after = unit.persons.current_persons(settled)
    labels = visible_labels(unit, settled)
    moved_ids = [record for record in sorted(labels) if before.get(record) != after.get(record)]
    person_ids = {
        person_id
        for record in moved_ids
        for person_id in (before.get(record), after.get(record))
        if person_id is not None
    }
    persons = unit.persons.by_ids(person_ids)
    own_commits = commits() if moved_ids else ()
    held_before, held_after = _group_by_person(before, labels), _group_by_person(after, labels)
    if unit.viewer.sources is None:
        held_by_any = set(before.values())
        changes = {
            person_id: _person_change(person, person_id in held_by_any, own_commits)
            for person_id, person in persons.items()
        }
    else:
        changes = _visible_changes(unit, persons, held_before, held_after, after, own_commits)
    eids = {
        person_id: None if preview and changes[person_id] == "new" else person.eid
        for person_id, person in persons.items()
    }
    shown_ids = frozenset(
        record for record in labels if before.get(record) in person_ids or after.get(record) in person_ids
    )
    flags = _read_flags(unit, {record_id: labels[record_id].source for record_id in shown_ids})
    person_effects = [
        PersonEffect(
            enterprise_id=eids[person_id],
            change=changes[person_id],
            before=_sort_labels(held_before.get(person_id, {})),
            after=_sort_labels(held_after.get(person_id, {})),
            flags=_flag_populations({*held_before.get(person_id, {}), *held_after.get(person_id, {})}, flags),
        )
        for person_id in sorted(persons)
    ]
    moved_labels = {record: labels[record] for record in moved_ids}
    return (
        tuple(person_effects),
        _list_moved_records(moved_labels, before, after, eids),
        _notified_clients(unit, {label.source for label in moved_labels.values()}),
        shown_ids,
    )


def _list_moved_records(
    labels: Mapping[int, RecordRef],
    before: Mapping[int, int],
    after: Mapping[int, int],
    eids: Mapping[int, str | None],
) -> tuple[MovedRecord, ...]:
    """Return moved records with their former and present IDs, by label."""
    return tuple(
        MovedRecord(
            label.source,
            label.local_id,
            None if record not in before else eids[before[record]],
            None if record not in after else eids[after[record]],
        )
        for record, label in sorted(labels.items(), key=lambda item: (item[1].source, item[1].local_id))
    )


def _person_change(person: Person, is_held_before: bool, commits: Collection[int]) -> str:
    if person.status == PersonStatus.RETIRED:
        return "retired"
    if person.status == PersonStatus.EMPTY:
        return "emptied"
    if person.minted_commit in commits:
        return "new"
    return "kept" if is_held_before else "revived"


def _visible_changes(
    unit: ReadUnit,
    persons: Collection[int],
    held_before: Mapping[int, Mapping[int, RecordRef]],
    held_after: Mapping[int, Mapping[int, RecordRef]],
    after: Mapping[int, int],
    commits: Collection[int],
) -> dict[int, str]:
    """Return how each person changed, judged by visible records alone.

    No hidden record keeps a person or makes it an old one.
    """
    changes: dict[int, str] = {}
    for person in persons:
        if person in held_after:
            changes[person] = "kept" if person in held_before else "new"
        else:
            changes[person] = (
                "retired" if any(record_id in after for record_id in held_before[person]) else "emptied"
            )
    new_persons = [person for person in persons if changes[person] == "new"]
    earlier = [
        event for event in unit.identity_events.events_of(new_persons) if event.commit_no not in commits
    ]
    known_records = visible_labels(unit, {event.record_id for event in earlier})
    for event in earlier:
        for other_person in (event.before, event.after):
            if (
                other_person is not None
                and event.record_id in known_records
                and changes.get(other_person) == "new"
            ):
                changes[other_person] = "revived"
    return changes


def _group_by_person(
    person_by_record: Mapping[int, int], labels: Mapping[int, RecordRef]
) -> dict[int, dict[int, RecordRef]]:
    groups: dict[int, dict[int, RecordRef]] = {}
    for record, person in person_by_record.items():
        if record in labels:
            groups.setdefault(person, {})[record] = labels[record]
    return groups


def _sort_labels(labels: Mapping[int, RecordRef]) -> tuple[RecordRef, ...]:
    return tuple(sorted(labels.values(), key=lambda label: (label.source, label.local_id)))


def _read_flags(unit: ReadUnit, sources: Mapping[int, str]) -> dict[int, set[str]]:
    """Return the populations of each record that the answer may name.

    A flag that says no, or unknown, names none.
    """
    populations_by_record: dict[int, set[str]] = {}
    for row in unit.record_versions.flags(sources):
        if row.value != _YES:
            continue
        populations_by_record.setdefault(row.record_id, set()).add(row.population)
    return {
        record_id: keep_carried_populations(unit.viewer, Action.DECIDE, sources[record_id], populations)
        for record_id, populations in populations_by_record.items()
    }


def _flag_populations(record_ids: Collection[int], flags: Mapping[int, set[str]]) -> tuple[str, ...]:
    return tuple(sorted({population for record in record_ids for population in flags.get(record, ())}))


def _notified_clients(unit: ReadUnit, sources: Collection[str]) -> tuple[str, ...]:
    """Return API clients that may read the change feed of some sources."""
    return tuple(
        sorted(
            client.name
            for client in unit.clients.active()
            if Action.CROSSWALK_READ in client.actions
            and (client.sources is None or any(source in client.sources for source in sources))
            and sources
        )
    )
