"""Releasing: what a configuration changes is published part by part, each transaction of whole components.

Everything is settled from a snapshot, holding nobody up. The transaction that publishes a part only looks
whether anything of it was settled by somebody else since; then it is looked at again in the next round.

Until its turn comes an item is held by its run, which is on record: the published partition differs from the
computed one by that alone. Whatever touches a component meanwhile settles it, as it always does, under the
configuration in force.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from mpi.domain import clock
from mpi.domain.features import Features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.gates.freeze_rules import find_first_free_day
from mpi.service.gates.holds import add_hold, end_hold
from mpi.service.gates.plan_items import list_items
from mpi.service.recluster.run_state import RunContext
from mpi.service.resolution.closure import load_whole_index
from mpi.service.resolution.publication_parts import combine_settlements, split_settlement
from mpi.service.resolution.resolve import plan_settlement
from mpi.service.resolution.settlement import (
    EMPTY_SETTLEMENT,
    NO_ID_CHOICE,
    IdChoice,
    Settlement,
    publish,
    settle,
)
from mpi.storage.repositories.derived.proposals import Item
from mpi.storage.repositories.derived.runs import RunKind
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

HOLDING, RELEASING = "finding what is to be held", "publishing what changes"
PUBLISH_ROUNDS = 10
"""Times that the whole index is looked through for what is left; one is enough unless much came meanwhile."""
HOLD_ROUNDS = 3
FORGET_PAGE = 500


@dataclass(frozen=True, slots=True)
class ReviewedItems:
    """What of a proposal was read: the numbers of its items by fingerprint, and those that were approved."""

    numbers: Mapping[str, int]
    approved: frozenset[str]

    def covers(self, part: Settlement) -> bool:
        """Whether all that a part changes was read and approved."""
        return all(item.fingerprint in self.approved for item in list_items(part))

    def get_numbers(self, items: Sequence[Item]) -> list[int]:
        """The proposal's own numbers of those of the items that it has."""
        return [self.numbers[item.fingerprint] for item in items if item.fingerprint in self.numbers]


def settle_index(
    unit: ReadUnit, index: Index, config_id: int, day: str, choice: IdChoice = NO_ID_CHOICE
) -> Settlement:
    """What settling everything would change, from what is stored under a configuration of this model."""
    scope = load_whole_index(unit, unit.derived.all_edges(config_id))

    def features(wanted: Collection[int]) -> Mapping[int, Features]:
        return load_features(unit, config_id, wanted)

    return settle(unit, scope, features, index.matcher.scorer, index.matcher.model.thresholds, day, choice)


def read_reviewed_items(unit: ReadUnit, carrier: RunContext) -> ReviewedItems | None:
    """What of a proposal was read; None of a run that carries out none."""
    run = carrier.run
    if run.kind != RunKind.PROPOSAL or run.proposal_id is None:
        return None
    numbers = unit.proposals.numbers_by_fingerprint(run.proposal_id)
    approved = run.detail["approved"]
    wanted = None if approved is None else set(approved)
    return ReviewedItems(numbers, frozenset(f for f, no in numbers.items() if wanted is None or no in wanted))


def hold_unapproved(carrier: RunContext, config_id: int) -> None:
    """Hold what is not to happen while the old configuration is in force, where a hold changes nothing."""
    for _ in range(HOLD_ROUNDS):
        with carrier.index.database.read(carrier.viewer) as unit:
            read = read_reviewed_items(unit, carrier)
        if read is None:
            return
        carrier.progress(HOLDING, 0, 1)
        held = carrier.compute(partial(_find_items_to_hold, carrier=carrier, config_id=config_id, read=read))
        if not held:
            return
        for part in carrier.pace.parts(held):
            with part.turn() as unit:
                _hold_items(unit, carrier, part.items, read)


def _find_items_to_hold(
    unit: ReadUnit, carrier: RunContext, config_id: int, read: ReviewedItems
) -> "list[HeldItem]":
    """What a proposal's run would change, and nobody approved, or a freeze window holds."""
    items = list_items(settle_index(unit, carrier.index, config_id, carrier.run.on_date))
    unread = [(item, None) for item in items if item.fingerprint not in read.approved]
    return [*unread, *_find_frozen_items(unit, [item for item in items if item.fingerprint in read.approved])]


def _find_frozen_items(unit: ReadUnit, items: Sequence[Item]) -> list[tuple[Item, tuple[str, set[int]]]]:
    """The items that a freeze window holds: until when, and the sources whose windows they heed."""
    today = clock.today()
    if not unit.freezes.all():
        return []
    found = []
    for item in items:
        sources = {record.source_id for record in unit.records.get(_collect_records(item)).values()}
        until = find_first_free_day(unit, sources, today)
        if until > today:
            found.append((item, (until, sources)))
    return found


HeldItem = tuple[Item, tuple[str, set[int]] | None]
"""An item, and the window that holds it; None for one that was not approved."""


def _hold_items(unit: WriteUnit, carrier: RunContext, held: Sequence[HeldItem], read: ReviewedItems) -> None:
    records = {record for item, _ in held for record in _collect_records(item)}
    current = unit.persons.current(records)
    for item, window in held:
        # What is published of it has changed since it was looked at: it is looked at again.
        if any(current.get(record) != person for person, group in item.detail["before"] for record in group):
            continue
        until, sources = window or (None, set())
        add_hold(unit, carrier.run.proposal_id, item, until, sources)
        known = item.fingerprint in read.numbers
        unit.runs.count(carrier.run.id, held=int(known), changed=int(not known))
        unit.proposals.set_items(carrier.run.proposal_id or 0, read.get_numbers([item]), "held")


def _collect_records(item: Item) -> set[int]:
    return {record for _, group in item.detail["before"] for record in group}


def publish_changes(carrier: RunContext) -> Settlement:
    """Publish, item by item, what the configuration in force changes; returns what that was at first."""
    first: Settlement | None = None
    for _ in range(PUBLISH_ROUNDS):
        forget_changes(carrier)
        read, settlement = carrier.compute(partial(_find_items_to_publish, carrier=carrier))
        first = first or settlement
        work = list(split_settlement(settlement))
        del settlement
        if not work:
            break
        unread = [part for part in work if read is not None and not read.covers(part)]
        known = [part for part in work if read is None or read.covers(part)] if unread else work
        done = 0
        for some in carrier.pace.parts(known):
            with some.turn() as unit:
                _publish_parts(unit, carrier, some.items, read)
            done += len(some.items)
            carrier.progress(RELEASING, done, len(work))
        for some in carrier.pace.parts(unread):
            with some.turn() as unit:
                touched = {record for part in some.items for record in part.records}
                _settle_and_publish(unit, carrier, touched, read)
            done += len(some.items)
            carrier.progress(RELEASING, done, len(work))
    return first or EMPTY_SETTLEMENT


def _find_items_to_publish(unit: ReadUnit, carrier: RunContext) -> tuple[ReviewedItems | None, Settlement]:
    """What of a proposal was read, and what the configuration changes."""
    config_id = carrier.index.config_id(unit)
    settlement = settle_index(unit, carrier.index, config_id, carrier.run.on_date, _choose_ids(carrier))
    return read_reviewed_items(unit, carrier), settlement


def forget_changes(carrier: RunContext) -> None:
    """Forget what changed beside the run: a snapshot that is taken after this has it."""
    while True:
        with carrier.index.database.read(carrier.viewer) as unit:
            rest = unit.runs.changed(carrier.run.id, FORGET_PAGE)
        if not rest:
            return
        with carrier.pace.turn() as unit:
            unit.runs.forget(carrier.run.id, rest)


def _publish_parts(
    unit: WriteUnit, carrier: RunContext, parts: Sequence[Settlement], read: ReviewedItems | None
) -> None:
    """Publish parts as they were settled, but for those of which anything has changed since."""
    run = carrier.run
    changed = unit.runs.changed_among(run.id, {record for part in parts for record in part.concerned})
    sound = combine_settlements(part for part in parts if not changed or not part.concerned & changed)
    if read is not None:
        unit.proposals.set_items(run.proposal_id or 0, read.get_numbers(list_items(sound)), "applied")
    moved = publish(unit, sound, get_cause(carrier), test=carrier.index.settings.is_test, by_run=True)
    unit.runs.count(run.id, moved=moved)


def _settle_and_publish(
    unit: WriteUnit, carrier: RunContext, touched: Collection[int], read: ReviewedItems | None
) -> None:
    run, index, choice = carrier.run, carrier.index, _choose_ids(carrier)
    settlement = plan_settlement(unit, index, touched, choice, run.on_date)
    if read is not None:
        items = list_items(settlement)
        unread = [item for item in items if item.fingerprint not in read.approved]
        for item in unread:
            add_hold(unit, run.proposal_id, item)
            known = item.fingerprint in read.numbers
            unit.runs.count(run.id, held=int(known), changed=int(not known))
        carried_out = [item for item in items if item.fingerprint in read.approved]
        unit.proposals.set_items(run.proposal_id or 0, read.get_numbers(carried_out), "applied")
        unit.proposals.set_items(run.proposal_id or 0, read.get_numbers(unread), "held")
        if unread:
            settlement = plan_settlement(unit, index, touched, choice, run.on_date)
    moved = publish(unit, settlement, get_cause(carrier), test=index.settings.is_test, by_run=True)
    unit.runs.count(run.id, moved=moved)


def get_cause(carrier: RunContext) -> str:
    """What a run's changes bear as their cause, in the lineage and the feed."""
    return "rollback" if carrier.run.kind == RunKind.ROLLBACK else "recluster"


def _choose_ids(carrier: RunContext) -> IdChoice:
    """Of a rollback: each person's ID stays with those of its records that it held before the proposal."""
    run = carrier.run
    return IdChoice(as_of=run.detail["from_commit"] - 1) if run.kind == RunKind.ROLLBACK else NO_ID_CHOICE


def release_holds(carrier: RunContext) -> None:
    """End what the proposal held that is rolled back; its records are settled at once."""
    run = carrier.run
    with carrier.index.database.read(carrier.viewer) as unit:
        waiting = [one for one in unit.proposals.holds() if one.detail.get("proposal") == run.proposal_id]
    for part in carrier.pace.parts(waiting):
        with part.turn() as unit:
            still = {one.id for one in unit.proposals.open_among([one.id for one in part.items])}
            touched = {r for one in part.items if one.id in still for r in end_hold(unit, one, "released")}
            if touched:
                _settle_and_publish(unit, carrier, touched, None)
