"""Partition rules that divide one component into clusters.

They are the shipped rule and those that it was chosen from. Each is a function of the component's
weights and the thresholds, with ties broken by record ID. None knows decisions: the shipped rule is
called without any.
"""

from collections.abc import Callable, Iterable, Mapping

import networkx as nx

from mpi.clustering.component import Component
from mpi.clustering.partition import PAIR_CAP_BITS, partition
from mpi.domain.weight import Thresholds

Clusters = Iterable[Iterable[int]]
Rule = Callable[[Component, Thresholds], Clusters]


def connected_components(component: Component, thresholds: Thresholds) -> Clusters:
    """Cluster all records of a component that a chain of links joins."""
    graph = nx.Graph()
    graph.add_nodes_from(component.records)
    graph.add_edges_from(edge for _, edge in _sort_links(component, thresholds.link))
    return list(nx.connected_components(graph))


def components_with_veto(component: Component, thresholds: Thresholds, veto: float = -10.0) -> Clusters:
    """Join clusters by links, strongest first, unless a pair is vetoed.

    Args:
        component: the component.
        thresholds: thresholds of the bands.
        veto: weight in bits below which a pair between two clusters forbids their union.
    """
    return _agglomerate(component, thresholds.link, lambda bits: min(bits) >= veto)


def complete_linkage(component: Component, thresholds: Thresholds) -> Clusters:
    """Join clusters, strongest link first, if every pair between them links."""
    return _agglomerate(component, thresholds.link, lambda bits: min(bits) >= thresholds.link)


def average_linkage(component: Component, thresholds: Thresholds) -> Clusters:
    """Join clusters, strongest link first, if their mean weight reaches cohesion."""
    return _agglomerate(component, thresholds.link, lambda bits: _mean_weight(bits) >= thresholds.cohesion)


def star_clustering(component: Component, thresholds: Thresholds) -> Clusters:
    """Cluster each strongest record with all records that link to it.

    The next center is the strongest of the records left.
    """
    strength = dict.fromkeys(component.records, 0.0)
    for bits, edge in _sort_links(component, thresholds.link):
        for end in edge:
            strength[end] += bits
    remaining, clusters = set(component.records), []
    for center in sorted(component.records, key=lambda record: (-strength[record], record)):
        if center in remaining:
            star = {r for r in remaining if r == center or component.weight(center, r) >= thresholds.link}
            remaining -= star
            clusters.append(star)
    return clusters


def correlation_clustering(component: Component, thresholds: Thresholds) -> Clusters:
    """Move records, one at a time, to the cluster of greatest gain.

    The gain is the sum of weight above the link threshold.
    """
    cluster_of_record = {record: record for record in component.records}
    has_moved = True
    while has_moved:
        has_moved = False
        for record in component.records:
            gains = dict.fromkeys(sorted({*cluster_of_record.values(), record}), 0.0)
            for neighbor in component.records:
                if neighbor != record:
                    gains[cluster_of_record[neighbor]] += (
                        _cap_weight(component.weight(record, neighbor)) - thresholds.link
                    )
            best = max(gains, key=lambda cluster: (gains[cluster], -cluster))
            if gains[best] > gains[cluster_of_record[record]] + 1e-9:
                cluster_of_record[record], has_moved = best, True
    return _group_records(cluster_of_record)


def shipped_rule(component: Component, thresholds: Thresholds) -> Clusters:
    """Partition a connected component by the index's own rule."""
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
    """Return the component's pairs at or above a weight, strongest first."""
    edges = [(bits, edge) for edge, bits in component.weights.items() if bits >= link]
    return sorted(edges, key=lambda item: (-item[0], item[1]))


def _agglomerate(component: Component, link: float, may_join: Callable[[list[float]], bool]) -> Clusters:
    """Join clusters of records along links, if a criterion allows."""
    members = {record: [record] for record in component.records}
    cluster_of_record = {record: record for record in component.records}
    for _, (left, right) in _sort_links(component, link):
        first, second = sorted((cluster_of_record[left], cluster_of_record[right]))
        if first == second:
            continue
        pair_weights = [
            component.weight(first_member, second_member)
            for first_member in members[first]
            for second_member in members[second]
        ]
        if may_join(pair_weights):
            cluster_of_record.update(dict.fromkeys(members[second], first))
            members[first] += members.pop(second)
    return list(members.values())


def _mean_weight(bits: list[float]) -> float:
    """Return the mean of pair weights, each capped."""
    return sum(map(_cap_weight, bits)) / len(bits)


def _cap_weight(bits: float) -> float:
    """Cap a pair's weight as the index's own partition rule does."""
    return max(-PAIR_CAP_BITS, min(PAIR_CAP_BITS, bits))


def _group_records(cluster_of_record: Mapping[int, int]) -> Clusters:
    """Group records by their cluster."""
    members: dict[int, list[int]] = {}
    for record, cluster in cluster_of_record.items():
        members.setdefault(cluster, []).append(record)
    return list(members.values())
