"""The records that must be settled together with those touched: their whole components."""

from collections.abc import Collection
from dataclasses import dataclass, field

from mpi.domain.decision import Decision
from mpi.storage.repositories.decisions import NamedDecision
from mpi.storage.repositories.derived import Edges
from mpi.storage.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class Closure:
    """Whole components, and everything known about them.

    Args:
        keys: canonical key of each active record, by record number.
        edges: stored edges with an end among the records; the other end may be outside where the
            edge is below the influence floor.
        decisions: decisions in force that name any of the records, or that a chain reaches.
        seen: every record reached, the withdrawn ones too.
        outside: canonical keys of the records just outside, at the other end of a weaker edge.
        named: the same decisions with the records that they name.
        whole: whether it is the whole index, so that nothing lies outside.
    """

    keys: dict[int, int]
    edges: Edges
    decisions: tuple[Decision, ...]
    seen: frozenset[int]
    outside: dict[int, int] = field(default_factory=dict)
    named: tuple[NamedDecision, ...] = ()
    whole: bool = False


def closure(
    unit: ReadUnit, config_id: int, touched: Collection[int], influence_floor: float, stored_from: float
) -> Closure:
    """Follow edges from the influence floor up, decisions and shared persons until nothing is added."""
    seen: set[int] = set()
    edges: Edges = {}
    decisions: dict[int, NamedDecision] = {}
    frontier = set(touched)
    while frontier:
        seen |= frontier
        reached: set[int] = set()
        found = unit.derived.edges_of(config_id, frontier, stored_from)
        edges.update(found)
        for edge, bits in found.items():
            if bits >= influence_floor:
                reached.update(edge)
        for named in unit.decisions.naming(frontier):
            decisions[named.decision.id] = named
            reached |= named.record_ids
        persons = set(unit.persons.current(frontier).values())
        for members in unit.persons.members(persons).values():
            reached.update(members)
        frontier = reached - seen
    outside = {end for edge in edges for end in edge} - seen
    return Closure(
        unit.records.keys(seen),
        edges,
        tuple(sorted(named.decision for named in decisions.values())),
        frozenset(seen),
        unit.records.keys(outside),
        tuple(decisions[number] for number in sorted(decisions)),
    )


def everything(unit: ReadUnit, edges: Edges) -> Closure:
    """The whole index as one closure, over edges already scored."""
    keys = unit.records.active()
    named = tuple(unit.decisions.in_force())
    decisions = tuple(sorted(one.decision for one in named))
    seen = frozenset(keys) | frozenset(unit.persons.all_current())
    return Closure(keys, edges, decisions, seen, named=named, whole=True)
