"""Components: the pieces that can be partitioned apart from each other.

Two records are in one component where a chain of pairs at or above the influence floor, or of decisions,
joins them. No rule of the partition looks outside a component, so the partition of the whole is the union
of the partitions of its components.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import networkx as nx

from mpi.domain.decision import Decision, DecisionKind
from mpi.domain.weight import Thresholds

Pair = tuple[int, int]
"""Two canonical keys, the lower first."""

MAX_RECORDS = 50
"""Above this many records a component's join weight is raised until its pieces fit."""
RAISE_BITS = 2.0


def pair(left: int, right: int) -> Pair:
    """The one canonical order of a pair."""
    return (left, right) if left < right else (right, left)


@dataclass(frozen=True, slots=True)
class Component:
    """Records to be partitioned together, with everything that bears on it.

    Args:
        records: canonical keys of the active records, ascending.
        weights: bits of every pair of them, blocked or not, rounded to 1e-6.
        decisions: decisions in force that name any of them, or that a chain of decisions reaches.
        raised: bits by which its link threshold is raised because it was too large.
        uncorroborated: pairs that link by name and birth date alone.
        opposed: pairs that would, if nothing spoke against them.
    """

    records: tuple[int, ...]
    weights: Mapping[Pair, float]
    decisions: tuple[Decision, ...] = ()
    raised: float = 0.0
    uncorroborated: frozenset[Pair] = frozenset()
    opposed: frozenset[Pair] = frozenset()

    def weight(self, left: int, right: int) -> float:
        """Bits of a pair; -inf for one that was never scored (a withdrawn record's)."""
        return self.weights.get(pair(left, right), -math.inf)


@dataclass(frozen=True, slots=True)
class Piece:
    """A component before its missing pairs are scored."""

    records: tuple[int, ...]
    decisions: tuple[Decision, ...] = ()
    raised: float = 0.0


@dataclass(slots=True)
class _Linkage:
    decisions: tuple[Decision, ...]
    active: frozenset[int]
    pieces: list[Piece] = field(default_factory=list)


def pieces(
    records: Iterable[int],
    edges: Mapping[Pair, float],
    decisions: Iterable[Decision],
    thresholds: Thresholds,
) -> list[Piece]:
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
    linkage = _Linkage(tuple(sorted(decisions)), frozenset(records))
    _collect(linkage, sorted(linkage.active), edges, thresholds.influence_floor, 0.0)
    return sorted(linkage.pieces, key=lambda piece: piece.records)


def _collect(
    linkage: _Linkage, nodes: list[int], edges: Mapping[Pair, float], floor: float, raised: float
) -> None:
    graph = nx.Graph()
    graph.add_nodes_from(nodes)
    members = set(nodes)
    graph.add_weighted_edges_from(
        (left, right, bits)
        for (left, right), bits in edges.items()
        if bits >= floor + raised and left in members and right in members
    )
    for decision in linkage.decisions:
        named = [record for group in decision.groups for record in group]
        if raised == 0 or decision.kind is DecisionKind.SAME:
            nx.add_path(graph, [n for n in named if n in members or n not in linkage.active])
    for connected in nx.connected_components(graph):
        found = sorted(connected & linkage.active)
        if not found:
            continue
        inside = _weighed(graph, connected) if len(found) > MAX_RECORDS else {}
        if inside:
            _collect(linkage, found, inside, floor, raised + RAISE_BITS)
            continue
        linkage.pieces.append(Piece(tuple(found), _naming(linkage.decisions, connected), raised))


def _weighed(graph: nx.Graph, nodes: set[int]) -> dict[Pair, float]:
    """The edges that raising can still part, and so not those of decisions; empty where there is none."""
    edges = graph.edges(nodes, data="weight")
    return {pair(left, right): bits for left, right, bits in edges if bits is not None}


def _naming(decisions: tuple[Decision, ...], nodes: set[int]) -> tuple[Decision, ...]:
    return tuple(d for d in decisions if any(record in nodes for group in d.groups for record in group))


def spanning(edges: Mapping[Pair, float], place: Mapping[int, int]) -> list[Pair]:
    """The fewest and heaviest edges that still join every two pieces that any edges join (Kruskal, 1956).

    Args:
        edges: bits of pairs whose ends lie in different pieces.
        place: the piece of each record.

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
        one, other = find(place[edge[0]]), find(place[edge[1]])
        if one != other:
            root[max(one, other)] = min(one, other)
            kept.append(edge)
    return kept
