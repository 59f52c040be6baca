"""Rules that make clusters of one component: the shipped one and those that it was chosen from.

Each is a function of the component's weights and the link threshold, with ties broken by canonical key. None
knows of decisions: the shipped rule is called without any.
"""

from collections.abc import Callable, Iterable, Mapping

import networkx as nx

from mpi.clustering.component import Component
from mpi.clustering.partition import PAIR_CAP_BITS, partition
from mpi.domain.weight import Thresholds

Clusters = Iterable[Iterable[int]]
Rule = Callable[[Component, Thresholds], Clusters]


def connected_components(component: Component, thresholds: Thresholds) -> Clusters:
    """Whatever a chain of links joins."""
    graph = nx.Graph()
    graph.add_nodes_from(component.records)
    graph.add_edges_from(edge for _, edge in _sort_links(component, thresholds.link))
    return list(nx.connected_components(graph))


def components_with_veto(component: Component, thresholds: Thresholds, veto: float = -10.0) -> Clusters:
    """Links join clusters, strongest first, unless a pair between them weighs less than the veto."""
    return _agglomerate(component, thresholds.link, lambda bits: min(bits) >= veto)


def complete_linkage(component: Component, thresholds: Thresholds) -> Clusters:
    """Links join clusters, strongest first, if every pair between them would link."""
    return _agglomerate(component, thresholds.link, lambda bits: min(bits) >= thresholds.link)


def average_linkage(component: Component, thresholds: Thresholds) -> Clusters:
    """Links join clusters, strongest first, while the mean weight between them reaches the cohesion."""
    return _agglomerate(component, thresholds.link, lambda bits: _mean_weight(bits) >= thresholds.cohesion)


def star_clustering(component: Component, thresholds: Thresholds) -> Clusters:
    """The record with the most link weight takes all that link to it; then the next of those left."""
    strength = dict.fromkeys(component.records, 0.0)
    for bits, edge in _sort_links(component, thresholds.link):
        for end in edge:
            strength[end] += bits
    left, found = set(component.records), []
    for centre in sorted(component.records, key=lambda record: (-strength[record], record)):
        if centre in left:
            star = {r for r in left if r == centre or component.weight(centre, r) >= thresholds.link}
            left -= star
            found.append(star)
    return found


def correlation_clustering(component: Component, thresholds: Thresholds) -> Clusters:
    """Records move, one at a time, to the cluster where the sum of weight above the threshold grows most."""
    of = {record: record for record in component.records}
    moved = True
    while moved:
        moved = False
        for record in component.records:
            gains = dict.fromkeys(sorted({*of.values(), record}), 0.0)
            for other in component.records:
                if other != record:
                    gains[of[other]] += _cap_weight(component.weight(record, other)) - thresholds.link
            best = max(gains, key=lambda cluster: (gains[cluster], -cluster))
            if gains[best] > gains[of[record]] + 1e-9:
                of[record], moved = best, True
    return _group_records(of)


def shipped_rule(component: Component, thresholds: Thresholds) -> Clusters:
    """The index's own rule."""
    return partition(component, thresholds).clusters


RULES: Mapping[str, Rule] = {
    "connected components": connected_components,
    "components with veto at -10 bits": components_with_veto,
    "complete linkage": complete_linkage,
    "stars": star_clustering,
    "correlation clustering": correlation_clustering,
    "average linkage": average_linkage,
    "shipped": shipped_rule,
}


def _sort_links(component: Component, link: float) -> list[tuple[float, tuple[int, int]]]:
    edges = [(bits, edge) for edge, bits in component.weights.items() if bits >= link]
    return sorted(edges, key=lambda item: (-item[0], item[1]))


def _agglomerate(component: Component, link: float, may: Callable[[list[float]], bool]) -> Clusters:
    members = {record: [record] for record in component.records}
    of = {record: record for record in component.records}
    for _, (left, right) in _sort_links(component, link):
        first, second = sorted((of[left], of[right]))
        if first == second:
            continue
        between = [component.weight(a, b) for a in members[first] for b in members[second]]
        if may(between):
            of.update(dict.fromkeys(members[second], first))
            members[first] += members.pop(second)
    return list(members.values())


def _mean_weight(bits: list[float]) -> float:
    return sum(map(_cap_weight, bits)) / len(bits)


def _cap_weight(bits: float) -> float:
    return max(-PAIR_CAP_BITS, min(PAIR_CAP_BITS, bits))


def _group_records(of: Mapping[int, int]) -> Clusters:
    found: dict[int, list[int]] = {}
    for record, cluster in of.items():
        found.setdefault(cluster, []).append(record)
    return list(found.values())
