"""Connected components of records, which are partitioned independently.

Two records are in one component where a chain of pairs at or above the influence floor, or of decisions,
joins them. No rule of the partition looks outside a component, so the partition of all records is the union
of the partitions of their components.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import networkx as nx

from mpi.clustering.union_find import UnionFind
from mpi.domain.decision import Decision, DecisionKind
from mpi.domain.weight import Thresholds

Pair = tuple[int, int]
"""Two canonical keys, the lower first."""

MAX_COMPONENT_RECORDS = 50
"""Records above which a component's join threshold is raised until its parts fit."""
THRESHOLD_STEP_BITS = 2.0
"""Bits by which the join threshold of a large component is raised at a time."""


def order_pair(left: int, right: int) -> Pair:
    """Return two canonical keys as a pair, the lower first."""
    return (left, right) if left < right else (right, left)


@dataclass(frozen=True, slots=True)
class Component:
    """Connected records to cluster together, with their weights and decisions.

    Args:
        records: canonical keys of the active records, ascending.
        weights: bits of every pair of the records, blocked or not, rounded to 1e-6.
        decisions: decisions in force that name any of the records, directly or by a chain of decisions.
        raised_bits: bits added to the link threshold because the component was too large.
        uncorroborated: pairs that link by name and birth date alone.
        opposed: pairs that would link by name and birth date alone, if nothing opposed them.
    """

    records: tuple[int, ...]
    weights: Mapping[Pair, float]
    decisions: tuple[Decision, ...] = ()
    raised_bits: float = 0.0
    uncorroborated: frozenset[Pair] = frozenset()
    opposed: frozenset[Pair] = frozenset()

    def weight(self, left: int, right: int) -> float:
        """Return the match weight of a pair; -inf for one never scored.

        A withdrawn record's pairs are not scored.
        """
        return self.weights.get(order_pair(left, right), -math.inf)


@dataclass(frozen=True, slots=True)
class UnscoredComponent:
    """Connected records some of whose pair weights are not scored yet.

    Args:
        records: canonical keys of the active records, ascending.
        decisions: decisions in force that name any of them.
        raised_bits: bits added to the link threshold because the component was too large.
    """

    records: tuple[int, ...]
    decisions: tuple[Decision, ...] = ()
    raised_bits: float = 0.0


def find_components(
    records: Iterable[int],
    edges: Mapping[Pair, float],
    decisions: Iterable[Decision],
    thresholds: Thresholds,
) -> list[UnscoredComponent]:
    """Find the sets of records that edges or stewards' decisions connect.

    Args:
        records: canonical keys of active records; the result covers exactly these.
        edges: bits of the known pairs; those below the influence floor are ignored.
        decisions: decisions in force; they may name withdrawn records, which connect others but are
            in no component.
        thresholds: give the influence floor.

    Returns:
        Components in ascending order of their first record.
    """
    active_records = frozenset(records)
    components: list[UnscoredComponent] = []
    for connected in _connect_records(active_records, edges, sorted(decisions), thresholds.influence_floor):
        if len(connected.records) > MAX_COMPONENT_RECORDS:
            components += _split_oversized(connected, thresholds.influence_floor, 0.0)
        else:
            components.append(UnscoredComponent(connected.records, connected.decisions))
    return sorted(components, key=lambda piece: piece.records)


@dataclass(frozen=True, slots=True)
class _ConnectedRecords:
    """Connected records before the set is split to a size limit.

    Args:
        records: active records, ascending.
        decisions: decisions that name a record of the set, a withdrawn one too, ascending.
        edges: edges from the floor up; given only where the records are too many.
    """

    records: tuple[int, ...]
    decisions: tuple[Decision, ...]
    edges: dict[Pair, float] = field(default_factory=dict)


def _connect_records(
    active_records: frozenset[int], edges: Mapping[Pair, float], decisions: list[Decision], floor: float
) -> Iterator[_ConnectedRecords]:
    """Join records by scored edges and by decisions.

    No graph is built, because nearly all records are alone or in pairs.
    """
    sets = UnionFind()
    strong_edges = [
        edge
        for edge, bits in edges.items()
        if bits >= floor and edge[0] in active_records and edge[1] in active_records
    ]
    for edge in strong_edges:
        sets.join(*edge)
    for decision in decisions:
        sets.join_all(record for group in decision.groups for record in group)
    decisions_of: dict[int, list[Decision]] = {}
    for decision in decisions:
        decisions_of.setdefault(sets.find(decision.groups[0][0]), []).append(decision)
    members = sets.list_sets()
    large_roots = {
        root for root, members_of_set in members.items() if len(members_of_set) > MAX_COMPONENT_RECORDS
    }
    edges_of: dict[int, dict[Pair, float]] = {root: {} for root in large_roots}
    for edge in strong_edges if large_roots else ():
        if (root := sets.find(edge[0])) in large_roots:
            edges_of[root][edge] = edges[edge]
    lone_records = active_records.difference(*members.values()) if members else active_records
    yield from (_ConnectedRecords((record,), ()) for record in lone_records)
    for root, members_of_set in members.items():
        if connected := tuple(sorted(active_records.intersection(members_of_set))):
            yield _ConnectedRecords(connected, tuple(decisions_of.get(root, ())), edges_of.get(root, {}))


def _split_oversized(
    connected: _ConnectedRecords, floor: float, raised_bits: float
) -> Iterator[UnscoredComponent]:
    """Split too many connected records by raising the weight that joins them."""
    if len(connected.records) <= MAX_COMPONENT_RECORDS or not connected.edges:
        yield UnscoredComponent(connected.records, connected.decisions, raised_bits)
        return
    raised_bits += THRESHOLD_STEP_BITS
    members = frozenset(connected.records)
    graph = nx.Graph()
    graph.add_nodes_from(connected.records)
    graph.add_weighted_edges_from(
        (*edge, bits) for edge, bits in connected.edges.items() if bits >= floor + raised_bits
    )
    for decision in connected.decisions:
        if decision.kind is DecisionKind.SAME:
            nx.add_path(graph, [record for group in decision.groups for record in group])
    for nodes in nx.connected_components(graph):
        if records := tuple(sorted(nodes & members)):
            # The edges that raising can still part, and so not those of decisions.
            edges = {
                order_pair(left, right): bits
                for left, right, bits in graph.edges(nodes, "weight")
                if bits is not None
            }
            yield from _split_oversized(
                _ConnectedRecords(records, _select_decisions(connected.decisions, nodes), edges),
                floor,
                raised_bits,
            )


def _select_decisions(decisions: tuple[Decision, ...], records: set[int]) -> tuple[Decision, ...]:
    """Return the decisions that name any of the records."""
    return tuple(
        decision
        for decision in decisions
        if any(record in records for group in decision.groups for record in group)
    )


def find_spanning_edges(edges: Mapping[Pair, float], piece_of: Mapping[int, int]) -> list[Pair]:
    """Return a maximum spanning forest of record components (Kruskal, 1956).

    These are the fewest and heaviest edges that still join all components that any edges join.

    Args:
        edges: bits of pairs whose ends lie in different components.
        piece_of: number of each record's component.

    Returns:
        Heaviest first; n - 1 edges for *n* connected components, where the pairs may be n * n / 2.
    """
    joined = UnionFind()
    heaviest_first = sorted(edges.items(), key=lambda item: (-item[1], item[0]))
    return [edge for edge, _ in heaviest_first if joined.join(piece_of[edge[0]], piece_of[edge[1]])]
