"""The partition: which records of a component are one person. Pure, deterministic, order-neutral.

It is a function of the set of weights and the set of decisions: inputs are sorted by canonical key, every
tie is explicit, weights are rounded to 1e-6 bits, and no unordered set is iterated. In order:

1. decisions bind: SAME joins, DIFFERENT parts, higher authority first (``binding``);
2. an edge at or above the link threshold is *contested* where a rival, that is not the same person as
   the edge's other end, comes within the margin of it or beats it: it never links. Rival and other end are
   the same person where they are probably each other, or where all three would be in one cluster whose
   halves, as it grew, linked by their mean: several records of one child vouch for a poor one. They are
   never taken for the same person where the edge rests on name and birth date alone, and so does what
   joins rival and other end, against which something speaks: so do strangers of one name and birthday;
3. the edges left join clusters, strongest first, as long as the halves cohere: their mean weight over
   every pair between them, scored whether blocked or not, stays at or above the cohesion threshold.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from mpi.clustering.component import Component, Pair, order_pair
from mpi.clustering.decision_groups import DecisionGroups, apply_decisions
from mpi.domain.decision import Decision
from mpi.domain.weight import Thresholds

SAME_PERSON_BITS = 0.0
"""Two rivals at or above this weight are probably each other, and so no ambiguity: even odds."""

PAIR_CAP_BITS = 20.0
"""One pair counts at most this much, either way, in a mean: no single pair outvotes the rest."""

_ROUNDING_BITS = 1e-6
_MAX_RECORDS_WITHOUT_RIVAL = 2
"""Most components have no more records; of three there may be a rival."""


class ReviewReason(StrEnum):
    """Why a pair that weighs enough to be looked at is not linked."""

    BAND = "band"
    AMBIGUOUS = "ambiguous"
    SECOND_BEST = "second-best"
    INCOHESIVE = "incohesive"
    OVERSIZED = "oversized"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class ReviewPair:
    """A pair for clerical review."""

    pair: Pair
    bits: float
    reason: ReviewReason


@dataclass(frozen=True, slots=True)
class Partition:
    """Who is who in a component.

    Args:
        clusters: each ascending, ordered by first record; together they are the component's records.
        review_pairs: pairs at or above the review threshold that ended in different clusters, by pair.
        suspended: decisions that could not hold because they meet a stronger one.
    """

    clusters: tuple[tuple[int, ...], ...]
    review_pairs: tuple[ReviewPair, ...] = ()
    suspended: tuple[Decision, ...] = ()


def partition(component: Component, thresholds: Thresholds) -> Partition:
    """Partition one component.

    Args:
        component: its records, the weights of all their pairs, the decisions in force.
        thresholds: link, review and margin in bits; cohesion in mean bits.
    """
    if not component.decisions and len(component.records) <= _MAX_RECORDS_WITHOUT_RIVAL:
        return _partition_small(component, thresholds)
    if is_fully_linked(component, thresholds):
        return Partition((component.records,))
    binding = apply_decisions(component)
    clusters = _GrowingClusters(component, binding)
    contested: dict[Pair, ReviewReason] = {}
    link = thresholds.link + component.raised_bits
    edges = _list_link_edges(component, link)
    vouched = _grow_uncontested(component, binding, edges, link)
    for bits, edge in edges:
        reason = _find_rival(component, vouched, edge, bits, thresholds.margin) if thresholds.margin else None
        if reason is None and clusters.would_cohere(edge, thresholds.cohesion):
            clusters.join(edge)
        elif reason is not None:
            contested[edge] = reason
    return Partition(
        clusters.to_tuples(),
        tuple(_list_review_pairs(component, thresholds, clusters, contested)),
        binding.suspended,
    )


def _partition_small(component: Component, thresholds: Thresholds) -> Partition:
    """The same for a record alone, or a pair about which nobody decided: no rival, and no other half."""
    if len(component.records) == 1:
        return Partition((component.records,))
    left, right = component.records
    bits = component.weight(left, right)
    clipped = max(-PAIR_CAP_BITS, min(PAIR_CAP_BITS, bits))
    if bits >= thresholds.link + component.raised_bits and clipped >= thresholds.cohesion:
        return Partition((component.records,))
    doubts = (ReviewPair((left, right), bits, _explain_uncontested(component, thresholds, bits)),)
    return Partition(((left,), (right,)), doubts if bits >= thresholds.review else ())


def is_fully_linked(component: Component, thresholds: Thresholds) -> bool:
    """Whether each record links with every other and nobody decided: then they are one person.

    Every rival of an edge is probably the same person as its other end, no half is incoherent, and no pair
    is left to doubt. Marks bear on a pair of these only where it is opposed, and so does not weigh enough.
    """
    count = len(component.records)
    if component.decisions or component.opposed or len(component.weights) < count * (count - 1) // 2:
        return False
    # A mean of several may be lower than the least of them by what adding them rounds away.
    least = max(thresholds.link + component.raised_bits, thresholds.cohesion + _ROUNDING_BITS, SAME_PERSON_BITS)
    return thresholds.cohesion + _ROUNDING_BITS <= PAIR_CAP_BITS and min(component.weights.values()) >= least


def _list_link_edges(component: Component, link: float) -> list[tuple[float, Pair]]:
    edges = [(bits, edge) for edge, bits in component.weights.items() if bits >= link]
    return sorted(edges, key=lambda item: (-item[0], item[1]))


def _grow_uncontested(
    component: Component, binding: DecisionGroups, edges: list[tuple[float, Pair]], cohesion: float
) -> "_GrowingClusters":
    """The clusters that the edges would join if none were contested."""
    clusters = _GrowingClusters(component, binding)
    for _, edge in edges:
        if clusters.would_cohere(edge, cohesion):
            clusters.join(edge)
    return clusters


def _find_rival(
    component: Component, vouched: "_GrowingClusters", edge: Pair, bits: float, margin: float
) -> ReviewReason | None:
    """The reason why a rival contests the edge at either end, if one does."""
    left, right = edge
    binding = vouched.binding
    if binding.same(left, right):
        return None
    bare = edge in component.uncorroborated
    found: ReviewReason | None = None
    for end, other in ((left, right), (right, left)):
        for rival in component.records:
            if rival in (end, other):
                continue
            rival_bits = component.weight(end, rival)
            if rival_bits <= bits - margin:
                continue
            if binding.same(other, rival) or binding.apart(end, rival):
                continue
            if not (bare and order_pair(other, rival) in component.opposed) and (
                component.weight(other, rival) >= SAME_PERSON_BITS
                or (vouched.together(end, rival) and vouched.together(other, rival))
            ):
                continue
            if rival_bits < bits + margin:
                return ReviewReason.AMBIGUOUS
            found = ReviewReason.SECOND_BEST
    return found


class _GrowingClusters:
    """Clusters while they grow, starting from the groups that decisions hold together."""

    def __init__(self, component: Component, binding: DecisionGroups) -> None:
        self._component = component
        self.decision_groups = binding
        self._members = {group[0]: list(group) for group in binding.groups}
        self._first_record_of = {record: group[0] for group in binding.groups for record in group}

    def are_together(self, left: int, right: int) -> bool:
        return self._first_record_of[left] == self._first_record_of[right]

    def would_cohere(self, edge: Pair, cohesion: float) -> bool:
        """Whether the clusters at both ends may be one person."""
        first, second = self._first_record_of[edge[0]], self._first_record_of[edge[1]]
        if first == second:
            return True
        total, count = 0.0, 0
        for left in self._members[first]:
            for right in self._members[second]:
                if self.decision_groups.are_separated(left, right):
                    return False
                bits = self._component.weight(left, right)
                total += max(-PAIR_CAP_BITS, min(PAIR_CAP_BITS, bits))
                count += 1
        return total / count >= cohesion

    def join(self, edge: Pair) -> None:
        first, second = sorted((self._first_record_of[edge[0]], self._first_record_of[edge[1]]))
        if first == second:
            return
        for record in self._members[second]:
            self._first_record_of[record] = first
        self._members[first] = sorted(self._members[first] + self._members.pop(second))

    def to_tuples(self) -> tuple[tuple[int, ...], ...]:
        return tuple(sorted(tuple(members) for members in self._members.values()))


def _list_review_pairs(
    component: Component,
    thresholds: Thresholds,
    clusters: _GrowingClusters,
    contested: dict[Pair, ReviewReason],
) -> Iterator[ReviewPair]:
    for edge in sorted(component.weights):
        bits = component.weights[edge]
        if bits < thresholds.review or clusters.are_together(*edge):
            continue
        reason = contested.get(edge) or _explain_uncontested(component, thresholds, bits)
        yield ReviewPair(order_pair(*edge), bits, reason)


def _explain_uncontested(component: Component, thresholds: Thresholds, bits: float) -> ReviewReason:
    """Why a pair that no rival contests is not linked."""
    if bits < thresholds.link:
        return ReviewReason.BAND
    return ReviewReason.OVERSIZED if bits < thresholds.link + component.raised_bits else ReviewReason.INCOHESIVE
