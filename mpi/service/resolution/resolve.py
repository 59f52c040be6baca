"""Resolve changed records: index, partition and publish everything they reach."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from mpi.domain import clock
from mpi.domain.features import Features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.indexing.known_pairs import NO_KNOWN_PAIRS, KnownPairs
from mpi.service.indexing.reindex import Progress, ReindexResult, ignore_progress, reindex
from mpi.service.resolution.assertion_updates import update_assertions
from mpi.service.resolution.closure import NO_NEW_RECORDS, NewRecords, load_closure
from mpi.service.resolution.id_choice import NO_ID_CHOICE, IdChoice
from mpi.service.resolution.publication import publish
from mpi.service.resolution.settlement import Settlement, settle
from mpi.service.resolution.source_assertions import AssertionEffect
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import WriteUnit


@dataclass(frozen=True, slots=True)
class ResolveInputs:
    """Inputs of partitioning changed records again, besides those records.

    Args:
        id_choice: preferences about which person keeps its enterprise ID.
        reassessed_records: records of which other statements count than before, although the active version
            is the same.
        further_records: records to settle although nothing of theirs is indexed again.
        known_pairs: those of the changed records whose candidate pairs are known already.
        write_assertions: writes further assertions of sources once the records are indexed, and returns the
            records that these affect.
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
    """Index changed records again and publish the new partition around them.

    Args:
        unit: the transaction that also wrote the records.
        index: the open index.
        changed: records with new features, by record number.
        removed: records that are no longer active.
        cause: stored with memberships and events, such as ``upsert``, ``load``, ``withdraw``.
        progress: callback that reports long steps.
        further_inputs: inputs besides the records.

    Returns:
        The published settlement; None where there is nothing to resolve.
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
    """Partition already indexed records into persons and publish the result.

    Args:
        unit: the transaction that also wrote the records.
        index: the open index.
        changed: records with new features, by record number.
        reindexed: the result of reindexing them.
        cause: stored with memberships and events.
        further_inputs: inputs besides the records.
    """
    assertion_effect = update_assertions(unit, index, changed, further_inputs.reassessed_records)
    assertion_effect.merge(further_inputs.write_assertions())
    id_choice = replace(
        further_inputs.id_choice,
        kept_records={**assertion_effect.kept_records, **further_inputs.id_choice.kept_records},
    )
    affected_records = reindexed.affected | assertion_effect.records | set(further_inputs.further_records)
    new_records = _find_new_records(unit, changed, assertion_effect.records, reindexed.scored.edges)
    loaded = LoadedRecords(changed, reindexed.scored.features, new_records)
    return resettle(unit, index, affected_records, cause, id_choice, loaded)


@dataclass(frozen=True, slots=True)
class LoadedRecords:
    """Records' comparison features already in memory, to avoid reading them again.

    Args:
        changed: changed records with their features, by record number.
        features: features of other records.
        new_records: records inserted by this transaction that no decision names.
    """

    changed: Mapping[int, ChangedRecord] = field(default_factory=dict)
    features: Mapping[int, Features] = field(default_factory=dict)
    new_records: NewRecords = NO_NEW_RECORDS

    def select_features(self, records: Collection[int]) -> dict[int, Features]:
        """Return those comparison features of some records that are in memory."""
        changed_features = {
            record: self.changed[record].features for record in records if record in self.changed
        }
        return changed_features | {
            record: self.features[record] for record in records if record in self.features
        }


NO_LOADED_RECORDS = LoadedRecords()


def _find_new_records(
    unit: WriteUnit, changed: Mapping[int, ChangedRecord], named_records: Collection[int], edges: Edges
) -> NewRecords:
    """Return records new in this transaction that no source assertion names."""
    keys = {
        record: change.canonical_key
        for record, change in changed.items()
        if change.canonical_key is not None and record not in named_records
    }
    unit.persons.mark_unassigned(keys)
    return NewRecords(keys, {edge: bits for edge, bits in edges.items() if not keys.keys().isdisjoint(edge)})


def resettle(
    unit: WriteUnit,
    index: Index,
    record_ids: Collection[int],
    cause: str,
    id_choice: IdChoice = NO_ID_CHOICE,
    loaded: LoadedRecords = NO_LOADED_RECORDS,
) -> Settlement:
    """Partition the components of records again and publish the result.

    For records whose decisions or neighbors have changed.

    Args:
        unit: the transaction that also wrote the change.
        index: the open index.
        record_ids: numbers of the records.
        cause: stored with memberships and events.
        id_choice: preferences about enterprise IDs.
        loaded: data in memory that need not be read.
    """
    settlement = _compute_settlement(unit, index, record_ids, id_choice, loaded)
    publish(unit, settlement, cause, test=index.settings.is_test)
    return settlement


def find_affected_records(unit: WriteUnit, index: Index, record_ids: Collection[int]) -> frozenset[int]:
    """Return every record in the components and persons of the given records."""
    thresholds = index.matcher.model.thresholds
    config_id = index.config_id(unit)
    return load_closure(
        unit, config_id, record_ids, thresholds.influence_floor, thresholds.storage_floor
    ).record_ids


def preview_assignments(
    unit: WriteUnit, index: Index, record_ids: Collection[int]
) -> list[tuple[int | None, tuple[int, ...]]]:
    """Return the persons that partitioning records now would make.

    Each is a pair of person number and record numbers. The number is None where an enterprise ID would be
    minted.
    """
    return [
        (assignment.person, assignment.records)
        for assignment in plan_settlement(unit, index, record_ids).assignments
    ]


def plan_settlement(
    unit: WriteUnit,
    index: Index,
    record_ids: Collection[int],
    id_choice: IdChoice = NO_ID_CHOICE,
    day: str | None = None,
) -> Settlement:
    """Compute how partitioning records again would change persons, without publishing.

    Args:
        unit: the transaction.
        index: the open index.
        record_ids: numbers of the records.
        id_choice: preferences about enterprise IDs.
        day: the plan's date, ``YYYY-MM-DD``; None for today.
    """
    return _compute_settlement(unit, index, record_ids, id_choice, NO_LOADED_RECORDS, day)


def _compute_settlement(
    unit: WriteUnit,
    index: Index,
    settled_ids: Collection[int],
    id_choice: IdChoice,
    loaded: LoadedRecords,
    day: str | None = None,
) -> Settlement:
    """Load all connected records, partition them and assign persons."""
    config_id = index.config_id(unit)
    thresholds = index.matcher.model.thresholds
    closure = load_closure(
        unit, config_id, settled_ids, thresholds.influence_floor, thresholds.storage_floor, loaded.new_records
    )

    def load_missing_features(record_ids: Collection[int]) -> Mapping[int, Features]:
        in_memory = loaded.select_features(record_ids)
        return in_memory | load_features(
            unit, config_id, [record for record in record_ids if record not in in_memory]
        )

    return settle(
        unit,
        closure,
        load_missing_features,
        index.matcher.scorer,
        thresholds,
        day or clock.today(),
        id_choice,
    )


def get_plan_date() -> str:
    """Return today's date in UTC, for the survivor rule of a plan.

    As ``YYYY-MM-DD``. Where several persons' records become one person, the rule prefers the enterprise ID
    with a school enrollment open on that date. The partition itself uses no date.
    """
    return clock.today()
