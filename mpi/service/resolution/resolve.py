"""Resolve: after records changed, index them anew, settle every component reached, publish."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from mpi.domain import clock
from mpi.domain.features import Features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.reindex import NOT_PAIRED, Changed, Paired, Progress, Reindexed, reindex, silent
from mpi.service.resolution.closure import NO_NEW_RECORDS, NewRecords, load_closure
from mpi.service.resolution.settlement import NO_ID_CHOICE, IdChoice, Settlement, publish, settle
from mpi.service.resolution.source_assertions import AssertionEffect, update_assertions
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.unit_of_work.unit import WriteUnit


@dataclass(frozen=True, slots=True)
class ResolveInputs:
    """What bears on the partition beside the records that changed.

    Args:
        choice: what is chosen about the IDs.
        followed: records of which something else counts than before, and no other version is active.
        paired: those of the changed records whose pairs are known already.
        said: writes down what else is said, once the records are indexed.
        touched: records that are to be settled though nothing of theirs is to be indexed anew.
    """

    choice: IdChoice = NO_ID_CHOICE
    followed: Collection[int] = ()
    touched: Collection[int] = ()
    paired: Paired = NOT_PAIRED
    said: Callable[[], AssertionEffect] = AssertionEffect


NO_FURTHER_INPUTS = ResolveInputs()


def resolve(
    unit: WriteUnit,
    index: Index,
    changed: Mapping[int, Changed],
    gone: Collection[int],
    cause: str,
    progress: Progress = silent,
    besides: ResolveInputs = NO_FURTHER_INPUTS,
) -> Settlement | None:
    """Bring the published partition up to date; None where nothing changed.

    Args:
        unit: the transaction that also wrote the records.
        index: model, scorer, secret.
        changed: records with new features.
        gone: records that no longer take part.
        cause: goes on memberships and events, such as ``upsert``, ``load``, ``withdraw``.
        progress: told of long steps.
        besides: what else bears on it.
    """
    if not changed and not gone and besides is NO_FURTHER_INPUTS:
        return None
    reindexed = reindex(unit, index, changed, gone, progress, besides.paired)
    return resolve_indexed(unit, index, changed, reindexed, cause, besides)


def resolve_indexed(
    unit: WriteUnit,
    index: Index,
    changed: Mapping[int, Changed],
    reindexed: Reindexed,
    cause: str,
    besides: ResolveInputs = NO_FURTHER_INPUTS,
) -> Settlement:
    """``resolve`` where what changed is indexed anew already."""
    asserted = update_assertions(unit, index, changed, besides.followed)
    asserted.add(besides.said())
    choice = replace(besides.choice, keeps={**asserted.keeps, **besides.choice.keeps})
    touched = reindexed.touched | asserted.records | set(besides.touched)
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

    changed: Mapping[int, Changed] = field(default_factory=dict)
    features: Mapping[int, Features] = field(default_factory=dict)
    newcomers: NewRecords = NO_NEW_RECORDS

    def of(self, records: Collection[int]) -> dict[int, Features]:
        """Features of those of the records that are at hand."""
        mine = {r: self.changed[r].features for r in records if r in self.changed}
        return mine | {r: self.features[r] for r in records if r in self.features}


NO_LOADED_RECORDS = LoadedRecords()


def _find_new_records(
    unit: WriteUnit, changed: Mapping[int, Changed], named: Collection[int], edges: Edges
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
    choice: IdChoice = NO_ID_CHOICE,
    known: LoadedRecords = NO_LOADED_RECORDS,
) -> Settlement:
    """Settle the components of records whose decisions or neighbours are others now, and publish that.

    Args:
        unit: the transaction that also wrote what changed.
        index: model, scorer, secret.
        touched: the records.
        cause: goes on memberships and events.
        choice: what a steward chose about the IDs.
        known: what need not be read.
    """
    settlement = _compute_settlement(unit, index, touched, choice, known)
    publish(unit, settlement, cause, test=index.settings.is_test)
    return settlement


def find_affected_records(unit: WriteUnit, index: Index, touched: Collection[int]) -> frozenset[int]:
    """The records that would be settled with these: their whole components, and all of their persons."""
    thresholds = index.matcher.model.thresholds
    config_id = index.config_id(unit)
    return load_closure(unit, config_id, touched, thresholds.influence_floor, thresholds.stored_from).seen


def preview_assignments(
    unit: WriteUnit, index: Index, touched: Collection[int]
) -> list[tuple[int | None, tuple[int, ...]]]:
    """Who would bear the components of records if they were settled now: (person, records) each."""
    return [(bearer.person, bearer.records) for bearer in plan_settlement(unit, index, touched).bearers]


def plan_settlement(
    unit: WriteUnit,
    index: Index,
    touched: Collection[int],
    choice: IdChoice = NO_ID_CHOICE,
    day: str | None = None,
) -> Settlement:
    """What settling the components of records now would change; nothing is published.

    Args:
        unit: the transaction.
        index: model, scorer, secret.
        touched: the records.
        choice: what is chosen about the IDs.
        day: the plan's date; today where none is given.
    """
    return _compute_settlement(unit, index, touched, choice, NO_LOADED_RECORDS, day)


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
        mine = at_hand.of(wanted)
        return mine | load_features(unit, config_id, [r for r in wanted if r not in mine])

    return settle(unit, scope, features, index.matcher.scorer, thresholds, day or clock.today(), choice)


def get_plan_date() -> str:
    """The plan's date, ``YYYY-MM-DD``."""
    return clock.today()
