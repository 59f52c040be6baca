"""Resolve: after records changed, index them anew, settle every component reached, publish."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from mpi.domain import clock
from mpi.domain.features import Features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.reindex import (
    NO_KNOWN_PAIRS,
    ChangedRecord,
    KnownPairs,
    Progress,
    ReindexResult,
    ignore_progress,
    reindex,
)
from mpi.service.resolution.closure import NO_NEW_RECORDS, NewRecords, load_closure
from mpi.service.resolution.settlement import NO_ID_CHOICE, IdChoice, Settlement, publish, settle
from mpi.service.resolution.source_assertions import AssertionEffect, update_assertions
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.unit_of_work.unit import WriteUnit


@dataclass(frozen=True, slots=True)
class ResolveInputs:
    """What bears on the partition beside the records that changed.

    Args:
        id_choice: what is chosen about the IDs.
        reassessed_records: records of which something else counts than before, and no other version is active.
        known_pairs: those of the changed records whose pairs are known already.
        write_assertions: writes down what else is said, once the records are indexed.
        further_records: records that are to be settled though nothing of theirs is to be indexed anew.
    """

    id_choice: IdChoice = NO_ID_CHOICE
    reassessed_records: Collection[int] = ()
    further_records: Collection[int] = ()
    known_pairs: KnownPairs = NO_KNOWN_PAIRS
    write_assertions: Callable[[], AssertionEffect] = AssertionEffect


NO_FURTHER_INPUTS = ResolveInputs()


def resolve(
    unit: WriteUnit,
    index: Index,
    changed: Mapping[int, ChangedRecord],
    removed: Collection[int],
    cause: str,
    progress: Progress = ignore_progress,
    further_inputs: ResolveInputs = NO_FURTHER_INPUTS,
) -> Settlement | None:
    """Bring the published partition up to date; None where nothing changed.

    Args:
        unit: the transaction that also wrote the records.
        index: model, scorer, secret.
        changed: records with new features.
        removed: records that no longer take part.
        cause: goes on memberships and events, such as ``upsert``, ``load``, ``withdraw``.
        progress: told of long steps.
        further_inputs: what else bears on it.
    """
    if not changed and not removed and further_inputs is NO_FURTHER_INPUTS:
        return None
    reindexed = reindex(unit, index, changed, removed, progress, further_inputs.known_pairs)
    return resolve_indexed(unit, index, changed, reindexed, cause, further_inputs)


def resolve_indexed(
    unit: WriteUnit,
    index: Index,
    changed: Mapping[int, ChangedRecord],
    reindexed: ReindexResult,
    cause: str,
    further_inputs: ResolveInputs = NO_FURTHER_INPUTS,
) -> Settlement:
    """``resolve`` where what changed is indexed anew already."""
    asserted = update_assertions(unit, index, changed, further_inputs.reassessed_records)
    asserted.merge(further_inputs.write_assertions())
    choice = replace(further_inputs.id_choice, kept_records={**asserted.kept_records, **further_inputs.id_choice.kept_records})
    touched = reindexed.touched | asserted.records | set(further_inputs.further_records)
    newcomers = _find_new_records(unit, changed, asserted.records, reindexed.scored.edges)
    known = LoadedRecords(changed, reindexed.scored.features, newcomers)
    return resettle(unit, index, touched, cause, choice, known)


@dataclass(frozen=True, slots=True)
class LoadedRecords:
    """What is known of records without reading it.

    Args:
        changed: records with their features.
        features: of others.
        newcomers: those that came in this transaction, and that nothing names.
    """

    changed: Mapping[int, ChangedRecord] = field(default_factory=dict)
    features: Mapping[int, Features] = field(default_factory=dict)
    newcomers: NewRecords = NO_NEW_RECORDS

    def select_features(self, records: Collection[int]) -> dict[int, Features]:
        """Features of those of the records that are at hand."""
        mine = {r: self.changed[r].features for r in records if r in self.changed}
        return mine | {r: self.features[r] for r in records if r in self.features}


NO_LOADED_RECORDS = LoadedRecords()


def _find_new_records(
    unit: WriteUnit, changed: Mapping[int, ChangedRecord], named: Collection[int], edges: Edges
) -> NewRecords:
    """The changed records that came in this transaction, those left out that something said of them names."""
    keys = {r: c.key for r, c in changed.items() if c.key is not None and r not in named}
    unit.persons.mark_unassigned(keys)
    return NewRecords(keys, {edge: bits for edge, bits in edges.items() if not keys.keys().isdisjoint(edge)})


def resettle(
    unit: WriteUnit,
    index: Index,
    touched: Collection[int],
    cause: str,
    id_choice: IdChoice = NO_ID_CHOICE,
    loaded: LoadedRecords = NO_LOADED_RECORDS,
) -> Settlement:
    """Settle the components of records whose decisions or neighbours are others now, and publish that.

    Args:
        unit: the transaction that also wrote what changed.
        index: model, scorer, secret.
        touched: the records.
        cause: goes on memberships and events.
        id_choice: what a steward chose about the IDs.
        loaded: what need not be read.
    """
    settlement = _compute_settlement(unit, index, touched, id_choice, loaded)
    publish(unit, settlement, cause, test=index.settings.is_test)
    return settlement


def find_affected_records(unit: WriteUnit, index: Index, touched: Collection[int]) -> frozenset[int]:
    """The records that would be settled with these: their whole components, and all of their persons."""
    thresholds = index.matcher.model.thresholds
    config_id = index.config_id(unit)
    return load_closure(unit, config_id, touched, thresholds.influence_floor, thresholds.stored_from).record_ids


def preview_assignments(
    unit: WriteUnit, index: Index, touched: Collection[int]
) -> list[tuple[int | None, tuple[int, ...]]]:
    """Who would bear the components of records if they were settled now: (person, records) each."""
    return [(bearer.person, bearer.records) for bearer in plan_settlement(unit, index, touched).assignments]


def plan_settlement(
    unit: WriteUnit,
    index: Index,
    touched: Collection[int],
    id_choice: IdChoice = NO_ID_CHOICE,
    day: str | None = None,
) -> Settlement:
    """What settling the components of records now would change; nothing is published.

    Args:
        unit: the transaction.
        index: model, scorer, secret.
        touched: the records.
        id_choice: what is chosen about the IDs.
        day: the plan's date; today where none is given.
    """
    return _compute_settlement(unit, index, touched, id_choice, NO_LOADED_RECORDS, day)


def _compute_settlement(
    unit: WriteUnit,
    index: Index,
    touched: Collection[int],
    choice: IdChoice,
    at_hand: LoadedRecords,
    day: str | None = None,
) -> Settlement:
    config_id = index.config_id(unit)
    thresholds = index.matcher.model.thresholds
    scope = load_closure(
        unit, config_id, touched, thresholds.influence_floor, thresholds.stored_from, at_hand.newcomers
    )

    def features(wanted: Collection[int]) -> Mapping[int, Features]:
        mine = at_hand.select_features(wanted)
        return mine | load_features(unit, config_id, [r for r in wanted if r not in mine])

    return settle(unit, scope, features, index.matcher.scorer, thresholds, day or clock.today(), choice)


def get_plan_date() -> str:
    """The plan's date, ``YYYY-MM-DD``."""
    return clock.today()
