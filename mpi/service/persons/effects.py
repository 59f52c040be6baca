"""Effects: what a step does to people, IDs and flags, and who is told, as the viewer may see it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.service.core.visibility import visible_labels
from mpi.storage.repositories.persons.persons import Person, PersonStatus
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

FIELDS = ("source", "local_id", "enterprise_id", "flags")


@dataclass(frozen=True, slots=True)
class PersonEffect:
    """What becomes of one person.

    Args:
        enterprise_id: its ID; None for one that a preview would mint.
        change: ``kept``, ``new``, ``revived``, ``retired`` or ``emptied``.
        before: records that it held.
        after: records that it holds.
        flags: populations of the flags of those records, for which somebody may have to be told.
    """

    enterprise_id: str | None
    change: str
    before: tuple[RecordRef, ...]
    after: tuple[RecordRef, ...]
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MovedRecord:
    """A record that goes from one person to another; None where it has none, or a preview would mint one."""

    source: str
    local_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class UnchangedLink:
    """What an undo does not change, and the decision that would.

    Args:
        together: whether the groups stay one person; otherwise they stay apart.
        because: ``model`` or ``decision``.
        offer: the opposite decision: its kind and groups.
    """

    together: bool
    because: str
    offer: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PastDisclosure:
    """An answer that left while the records were one person, to a client that was told of both parts.

    Args:
        at: when (ISO, UTC).
        client: who received it.
        purpose: the purpose of use that the call named.
        action: what was asked.
        fields: names of the fields that it held.
        handle: what stands for the records in the ledger where they were too many to list: an export.
        records: those of the parted records that it was about, as the viewer may see them.
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
    """What a step did, or in a preview would do.

    Args:
        kind: ``decision``, ``merge``, ``split``, ``move``, ``undo``, …
        preview: whether nothing was changed.
        step: number under which it can be undone; None in a preview.
        decisions: numbers of the decisions that it made; empty in a preview.
        persons: the people whose records change.
        moved: the records that change person.
        told: clients that see the change in the feed.
        stays: of an undo, what it does not change.
        etag: of the persons as they were read: apply with ``If-Match``.
        awaiting: whether it waits for others to say so too, and so did nothing yet.
        disclosed: how many answers left because of the links that it parts; None where the viewer may not
            know of others' answers.
        disclosures: the latest of them, newest first; empty where the viewer may not read the ledger.
        held_until: the first day after a freeze window, from which it takes effect; None where none is open.
        approval: whether a second approver is among those that it waits for.
        consent_of: the sources whose owners are among them, of those that the viewer may see.
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
        """Plain values, for JSON."""
        return asdict(self)


def effect_fields(effect: StepEffect) -> tuple[str, ...]:
    """Names of the fields that an effect shows, for the ledger."""
    return (*FIELDS, "disclosures") if effect.disclosures else FIELDS


StepChanges = tuple[tuple[PersonEffect, ...], tuple[MovedRecord, ...], tuple[str, ...], frozenset[int]]
"""People, records moved, who is told, and the records shown."""


def describe_changes(
    unit: WriteUnit, before: Mapping[int, int], settled: Collection[int], *, preview: bool
) -> StepChanges:
    """What a step changed, told from before and after publishing.

    Args:
        unit: the transaction, after publishing.
        before: the person of each settled record before.
        settled: every record that was settled.
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
    """The same of a step of several commits, which are asked for where records have moved.

    Args:
        unit: a transaction, after publishing.
        commits: gives those of the step.
        before: the person of each settled record before the first of them.
        settled: every record that was settled.
        preview: whether IDs minted in these commits are only tried.
    """
    after = unit.persons.current_persons(settled)
    labels = visible_labels(unit, settled)
    moved = [record for record in sorted(labels) if before.get(record) != after.get(record)]
    touched = {p for record in moved for p in (before.get(record), after.get(record)) if p is not None}
    persons = unit.persons.by_ids(touched)
    own = commits() if moved else ()
    held_before, held_after = _group_by_person(before, labels), _group_by_person(after, labels)
    if unit.viewer.sources is None:
        held_by_any = set(before.values())
        becomes = {n: _person_change(person, n in held_by_any, own) for n, person in persons.items()}
    else:
        becomes = _visible_changes(unit, persons, held_before, held_after, after, own)
    eids = {
        number: None if preview and becomes[number] == "new" else person.eid
        for number, person in persons.items()
    }
    shown = frozenset(
        record for record in labels if before.get(record) in touched or after.get(record) in touched
    )
    flags = _read_flags(unit, shown)
    effects = [
        PersonEffect(
            eids[number],
            becomes[number],
            _sort_labels(held_before.get(number, {})),
            _sort_labels(held_after.get(number, {})),
            _flag_populations({*held_before.get(number, {}), *held_after.get(number, {})}, flags),
        )
        for number in sorted(persons)
    ]
    lines = tuple(
        MovedRecord(
            labels[record].source,
            labels[record].local_id,
            None if record not in before else eids[before[record]],
            None if record not in after else eids[after[record]],
        )
        for record in sorted(moved, key=lambda record: (labels[record].source, labels[record].local_id))
    )
    return tuple(effects), lines, _notified_clients(unit, {labels[record].source for record in moved}), shown


def _person_change(person: Person, held: bool, commits: Collection[int]) -> str:
    if person.status == PersonStatus.RETIRED:
        return "retired"
    if person.status == PersonStatus.EMPTY:
        return "emptied"
    if person.minted_commit in commits:
        return "new"
    return "kept" if held else "revived"


def _visible_changes(
    unit: ReadUnit,
    persons: Collection[int],
    held_before: Mapping[int, Mapping[int, RecordRef]],
    held_after: Mapping[int, Mapping[int, RecordRef]],
    after: Mapping[int, int],
    commits: Collection[int],
) -> dict[int, str]:
    """What becomes of persons by the records that the viewer may see: no other keeps one or makes it old."""
    becomes: dict[int, str] = {}
    for person in persons:
        if person in held_after:
            becomes[person] = "kept" if person in held_before else "new"
        else:
            becomes[person] = "retired" if any(r in after for r in held_before[person]) else "emptied"
    arrived = [person for person in persons if becomes[person] == "new"]
    earlier = [event for event in unit.persons.events_of(arrived) if event.commit_no not in commits]
    known = visible_labels(unit, {event.record_id for event in earlier})
    for event in earlier:
        for place in (event.before, event.after):
            if place is not None and event.record_id in known and becomes.get(place) == "new":
                becomes[place] = "revived"
    return becomes


def _group_by_person(
    of: Mapping[int, int], labels: Mapping[int, RecordRef]
) -> dict[int, dict[int, RecordRef]]:
    found: dict[int, dict[int, RecordRef]] = {}
    for record, bearer in of.items():
        if record in labels:
            found.setdefault(bearer, {})[record] = labels[record]
    return found


def _sort_labels(held: Mapping[int, RecordRef]) -> tuple[RecordRef, ...]:
    return tuple(sorted(held.values(), key=lambda label: (label.source, label.local_id)))


def _read_flags(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for row in unit.records.flags(record_ids):
        found.setdefault(row.record_id, set()).add(row.population)
    return found


def _flag_populations(record_ids: Collection[int], flags: Mapping[int, set[str]]) -> tuple[str, ...]:
    return tuple(sorted({population for record in record_ids for population in flags.get(record, ())}))


def _notified_clients(unit: ReadUnit, sources: Collection[str]) -> tuple[str, ...]:
    """Clients that may read the feed of any of the sources."""
    return tuple(
        sorted(
            client.name
            for client in unit.clients.active()
            if Action.CROSSWALK_READ in client.actions
            and (client.sources is None or any(source in client.sources for source in sources))
            and sources
        )
    )
