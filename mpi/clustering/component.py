"""Components: the pieces that can be partitioned apart from each other.

Two records are in one component where a chain of pairs at or above the influence floor, or of decisions,
joins them. No rule of the partition looks outside a component, so the partition of the whole is the union
of the partitions of its components.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import networkx as nx

from mpi.domain.decision import Decision, DecisionKind
from mpi.domain.weight import Thresholds

Pair = tuple[int, int]
"""Two canonical keys, the lower first."""

MAX_COMPONENT_RECORDS = 50
"""Above this many records a component's join weight is raised until its pieces fit."""
THRESHOLD_STEP_BITS = 2.0


def order_pair(left: int, right: int) -> Pair:
    """The one canonical order of a pair."""
    return (left, right) if left < right else (right, left)


@dataclass(frozen=True, slots=True)
class Component:
    """Records to be partitioned together, with everything that bears on it.

    Args:
        records: canonical keys of the active records, ascending.
        weights: bits of every pair of them, blocked or not, rounded to 1e-6.
        decisions: decisions in force that name any of them, or that a chain of decisions reaches.
        raised_bits: bits by which its link threshold is raised because it was too large.
        uncorroborated: pairs that link by name and birth date alone.
        opposed: pairs that would, if nothing spoke against them.
    """

    records: tuple[int, ...]
    weights: Mapping[Pair, float]
    decisions: tuple[Decision, ...] = ()
    raised_bits: float = 0.0
    uncorroborated: frozenset[Pair] = frozenset()
    opposed: frozenset[Pair] = frozenset()

    def weight(self, left: int, right: int) -> float:
        """Bits of a pair; -inf for one that was never scored (a withdrawn record's)."""
        return self.weights.get(order_pair(left, right), -math.inf)


@dataclass(frozen=True, slots=True)
class UnscoredComponent:
    """A component before its missing pairs are scored."""

    records: tuple[int, ...]
    decisions: tuple[Decision, ...] = ()
    raised_bits: float = 0.0


def find_components(
    records: Iterable[int],
    edges: Mapping[Pair, float],
    decisions: Iterable[Decision],
    thresholds: Thresholds,
) -> list[UnscoredComponent]:
    """Find the components of the given records.

    Args:
        records: canonical keys of active records; the result covers exactly these.
        edges: bits of the known pairs; those below the influence floor are ignored.
        decisions: decisions in force; they may name withdrawn records, which carry a chain but are
            in no piece.
        thresholds: give the influence floor.

    Returns:
        Pieces in ascending order of their first record.
    """
    active = frozenset(records)
    found: list[UnscoredComponent] = []
    for connected in _connect_records(active, edges, sorted(decisions), thresholds.influence_floor):
        if len(connected.records) > MAX_COMPONENT_RECORDS:
            found += _split_oversized(connected, thresholds.influence_floor, 0.0)
        else:
            found.append(UnscoredComponent(connected.records, connected.decisions))
    return sorted(found, key=lambda piece: piece.records)


@dataclass(frozen=True, slots=True)
class _ConnectedRecords:
    """What hangs together.

    Args:
        records: active records, ascending.
        decisions: those that name a record of it, a withdrawn one too, ascending.
        edges: the edges from the floor up; only where there are too many records.
    """

    records: tuple[int, ...]
    decisions: tuple[Decision, ...]
    edges: dict[Pair, float] = field(default_factory=dict)


class Sets:
    """Records joined into sets."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def find(self, record: int) -> int:
        """The record that names a record's set."""
        above = self._above
        while (next_above := above.setdefault(record, record)) != record:
            above[record] = above[next_above]
            record = next_above
        return record

    def join_all(self, records: Iterable[int]) -> None:
        """Make one set of the records' sets."""
        first, *rest = (self.find(record) for record in records)
        for other in rest:
            self._above[self.find(other)] = self.find(first)

    def list_sets(self) -> dict[int, list[int]]:
        """Every set, by the record that names it."""
        members: dict[int, list[int]] = {}
        for record in self._above:
            members.setdefault(self.find(record), []).append(record)
        return members


def _connect_records(
    active: frozenset[int], edges: Mapping[Pair, float], decisions: list[Decision], floor: float
) -> Iterator[_ConnectedRecords]:
    """Records joined by edges and decisions. No graph is built: nearly all stand alone or in pairs."""
    sets = Sets()
    strong = [e for e, bits in edges.items() if bits >= floor and e[0] in active and e[1] in active]
    for edge in strong:
        sets.join_all(edge)
    for decision in decisions:
        sets.join_all(record for group in decision.groups for record in group)
    naming: dict[int, list[Decision]] = {}
    for decision in decisions:
        naming.setdefault(sets.find(decision.groups[0][0]), []).append(decision)
    members = sets.list_sets()
    large = {place for place, each in members.items() if len(each) > MAX_COMPONENT_RECORDS}
    inside: dict[int, dict[Pair, float]] = {place: {} for place in large}
    for edge in strong if large else ():
        if (place := sets.find(edge[0])) in large:
            inside[place][edge] = edges[edge]
    alone = active.difference(*members.values()) if members else active
    yield from (_ConnectedRecords((record,), ()) for record in alone)
    for place, each in members.items():
        if found := tuple(sorted(active.intersection(each))):
            yield _ConnectedRecords(found, tuple(naming.get(place, ())), inside.get(place, {}))


def _split_oversized(connected: _ConnectedRecords, floor: float, raised: float) -> Iterator[UnscoredComponent]:
    """The pieces of what hangs together by too many records, once the join weight is raised far enough."""
    if len(connected.records) <= MAX_COMPONENT_RECORDS or not connected.edges:
        yield UnscoredComponent(connected.records, connected.decisions, raised)
        return
    raised += THRESHOLD_STEP_BITS
    members = frozenset(connected.records)
    graph = nx.Graph()
    graph.add_nodes_from(connected.records)
    graph.add_weighted_edges_from(
        (*e, bits) for e, bits in connected.edges.items() if bits >= floor + raised
    )
    for decision in connected.decisions:
        if decision.kind is DecisionKind.SAME:
            nx.add_path(graph, [record for group in decision.groups for record in group])
    for nodes in nx.connected_components(graph):
        if found := tuple(sorted(nodes & members)):
            # The edges that raising can still part, and so not those of decisions.
            inside = {
                order_pair(left, right): bits
                for left, right, bits in graph.edges(nodes, "weight")
                if bits is not None
            }
            yield from _split_oversized(_ConnectedRecords(found, _select_decisions(connected.decisions, nodes), inside), floor, raised)


def _select_decisions(decisions: tuple[Decision, ...], nodes: set[int]) -> tuple[Decision, ...]:
    return tuple(d for d in decisions if any(record in nodes for group in d.groups for record in group))


def find_spanning_edges(edges: Mapping[Pair, float], piece_of: Mapping[int, int]) -> list[Pair]:
    """The fewest and heaviest edges that still join every two pieces that any edges join (Kruskal, 1956).

    Args:
        edges: bits of pairs whose ends lie in different pieces.
        piece_of: the piece of each record.

    Returns:
        Heaviest first; of *n* pieces in one component n - 1 edges, where the pairs may be n * n / 2.
    """
    root: dict[int, int] = {}

    def find(piece: int) -> int:
        while (above := root.get(piece, piece)) != piece:
            root[piece] = root.get(above, above)
            piece = above
        return piece

    kept = []
    for edge, _ in sorted(edges.items(), key=lambda item: (-item[1], item[0])):
        one, other = find(piece_of[edge[0]]), find(piece_of[edge[1]])
        if one != other:
            root[max(one, other)] = min(one, other)
            kept.append(edge)
    return kept
