"""Partition of a component of records into persons.

The partition is pure, deterministic and independent of order. It is a function of the set of weights and
the set of decisions: inputs are sorted by canonical key, every tie is explicit, weights are rounded to 1e-6
bits, and no unordered set is iterated. In order:

1. Decisions bind: SAME joins, DIFFERENT separates, higher authority first (``decision_groups``).
2. An edge at or above the link threshold is *contested*, and never links, where a rival comes within the
   margin of it or beats it. A rival that is the same person as the edge's other end does not count. Rival and
   other end are the same person where they are probably each other, or where all three would be in one
   cluster whose halves, as it grew, linked by their mean: several records of one child support a poor one.
   They are never taken for the same person where the edge rests on name and birth date alone, and so does
   the pair of rival and other end, against which something speaks: strangers of one name and birth date
   look like that.
3. The remaining edges join clusters, strongest first, as long as the halves cohere: their mean weight over
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
"""Weight from which two rivals are probably one person: even odds.

Such rivals make no ambiguity.
"""

PAIR_CAP_BITS = 20.0
"""Most that one pair counts in a mean, either way, in bits.

No single pair outvotes the rest.
"""

_ROUNDING_BITS = 1e-6
_MAX_RECORDS_WITHOUT_RIVAL = 2
"""Most records of a component in which no edge has a rival.

Most components have no more records.
"""


class ReviewReason(StrEnum):
    """Reason why a pair for clerical review is not linked."""

    BAND = "band"
    AMBIGUOUS = "ambiguous"
    SECOND_BEST = "second-best"
    INCOHESIVE = "incohesive"
    OVERSIZED = "oversized"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class ReviewPair:
    """A pair of records for clerical review."""

    pair: Pair
    bits: float
    reason: ReviewReason


@dataclass(frozen=True, slots=True)
class Partition:
    """Clusters of connected records, with pairs for clerical review.

    Args:
        clusters: each ascending, ordered by first record; together they are the component's records.
        review_pairs: pairs at or above the review threshold that ended in different clusters, by pair.
        suspended: decisions that give way to a stronger one that they contradict.
    """

    clusters: tuple[tuple[int, ...], ...]
    review_pairs: tuple[ReviewPair, ...] = ()
    suspended: tuple[Decision, ...] = ()


def partition(component: Component, thresholds: Thresholds) -> Partition:
    """Divide one set of connected records into clusters, one per person.

    Args:
        component: its records, the weights of all their pairs, the decisions in force.
        thresholds: link, review and margin in bits; cohesion in mean bits.
    """
    if not component.decisions and len(component.records) <= _MAX_RECORDS_WITHOUT_RIVAL:
        return _partition_small(component, thresholds)
    if is_fully_linked(component, thresholds):
        return Partition((component.records,))
    decision_groups = apply_decisions(component)
    clusters = _GrowingClusters(component, decision_groups)
    contested: dict[Pair, ReviewReason] = {}
    link_bits = thresholds.link + component.raised_bits
    edges = _list_link_edges(component, link_bits)
    uncontested_clusters = _grow_uncontested(component, decision_groups, edges, link_bits)
    for bits, edge in edges:
        reason = (
            _find_rival(component, uncontested_clusters, edge, bits, thresholds.margin)
            if thresholds.margin
            else None
        )
        if reason is None and clusters.would_cohere(edge, thresholds.cohesion):
            clusters.join(edge)
        elif reason is not None:
            contested[edge] = reason
    return Partition(
        clusters.to_tuples(),
        tuple(_list_review_pairs(component, thresholds, clusters, contested)),
        decision_groups.suspended,
    )


def _partition_small(component: Component, thresholds: Thresholds) -> Partition:
    """Cluster one or two records without decisions, where no rival exists."""
    if len(component.records) == 1:
        return Partition((component.records,))
    left, right = component.records
    bits = component.weight(left, right)
    capped_bits = max(-PAIR_CAP_BITS, min(PAIR_CAP_BITS, bits))
    if bits >= thresholds.link + component.raised_bits and capped_bits >= thresholds.cohesion:
        return Partition((component.records,))
    review_pairs = (ReviewPair((left, right), bits, _explain_uncontested(component, thresholds, bits)),)
    return Partition(((left,), (right,)), review_pairs if bits >= thresholds.review else ())


def is_fully_linked(component: Component, thresholds: Thresholds) -> bool:
    """Return whether all pairs of connected records link, as one person.

    Every rival of an edge then is probably the same person as its other end, no half is incoherent, and no
    pair is left for review. Only an opposed pair could change that, and such a pair does not weigh enough
    to link.
    """
    count = len(component.records)
    if component.decisions or component.opposed or len(component.weights) < count * (count - 1) // 2:
        return False
    # A mean of several may be lower than the least of them by what adding them rounds away.
    lowest_bits = max(
        thresholds.link + component.raised_bits, thresholds.cohesion + _ROUNDING_BITS, SAME_PERSON_BITS
    )
    return (
        thresholds.cohesion + _ROUNDING_BITS <= PAIR_CAP_BITS
        and min(component.weights.values()) >= lowest_bits
    )


def _list_link_edges(component: Component, link_bits: float) -> list[tuple[float, Pair]]:
    """List the pairs at or above the link threshold, strongest first."""
    edges = [(bits, edge) for edge, bits in component.weights.items() if bits >= link_bits]
    return sorted(edges, key=lambda item: (-item[0], item[1]))


def _grow_uncontested(
    component: Component, decision_groups: DecisionGroups, edges: list[tuple[float, Pair]], cohesion: float
) -> "_GrowingClusters":
    """Join the clusters that links would join if no rival contested any."""
    clusters = _GrowingClusters(component, decision_groups)
    for _, edge in edges:
        if clusters.would_cohere(edge, cohesion):
            clusters.join(edge)
    return clusters


def _find_rival(
    component: Component, uncontested_clusters: "_GrowingClusters", edge: Pair, bits: float, margin: float
) -> ReviewReason | None:
    """Return why a third record contests a link, or None.

    Such a rival matches one end about as well, and is probably not the same person as the other end.
    """
    left, right = edge
    decision_groups = uncontested_clusters.decision_groups
    if decision_groups.are_joined(left, right):
        return None
    is_uncorroborated = edge in component.uncorroborated
    reason: ReviewReason | None = None
    for end, opposite in ((left, right), (right, left)):
        for rival in component.records:
            if rival in (end, opposite):
                continue
            rival_bits = component.weight(end, rival)
            if rival_bits <= bits - margin:
                continue
            if decision_groups.are_joined(opposite, rival) or decision_groups.are_separated(end, rival):
                continue
            if not (is_uncorroborated and order_pair(opposite, rival) in component.opposed) and (
                component.weight(opposite, rival) >= SAME_PERSON_BITS
                or (
                    uncontested_clusters.are_together(end, rival)
                    and uncontested_clusters.are_together(opposite, rival)
                )
            ):
                continue
            if rival_bits < bits + margin:
                return ReviewReason.AMBIGUOUS
            reason = ReviewReason.SECOND_BEST
    return reason


class _GrowingClusters:
    """Clusters of records that grow from the groups that decisions join."""

    def __init__(self, component: Component, decision_groups: DecisionGroups) -> None:
        self._component = component
        self.decision_groups = decision_groups
        self._members = {group[0]: list(group) for group in decision_groups.groups}
        self._first_record_of = {record: group[0] for group in decision_groups.groups for record in group}

    def are_together(self, left: int, right: int) -> bool:
        """Return whether two records are in one cluster."""
        return self._first_record_of[left] == self._first_record_of[right]

    def would_cohere(self, edge: Pair, cohesion: float) -> bool:
        """Return whether two linked clusters match well enough to be joined."""
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
        """Join the clusters at both ends of a link."""
        first, second = sorted((self._first_record_of[edge[0]], self._first_record_of[edge[1]]))
        if first == second:
            return
        for record in self._members[second]:
            self._first_record_of[record] = first
        self._members[first] = sorted(self._members[first] + self._members.pop(second))

    def to_tuples(self) -> tuple[tuple[int, ...], ...]:
        """Return the clusters, each ascending, ordered by first record."""
        return tuple(sorted(tuple(members) for members in self._members.values()))


def _list_review_pairs(
    component: Component,
    thresholds: Thresholds,
    clusters: _GrowingClusters,
    contested: dict[Pair, ReviewReason],
) -> Iterator[ReviewPair]:
    """List the unlinked pairs for clerical review, each with its reason."""
    for edge in sorted(component.weights):
        bits = component.weights[edge]
        if bits < thresholds.review or clusters.are_together(*edge):
            continue
        reason = contested.get(edge) or _explain_uncontested(component, thresholds, bits)
        yield ReviewPair(order_pair(*edge), bits, reason)


def _explain_uncontested(component: Component, thresholds: Thresholds, bits: float) -> ReviewReason:
    """Return why a pair that no third record contests is not linked."""
    if bits < thresholds.link:
        return ReviewReason.BAND
    return (
        ReviewReason.OVERSIZED if bits < thresholds.link + component.raised_bits else ReviewReason.INCOHESIVE
    )
