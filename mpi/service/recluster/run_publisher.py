"""Publish a run's changes item by item, in short transactions.

The whole index is settled from a snapshot, which blocks nobody. Each transaction publishes whole components.
It only checks whether another writer has settled any of them since; such a component is settled again in the
next round.

Until an item is published, its run holds it. The run is on record, so the published partition differs from
the computed one by listed holds alone. Anybody who touches a component meanwhile settles it under the
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
from mpi.service.gates.proposal_items import list_items
from mpi.service.recluster.run_state import RunContext
from mpi.service.resolution.closure import load_whole_index
from mpi.service.resolution.id_choice import NO_ID_CHOICE, IdChoice
from mpi.service.resolution.independent_settlements import combine_settlements, split_settlement
from mpi.service.resolution.publication import publish
from mpi.service.resolution.resolve import plan_settlement
from mpi.service.resolution.settlement import EMPTY_SETTLEMENT, Settlement, settle
from mpi.storage.repositories.derived.proposals import ProposalItem
from mpi.storage.repositories.derived.recluster_runs import RunKind
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

HOLDING, RELEASING = "finding what is to be held", "publishing what changes"
PUBLISH_ROUNDS = 10
"""Largest number of publishing rounds over the whole index.

One is enough unless much changes meanwhile.
"""
HOLD_ROUNDS = 3
"""Rounds of holding unapproved items before the activation, at most."""
FORGET_PAGE = 500
"""Records removed from the list of changes in one transaction."""


@dataclass(frozen=True, slots=True)
class ReviewedItems:
    """Items of a re-cluster proposal that a person has reviewed.

    Args:
        numbers: the number of each item by its fingerprint (a hash of the change).
        approved: fingerprints of the approved items.
    """

    numbers: Mapping[str, int]
    approved: frozenset[str]

    def covers(self, part: Settlement) -> bool:
        """Return whether a person approved every change of a plan part.

        Args:
            part: some of the changes of persons that a re-cluster run computed.
        """
        return all(item.fingerprint in self.approved for item in list_items(part))

    def get_numbers(self, items: Sequence[ProposalItem]) -> list[int]:
        """Return the proposal's numbers of those given items that it contains.

        Args:
            items: items, of which the proposal may lack some.
        """
        return [self.numbers[item.fingerprint] for item in items if item.fingerprint in self.numbers]


def settle_index(
    unit: ReadUnit, index: Index, config_id: int, day: str, choice: IdChoice = NO_ID_CHOICE
) -> Settlement:
    """Compute the persons of the whole index from stored pairs, unpublished.

    Args:
        unit: the transaction.
        index: the model.
        config_id: a configuration of that model.
        day: the date of the plan.
        choice: which person keeps which ID.
    """
    scope = load_whole_index(unit, unit.derived_data.all_edges(config_id))

    def read_features(records: Collection[int]) -> Mapping[int, Features]:
        return load_features(unit, config_id, records)

    return settle(
        unit, scope, read_features, index.matcher.scorer, index.matcher.model.thresholds, day, choice
    )


def read_reviewed_items(unit: ReadUnit, context: RunContext) -> ReviewedItems | None:
    """Return the reviewed items of a re-cluster run's proposal, or None.

    Args:
        unit: the transaction.
        context: the re-cluster run.
    """
    run = context.run
    if run.kind != RunKind.PROPOSAL or run.proposal_id is None:
        return None
    numbers = unit.proposals.item_numbers_by_fingerprint(run.proposal_id)
    approved = run.detail["approved"]
    approved_numbers = None if approved is None else set(approved)
    return ReviewedItems(
        numbers,
        frozenset(f for f, no in numbers.items() if approved_numbers is None or no in approved_numbers),
    )


def hold_unapproved(context: RunContext, config_id: int) -> None:
    """Hold a proposal's unapproved items before its configuration is in force.

    While the old configuration is in force, such a hold changes nothing.

    Args:
        context: the re-cluster run.
        config_id: the new configuration.
    """
    for _ in range(HOLD_ROUNDS):
        with context.index.database.read(context.viewer) as unit:
            reviewed = read_reviewed_items(unit, context)
        if reviewed is None:
            return
        context.progress(HOLDING, 0, 1)
        held_items = context.compute(
            partial(_find_items_to_hold, context=context, config_id=config_id, reviewed=reviewed)
        )
        if not held_items:
            return
        for batch in context.pace.batches(held_items):
            with batch.transaction() as unit:
                _hold_items(unit, context, batch.items, reviewed)


def _find_items_to_hold(
    unit: ReadUnit, context: RunContext, config_id: int, reviewed: ReviewedItems
) -> "list[HeldItem]":
    """Return proposal items that are unapproved or in a source's freeze window."""
    items = list_items(settle_index(unit, context.index, config_id, context.run.on_date))
    unapproved = [(item, None) for item in items if item.fingerprint not in reviewed.approved]
    return [
        *unapproved,
        *_find_frozen_items(unit, [item for item in items if item.fingerprint in reviewed.approved]),
    ]


def _find_frozen_items(
    unit: ReadUnit, items: Sequence[ProposalItem]
) -> list[tuple[ProposalItem, tuple[str, set[int]]]]:
    """Return the proposal items in a freeze window, with end and sources."""
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
"""Item to hold, with the end and sources of its freeze window.

The window is None for an item that was not approved.
"""


def _hold_items(
    unit: WriteUnit, context: RunContext, held_items: Sequence[HeldItem], reviewed: ReviewedItems
) -> None:
    """Hold proposal items whose published persons have not changed since planning."""
    records = {record for item, _ in held_items for record in _collect_records(item)}
    current = unit.persons.current_persons(records)
    for item, window in held_items:
        # Its published persons have changed since: the next round settles the item again.
        if any(current.get(record) != person for person, group in item.detail["before"] for record in group):
            continue
        until, sources = window or (None, set())
        add_hold(unit, context.run.proposal_id, item, until, sources)
        is_reviewed = item.fingerprint in reviewed.numbers
        unit.runs.add_counts(context.run.id, held=int(is_reviewed), changed=int(not is_reviewed))
        unit.proposals.set_items(context.run.proposal_id or 0, reviewed.get_numbers([item]), "held")


def _collect_records(item: ProposalItem) -> set[int]:
    """Return the records of a re-cluster proposal's item."""
    return {record for _, group in item.detail["before"] for record in group}


def publish_changes(context: RunContext) -> Settlement:
    """Publish the changes of persons due to the new configuration, in parts.

    Args:
        context: the re-cluster run.

    Returns:
        The changes of the whole index in the first round.
    """
    first_settlement: Settlement | None = None
    for _ in range(PUBLISH_ROUNDS):
        forget_changes(context)
        reviewed, settlement = context.compute(partial(_find_items_to_publish, context=context))
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
        for batch in context.pace.batches(approved):
            with batch.transaction() as unit:
                _publish_parts(unit, context, batch.items, reviewed)
            done_count += len(batch.items)
            context.progress(RELEASING, done_count, len(parts))
        for batch in context.pace.batches(unapproved):
            with batch.transaction() as unit:
                affected_records = {record for part in batch.items for record in part.records}
                _settle_and_publish(unit, context, affected_records, reviewed)
            done_count += len(batch.items)
            context.progress(RELEASING, done_count, len(parts))
    return first_settlement or EMPTY_SETTLEMENT


def _find_items_to_publish(unit: ReadUnit, context: RunContext) -> tuple[ReviewedItems | None, Settlement]:
    """Return a proposal's reviewed items and the index's unpublished changes."""
    config_id = context.index.config_id(unit)
    settlement = settle_index(unit, context.index, config_id, context.run.on_date, _choose_ids(context))
    return read_reviewed_items(unit, context), settlement


def forget_changes(context: RunContext) -> None:
    """Clear a re-cluster run's list of records changed meanwhile.

    A snapshot taken later contains those changes.

    Args:
        context: the re-cluster run.
    """
    while True:
        with context.index.database.read(context.viewer) as unit:
            changed = unit.runs.changed_records(context.run.id, FORGET_PAGE)
        if not changed:
            return
        with context.pace.transaction() as unit:
            unit.runs.delete_changed_records(context.run.id, changed)


def _publish_parts(
    unit: WriteUnit, context: RunContext, parts: Sequence[Settlement], reviewed: ReviewedItems | None
) -> None:
    """Publish computed changes of persons whose records have not changed since."""
    run = context.run
    changed = unit.runs.select_changed(run.id, {record for part in parts for record in part.affected_records})
    unchanged = combine_settlements(
        part for part in parts if not changed or not part.affected_records & changed
    )
    if reviewed is not None:
        unit.proposals.set_items(run.proposal_id or 0, reviewed.get_numbers(list_items(unchanged)), "applied")
    moved_count = publish(
        unit, unchanged, get_cause(context), test=context.index.settings.is_test, is_run=True
    )
    unit.runs.add_counts(run.id, moved=moved_count)


def _settle_and_publish(
    unit: WriteUnit, context: RunContext, affected_records: Collection[int], reviewed: ReviewedItems | None
) -> None:
    """Recompute records' persons, hold unapproved changes and publish the rest."""
    run, index, choice = context.run, context.index, _choose_ids(context)
    settlement = plan_settlement(unit, index, affected_records, choice, run.on_date)
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
            settlement = plan_settlement(unit, index, affected_records, choice, run.on_date)
    moved_count = publish(unit, settlement, get_cause(context), test=index.settings.is_test, is_run=True)
    unit.runs.add_counts(run.id, moved=moved_count)


def get_cause(context: RunContext) -> str:
    """Return the cause of a run's changes for lineage and feed.

    Args:
        context: the re-cluster run.
    """
    return "rollback" if context.run.kind == RunKind.ROLLBACK else "recluster"


def _choose_ids(context: RunContext) -> IdChoice:
    """Return which enterprise IDs a re-cluster run prefers.

    In a rollback each person's ID stays with the records that it held before the proposal.
    """
    run = context.run
    return IdChoice(as_of=run.detail["from_commit"] - 1) if run.kind == RunKind.ROLLBACK else NO_ID_CHOICE


def release_holds(context: RunContext) -> None:
    """Release changes held by a rolled-back proposal and recompute their persons.

    Args:
        context: the re-cluster run.
    """
    run = context.run
    with context.index.database.read(context.viewer) as unit:
        holds = [
            hold_row
            for hold_row in unit.proposals.holds()
            if hold_row.detail.get("proposal") == run.proposal_id
        ]
    for batch in context.pace.batches(holds):
        with batch.transaction() as unit:
            open_ids = {
                hold_row.id
                for hold_row in unit.proposals.select_open_holds([hold_row.id for hold_row in batch.items])
            }
            affected_records = {
                record
                for hold_row in batch.items
                if hold_row.id in open_ids
                for record in end_hold(unit, hold_row, "released")
            }
            if affected_records:
                _settle_and_publish(unit, context, affected_records, None)
