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
from mpi.storage.repositories.derived.proposals import ProposalItem
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

    def get_numbers(self, items: Sequence[ProposalItem]) -> list[int]:
        """The proposal's own numbers of those of the items that it has."""
        return [self.numbers[item.fingerprint] for item in items if item.fingerprint in self.numbers]


def settle_index(
    unit: ReadUnit, index: Index, config_id: int, day: str, choice: IdChoice = NO_ID_CHOICE
) -> Settlement:
    """What settling everything would change, from what is stored under a configuration of this model."""
    scope = load_whole_index(unit, unit.derived_data.all_edges(config_id))

    def read_features(records: Collection[int]) -> Mapping[int, Features]:
        return load_features(unit, config_id, records)

    return settle(
        unit, scope, read_features, index.matcher.scorer, index.matcher.model.thresholds, day, choice
    )


def read_reviewed_items(unit: ReadUnit, carrier: RunContext) -> ReviewedItems | None:
    """What of a proposal was read; None of a run that carries out none."""
    run = carrier.run
    if run.kind != RunKind.PROPOSAL or run.proposal_id is None:
        return None
    numbers = unit.proposals.item_numbers_by_fingerprint(run.proposal_id)
    approved = run.detail["approved"]
    approved_numbers = None if approved is None else set(approved)
    return ReviewedItems(
        numbers,
        frozenset(f for f, no in numbers.items() if approved_numbers is None or no in approved_numbers),
    )


def hold_unapproved(carrier: RunContext, config_id: int) -> None:
    """Hold what is not to happen while the old configuration is in force, where a hold changes nothing."""
    for _ in range(HOLD_ROUNDS):
        with carrier.index.database.read(carrier.viewer) as unit:
            reviewed = read_reviewed_items(unit, carrier)
        if reviewed is None:
            return
        carrier.progress(HOLDING, 0, 1)
        held_items = carrier.compute(
            partial(_find_items_to_hold, carrier=carrier, config_id=config_id, read=reviewed)
        )
        if not held_items:
            return
        for part in carrier.pace.parts(held_items):
            with part.turn() as unit:
                _hold_items(unit, carrier, part.items, reviewed)


def _find_items_to_hold(
    unit: ReadUnit, carrier: RunContext, config_id: int, read: ReviewedItems
) -> "list[HeldItem]":
    """What a proposal's run would change, and nobody approved, or a freeze window holds."""
    items = list_items(settle_index(unit, carrier.index, config_id, carrier.run.on_date))
    unapproved = [(item, None) for item in items if item.fingerprint not in read.approved]
    return [
        *unapproved,
        *_find_frozen_items(unit, [item for item in items if item.fingerprint in read.approved]),
    ]


def _find_frozen_items(
    unit: ReadUnit, items: Sequence[ProposalItem]
) -> list[tuple[ProposalItem, tuple[str, set[int]]]]:
    """The items that a freeze window holds: until when, and the sources whose windows they heed."""
    today = clock.today()
    if not unit.freezes.all():
        return []
    frozen = []
    for item in items:
        sources = {record.source_id for record in unit.records.get(_collect_records(item)).values()}
        until = find_first_free_day(unit, sources, today)
        if until > today:
            frozen.append((item, (until, sources)))
    return frozen


HeldItem = tuple[ProposalItem, tuple[str, set[int]] | None]
"""An item, and the window that holds it; None for one that was not approved."""


def _hold_items(
    unit: WriteUnit, carrier: RunContext, held_items: Sequence[HeldItem], reviewed: ReviewedItems
) -> None:
    records = {record for item, _ in held_items for record in _collect_records(item)}
    current = unit.persons.current_persons(records)
    for item, window in held_items:
        # What is published of it has changed since it was looked at: it is looked at again.
        if any(current.get(record) != person for person, group in item.detail["before"] for record in group):
            continue
        until, sources = window or (None, set())
        add_hold(unit, carrier.run.proposal_id, item, until, sources)
        is_reviewed = item.fingerprint in reviewed.numbers
        unit.runs.add_counts(carrier.run.id, held=int(is_reviewed), changed=int(not is_reviewed))
        unit.proposals.set_items(carrier.run.proposal_id or 0, reviewed.get_numbers([item]), "held")


def _collect_records(item: ProposalItem) -> set[int]:
    return {record for _, group in item.detail["before"] for record in group}


def publish_changes(carrier: RunContext) -> Settlement:
    """Publish, item by item, what the configuration in force changes; returns what that was at first."""
    first_settlement: Settlement | None = None
    for _ in range(PUBLISH_ROUNDS):
        forget_changes(carrier)
        reviewed, settlement = carrier.compute(partial(_find_items_to_publish, carrier=carrier))
        first_settlement = first_settlement or settlement
        parts = list(split_settlement(settlement))
        del settlement
        if not parts:
            break
        unapproved = [part for part in parts if reviewed is not None and not reviewed.covers(part)]
        approved = (
            [part for part in parts if reviewed is None or reviewed.covers(part)] if unapproved else parts
        )
        done_count = 0
        for batch in carrier.pace.parts(approved):
            with batch.turn() as unit:
                _publish_parts(unit, carrier, batch.items, reviewed)
            done_count += len(batch.items)
            carrier.progress(RELEASING, done_count, len(parts))
        for batch in carrier.pace.parts(unapproved):
            with batch.turn() as unit:
                touched = {record for part in batch.items for record in part.records}
                _settle_and_publish(unit, carrier, touched, reviewed)
            done_count += len(batch.items)
            carrier.progress(RELEASING, done_count, len(parts))
    return first_settlement or EMPTY_SETTLEMENT


def _find_items_to_publish(unit: ReadUnit, carrier: RunContext) -> tuple[ReviewedItems | None, Settlement]:
    """What of a proposal was read, and what the configuration changes."""
    config_id = carrier.index.config_id(unit)
    settlement = settle_index(unit, carrier.index, config_id, carrier.run.on_date, _choose_ids(carrier))
    return read_reviewed_items(unit, carrier), settlement


def forget_changes(carrier: RunContext) -> None:
    """Forget what changed beside the run: a snapshot that is taken after this has it."""
    while True:
        with carrier.index.database.read(carrier.viewer) as unit:
            changed = unit.runs.changed_records(carrier.run.id, FORGET_PAGE)
        if not changed:
            return
        with carrier.pace.turn() as unit:
            unit.runs.delete_changed_records(carrier.run.id, changed)


def _publish_parts(
    unit: WriteUnit, carrier: RunContext, parts: Sequence[Settlement], reviewed: ReviewedItems | None
) -> None:
    """Publish parts as they were settled, but for those of which anything has changed since."""
    run = carrier.run
    changed = unit.runs.select_changed(run.id, {record for part in parts for record in part.concerned})
    unchanged = combine_settlements(part for part in parts if not changed or not part.concerned & changed)
    if reviewed is not None:
        unit.proposals.set_items(run.proposal_id or 0, reviewed.get_numbers(list_items(unchanged)), "applied")
    moved_count = publish(
        unit, unchanged, get_cause(carrier), test=carrier.index.settings.is_test, by_run=True
    )
    unit.runs.add_counts(run.id, moved=moved_count)


def _settle_and_publish(
    unit: WriteUnit, carrier: RunContext, touched: Collection[int], reviewed: ReviewedItems | None
) -> None:
    run, index, choice = carrier.run, carrier.index, _choose_ids(carrier)
    settlement = plan_settlement(unit, index, touched, choice, run.on_date)
    if reviewed is not None:
        items = list_items(settlement)
        unapproved = [item for item in items if item.fingerprint not in reviewed.approved]
        for item in unapproved:
            add_hold(unit, run.proposal_id, item)
            is_reviewed = item.fingerprint in reviewed.numbers
            unit.runs.add_counts(run.id, held=int(is_reviewed), changed=int(not is_reviewed))
        approved = [item for item in items if item.fingerprint in reviewed.approved]
        unit.proposals.set_items(run.proposal_id or 0, reviewed.get_numbers(approved), "applied")
        unit.proposals.set_items(run.proposal_id or 0, reviewed.get_numbers(unapproved), "held")
        if unapproved:
            settlement = plan_settlement(unit, index, touched, choice, run.on_date)
    moved_count = publish(unit, settlement, get_cause(carrier), test=index.settings.is_test, by_run=True)
    unit.runs.add_counts(run.id, moved=moved_count)


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
        holds = [
            hold_row
            for hold_row in unit.proposals.holds()
            if hold_row.detail.get("proposal") == run.proposal_id
        ]
    for part in carrier.pace.parts(holds):
        with part.turn() as unit:
            open_ids = {
                hold_row.id
                for hold_row in unit.proposals.open_among([hold_row.id for hold_row in part.items])
            }
            touched = {
                record
                for hold_row in part.items
                if hold_row.id in open_ids
                for record in end_hold(unit, hold_row, "released")
            }
            if touched:
                _settle_and_publish(unit, carrier, touched, None)
