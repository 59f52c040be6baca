"""Closure of changed records: every record that must be partitioned together.

A closure follows stored pairs, decisions and shared persons until no further record is reached.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mpi.domain.decision import Decision
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.repositories.persons.persons import MAX_CACHED_RECORDS
from mpi.storage.repositories.steps.decisions_in_force import NamedDecision
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class Closure:
    """Connected components of records with their pairs, decisions and persons.

    Args:
        keys: canonical key of each active record, by record number.
        edges: match weights in bits by pair of record numbers. At least one record of each pair is in the
            closure. The other may be outside where the weight is below the influence floor.
        decisions: decisions in force that name any of the records, or that a chain of decisions reaches.
        record_ids: every record reached, withdrawn records included.
        outside_keys: canonical keys of records outside the closure that share such a weaker pair.
        named_decisions: the same decisions with the numbers of the records that they name.
        is_whole_index: whether the closure is the whole index, so that no record lies outside.
        current_persons: person by record number, for the whole index only.
        unreferenced: new records that no stored decision, task or waiting step can name.
    """

    keys: dict[int, int]
    edges: Edges
    decisions: tuple[Decision, ...]
    record_ids: frozenset[int]
    outside_keys: dict[int, int] = field(default_factory=dict)
    named_decisions: tuple[NamedDecision, ...] = ()
    is_whole_index: bool = False
    current_persons: Mapping[int, int] = field(default_factory=dict)
    unreferenced: frozenset[int] = frozenset()

    @property
    def referenced_records(self) -> tuple[int, ...]:
        """Records of the closure that stored decisions or tasks may name.

        They are in ascending order.
        """
        return tuple(sorted(self.record_ids - self.unreferenced))


@dataclass(frozen=True, slots=True)
class NewRecords:
    """Records inserted by this transaction, whose stored data is already known.

    Args:
        keys: canonical key by record number.
        edges: match weights in bits, from the stored floor up, of every pair that has one of the records.
    """

    keys: Mapping[int, int]
    edges: Edges

    def select_edges(self, record_ids: Collection[int]) -> Edges:
        """Return the scored pairs that include at least one of some records."""
        return {
            edge: bits for edge, bits in self.edges.items() if edge[0] in record_ids or edge[1] in record_ids
        }


NO_NEW_RECORDS = NewRecords({}, {})


def load_closure(
    unit: ReadUnit,
    config_id: int,
    changed_ids: Collection[int],
    influence_floor: float,
    stored_from: float,
    new_records: NewRecords = NO_NEW_RECORDS,
) -> Closure:
    """Load every record connected to the changed records, with pairs and decisions.

    Pairs at or above the influence floor, decisions and shared persons connect records.

    Args:
        unit: the transaction.
        config_id: the configuration in force.
        changed_ids: numbers of the changed records.
        influence_floor: match weight in bits from which a pair connects two records.
        stored_from: match weight in bits from which pairs are stored.
        new_records: records whose stored data need not be read.
    """
    visited: set[int] = set()
    edges: Edges = {}
    decisions: dict[int, NamedDecision] = {}
    frontier = set(changed_ids)
    while frontier:
        visited |= frontier
        neighbors: set[int] = set()
        stored_ids = frontier - new_records.keys.keys()
        _prefetch_neighbors(unit, config_id, stored_ids, stored_from)
        if len(stored_ids) <= MAX_CACHED_RECORDS and stored_ids == visited - new_records.keys.keys():
            # A small closure mostly ends here, so what settling reads is prefetched in the same round trip.
            _prefetch_settlement(unit, stored_ids, stored_ids)
        new_edges = unit.derived_data.edges_of(config_id, stored_ids, stored_from) | new_records.select_edges(
            frontier
        )
        edges.update(new_edges)
        for edge, bits in new_edges.items():
            if bits >= influence_floor:
                neighbors.update(edge)
        for named_decision in unit.decisions_in_force.in_force_about(stored_ids):
            decisions[named_decision.decision.id] = named_decision
            neighbors |= named_decision.record_ids
        unit.persons.load_histories(stored_ids)
        persons = set(unit.persons.current_persons(stored_ids).values())
        for members in unit.persons.members(persons).values():
            neighbors.update(members)
        frontier = neighbors - visited
    outside_ids = {end for edge in edges for end in edge} - visited
    unreferenced = frozenset(visited & new_records.keys.keys())
    keys = _load_canonical_keys(unit, visited, outside_ids, new_records)
    return Closure(
        keys={record: canonical_key for record, canonical_key in keys.items() if record in visited},
        edges=edges,
        decisions=tuple(sorted(named_decision.decision for named_decision in decisions.values())),
        record_ids=frozenset(visited),
        outside_keys={
            record: canonical_key for record, canonical_key in keys.items() if record in outside_ids
        },
        named_decisions=tuple(decisions[decision_id] for decision_id in sorted(decisions)),
        unreferenced=unreferenced,
    )


def _prefetch_neighbors(
    unit: ReadUnit, config_id: int, record_ids: Collection[int], stored_from: float
) -> None:
    """Queue database queries for pairs, decisions and persons of records."""
    unit.derived_data.prefetch_edges_of(config_id, record_ids, stored_from)
    unit.decisions_in_force.prefetch_in_force_about(record_ids)
    unit.persons.prefetch_histories(record_ids)


def _load_canonical_keys(
    unit: ReadUnit, record_ids: Collection[int], outside_ids: Collection[int], new_records: NewRecords
) -> dict[int, int]:
    """Load sort keys of active records; queue further queries for their partition."""
    stored_ids = sorted({*record_ids, *outside_ids} - new_records.keys.keys())
    _prefetch_settlement(unit, stored_ids, {*record_ids} - new_records.keys.keys())
    new_keys = {
        record: new_records.keys[record] for record in new_records.keys.keys() & {*record_ids, *outside_ids}
    }
    return unit.records.canonical_keys(stored_ids) | new_keys


def _prefetch_settlement(unit: ReadUnit, record_ids: Collection[int], closure_ids: Collection[int]) -> None:
    """Queue database queries for what partitioning records needs, such as tasks."""
    ascending_ids = sorted(closure_ids)
    unit.records.prefetch_canonical_keys(sorted(record_ids))
    unit.record_versions.prefetch_open_overlays(ascending_ids)
    unit.decisions_in_force.prefetch_waiting_about(ascending_ids)
    unit.tasks.prefetch_about_records(ascending_ids)


def load_whole_index(unit: ReadUnit, edges: Edges) -> Closure:
    """Load all records of the index with scored pairs, as one closure."""
    keys = unit.records.active_canonical_keys()
    named_decisions = tuple(unit.decisions_in_force.all_in_force())
    decisions = tuple(sorted(named_decision.decision for named_decision in named_decisions))
    current_persons = unit.persons.all_current_persons()
    record_ids = frozenset(keys) | frozenset(current_persons)
    return Closure(
        keys=keys,
        edges=edges,
        decisions=decisions,
        record_ids=record_ids,
        named_decisions=named_decisions,
        is_whole_index=True,
        current_persons=current_persons,
    )
