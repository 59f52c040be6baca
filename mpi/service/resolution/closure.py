"""The records that must be settled together with those touched: their whole components."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from mpi.domain.decision import Decision
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.repositories.persons.persons import MAX_CACHED_RECORDS
from mpi.storage.repositories.steps.decisions import NamedDecision
from mpi.storage.unit_of_work.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class Closure:
    """Whole components, and everything known about them.

    Args:
        keys: canonical key of each active record, by record number.
        edges: stored edges with an end among the records; the other end may be outside where the
            edge is below the influence floor.
        decisions: decisions in force that name any of the records, or that a chain reaches.
        record_ids: every record reached, the withdrawn ones too.
        outside_keys: canonical keys of the records just outside, at the other end of a weaker edge.
        named_decisions: the same decisions with the records that they name.
        is_whole_index: whether it is the whole index, so that nothing lies outside.
        current_persons: where it is the whole index, the person of every record that has one.
        unreferenced: records of which nothing is stored but what came with them: no decision, task or question
            that waits can name one.
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
        """The records reached that something stored may name, ascending."""
        return tuple(sorted(self.record_ids - self.unreferenced))


@dataclass(frozen=True, slots=True)
class NewRecords:
    """Records that came in this transaction, of which what is stored is known without reading it.

    Args:
        keys: canonical key of each.
        edges: every edge from the stored floor up that has one of them as an end.
    """

    keys: Mapping[int, int]
    edges: Edges

    def select_edges(self, record_ids: Collection[int]) -> Edges:
        """Those edges that one of the records has as an end."""
        return {
            edge: bits for edge, bits in self.edges.items() if edge[0] in record_ids or edge[1] in record_ids
        }


NO_NEW_RECORDS = NewRecords({}, {})


def load_closure(
    unit: ReadUnit,
    config_id: int,
    touched: Collection[int],
    influence_floor: float,
    stored_from: float,
    newcomers: NewRecords = NO_NEW_RECORDS,
) -> Closure:
    """Follow edges from the influence floor up, decisions and shared persons until nothing is added.

    Args:
        unit: the transaction.
        config_id: the configuration in force.
        touched: the records to begin with.
        influence_floor: weight in bits from which an edge is followed.
        stored_from: weight in bits from which edges are stored.
        newcomers: records of which nothing need be read.
    """
    seen: set[int] = set()
    edges: Edges = {}
    decisions: dict[int, NamedDecision] = {}
    frontier = set(touched)
    while frontier:
        seen |= frontier
        reached: set[int] = set()
        stored = frontier - newcomers.keys.keys()
        _prefetch_neighbors(unit, config_id, stored, stored_from)
        if len(stored) <= MAX_CACHED_RECORDS and stored == seen - newcomers.keys.keys():
            # These are mostly all that there are.
            _prefetch_settlement(unit, stored, stored)
        found = unit.derived_data.edges_of(config_id, stored, stored_from) | newcomers.select_edges(frontier)
        edges.update(found)
        for edge, bits in found.items():
            if bits >= influence_floor:
                reached.update(edge)
        for named in unit.decisions.in_force_about(stored):
            decisions[named.decision.id] = named
            reached |= named.record_ids
        unit.persons.load_histories(stored)
        persons = set(unit.persons.current_persons(stored).values())
        for members in unit.persons.members(persons).values():
            reached.update(members)
        frontier = reached - seen
    outside = {end for edge in edges for end in edge} - seen
    bare = frozenset(seen & newcomers.keys.keys())
    keys = _load_canonical_keys(unit, seen, outside, newcomers)
    return Closure(
        {record: key for record, key in keys.items() if record in seen},
        edges,
        tuple(sorted(named.decision for named in decisions.values())),
        frozenset(seen),
        {record: key for record, key in keys.items() if record in outside},
        tuple(decisions[number] for number in sorted(decisions)),
        unreferenced=bare,
    )


def _prefetch_neighbors(unit: ReadUnit, config_id: int, records: Collection[int], stored_from: float) -> None:
    unit.derived_data.prefetch_edges_of(config_id, records, stored_from)
    unit.decisions.prefetch_in_force_about(records)
    unit.persons.prefetch_histories(records)


def _load_canonical_keys(
    unit: ReadUnit, seen: Collection[int], outside: Collection[int], newcomers: NewRecords
) -> dict[int, int]:
    """Canonical keys of the active ones; what settling asks next of a few is asked in the same breath."""
    stored = sorted({*seen, *outside} - newcomers.keys.keys())
    _prefetch_settlement(unit, stored, {*seen} - newcomers.keys.keys())
    mine = {record: newcomers.keys[record] for record in newcomers.keys.keys() & {*seen, *outside}}
    return unit.records.canonical_keys(stored) | mine


def _prefetch_settlement(unit: ReadUnit, records: Collection[int], named: Collection[int]) -> None:
    in_order = sorted(named)
    unit.records.prefetch_canonical_keys(sorted(records))
    unit.records.prefetch_open_overlays(in_order)
    unit.decisions.prefetch_waiting_about(in_order)
    unit.tasks.prefetch_about_records(in_order)


def load_whole_index(unit: ReadUnit, edges: Edges) -> Closure:
    """The whole index as one closure, over edges already scored."""
    keys = unit.records.active_canonical_keys()
    named = tuple(unit.decisions.all_in_force())
    decisions = tuple(sorted(one.decision for one in named))
    current = unit.persons.all_current_persons()
    seen = frozenset(keys) | frozenset(current)
    return Closure(keys, edges, decisions, seen, named_decisions=named, is_whole_index=True, current_persons=current)
