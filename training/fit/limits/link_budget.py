"""Budget of false links for enterprise IDs, and its link threshold.

The threshold keeps the expected false links within the budget. The fit joins its own candidate pairs as the
index would, strongest first: none that a caution holds, and none that a rival contests. A link of two people
makes every pair of records false that it joins: three records of one person and two of another make six. So
one pass tells the expected false links of every threshold.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpi.matching.model.link_budget import LINKS, LinkBudget

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

BUDGET = 10.0
"""False links among 10,000 links that the enterprise IDs may have."""
BUDGET_OF_FEW_FIELDS = 20.0
"""The same where no address, number or guardian exists."""
LOWEST_LINK_BITS = 3.0
"""Lowest link threshold that a budget may give: of links that weigh so little one in nine is false."""
SAME_PERSON_BITS = 0.0
"""Weight from which two rivals are probably one person, as in a partition."""
_CONFIRMING_COLUMNS = ("ssn", "identifiers", "addresses", "guardians")
_LEAST_FILLED = 0.01
_STEPS_PER_BIT = 10


@dataclass(frozen=True, slots=True)
class JudgedPairs:
    """Candidate pairs as enterprise IDs weigh them.

    Args:
        left: one record of each pair.
        right: the other record.
        bits: weight of each pair in bits, capped where a caution holds.
        two_people: probability of each pair to be two people.
    """

    left: IntArray
    right: IntArray
    bits: FloatArray
    two_people: FloatArray


@dataclass(frozen=True, slots=True)
class LinkCurve:
    """Linked pairs of records by link threshold, and how many are false.

    Args:
        bits: weights of the links that join persons, strongest first.
        links: pairs of records that these links and all stronger ones join.
        false_links: expected number of them that are two people.
        within_source: number of them whose records are of one source; 0 if the data has one source.
    """

    bits: FloatArray
    links: FloatArray
    false_links: FloatArray
    within_source: FloatArray

    def count_links(self, bits: FloatArray) -> IntArray:
        """Count the links that join persons at each of several thresholds."""
        return np.searchsorted(-self.bits, -bits, side="right")

    def find_sufficient_bits(self, allowed: float) -> float | None:
        """Return the lowest weight from which links keep a budget."""
        is_kept = self.false_links / self.links * LINKS <= allowed
        # Pairs of one weight link together.
        is_kept &= np.append(self.bits[1:] < self.bits[:-1], True)[: len(self.bits)]
        kept = np.flatnonzero(is_kept)
        return float(self.bits[kept[-1]]) if len(kept) else None


NO_LINKS = LinkBudget(BUDGET, 0.0, 0, 0.0)
"""The budget of a model of which no links are counted."""


def choose_allowed_false_links(filled: Mapping[str, float]) -> float:
    """Choose the false links that the budget allows among 10,000 links.

    Args:
        filled: share of the records that have a value, by feature column.
    """
    is_confirmed = any(filled.get(column, 0.0) >= _LEAST_FILLED for column in _CONFIRMING_COLUMNS)
    return BUDGET if is_confirmed else BUDGET_OF_FEW_FIELDS


def trace_links(pairs: JudgedPairs, margin: float, sources: Mapping[int, str]) -> LinkCurve:
    """Join candidate pairs strongest first, and count what each link joins.

    Args:
        pairs: candidate pairs.
        margin: a pair links only if no rival comes within so many bits of it.
        sources: source of each record; empty for one source.
    """
    heavy = np.flatnonzero(pairs.bits >= LOWEST_LINK_BITS)
    heavy = heavy[~_find_contested(pairs, margin)[heavy]]
    order = heavy[np.argsort(-pairs.bits[heavy], kind="stable")]
    is_told_apart = len(set(sources.values())) > 1
    groups = _Groups(sources if is_told_apart else {})
    rows = []
    for left, right, bits, false in zip(
        *(column[order].tolist() for column in (pairs.left, pairs.right, pairs.bits, pairs.two_people)),
        strict=True,
    ):
        joined, within = groups.join(left, right)
        if joined:
            rows.append((bits, joined, false * joined, within))
    columns = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return LinkCurve(columns[:, 0], *(np.cumsum(columns[:, number]) for number in (1, 2, 3)))


def choose_link_bits(curve: LinkCurve, allowed: float) -> float:
    """Choose the lowest link threshold of enterprise IDs that keeps a budget.

    Where no weight keeps it, the threshold is that at which the smallest share of the links is false.

    Args:
        curve: links by threshold.
        allowed: false links that the budget allows among 10,000 links.

    Returns:
        Weight in tenths of a bit, at least ``LOWEST_LINK_BITS``.
    """
    highest = float(curve.bits.max(initial=LOWEST_LINK_BITS))
    tenths = np.arange(round(LOWEST_LINK_BITS * _STEPS_PER_BIT), math.floor(highest * _STEPS_PER_BIT) + 1)
    linked = curve.count_links(tenths / _STEPS_PER_BIT)
    rates = [_share_false(curve, count) for count in linked.tolist()]
    kept = (tenth for tenth, rate in zip(tenths, rates, strict=True) if rate * LINKS <= allowed)
    return float(next(kept, tenths[int(np.argmin(rates))])) / _STEPS_PER_BIT


def _share_false(curve: LinkCurve, linked: int) -> float:
    """Return the expected share of false links among the strongest."""
    return float(curve.false_links[linked - 1] / curve.links[linked - 1]) if linked else 0.0


def measure_budget(curve: LinkCurve, link_bits: float, allowed: float) -> LinkBudget:
    """Measure whether links keep a budget, and from which weight they would.

    Args:
        curve: links by threshold.
        link_bits: link threshold of the enterprise IDs, in bits.
        allowed: false links that the budget allows among 10,000 links.
    """
    sufficient = curve.find_sufficient_bits(allowed)
    (linked,) = curve.count_links(np.array([link_bits])).tolist()
    if not linked:
        return LinkBudget(allowed, link_bits, 0, 0.0, 0, sufficient)
    links, false_links, within = (
        float(column[linked - 1]) for column in (curve.links, curve.false_links, curve.within_source)
    )
    return LinkBudget(allowed, link_bits, int(links), false_links, int(within), sufficient)


class _Groups:
    """Groups of linked records, with their sources.

    Args:
        sources: source of each record; empty to count none.
    """

    def __init__(self, sources: Mapping[int, str]) -> None:
        self._sources = sources
        self._parents: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._counts: dict[int, Counter[str]] = {}

    def join(self, left: int, right: int) -> tuple[int, int]:
        """Join two records' groups, and count the pairs that become linked.

        Returns:
            Pairs of records that this joins, and how many of them are of one source.
        """
        first, second = self._find(left), self._find(right)
        if first == second:
            return 0, 0
        sizes = self._sizes
        joined = sizes.get(first, 1) * sizes.get(second, 1)
        own, other = self._count_sources(first), self._count_sources(second)
        within = sum(count * other[source] for source, count in own.items())
        self._parents[second] = first
        sizes[first] = sizes.get(first, 1) + sizes.get(second, 1)
        if self._sources:
            self._counts[first] = own + other
        return joined, within

    def _find(self, record: int) -> int:
        """Return the record that stands for a record's group."""
        parents = self._parents
        while (parent := parents.get(record, record)) != record:
            parents[record] = parents.get(parent, parent)
            record = parent
        return record

    def _count_sources(self, group: int) -> Counter[str]:
        """Count a group's records by source; nothing without sources."""
        if not self._sources:
            return Counter()
        return self._counts.get(group) or Counter({self._sources.get(group, ""): 1})


def _find_contested(pairs: JudgedPairs, margin: float) -> BoolArray:
    """Find the pairs that a rival contests, as a partition does.

    A rival matches one end about as well, and is probably not the same person as the other end.
    """
    is_contested = np.zeros(len(pairs.bits), dtype=np.bool_)
    near = np.flatnonzero(pairs.bits >= min(LOWEST_LINK_BITS - margin, SAME_PERSON_BITS))
    weights: dict[tuple[int, int], float] = {}
    rivals: dict[int, list[tuple[float, int]]] = {}
    rows = list(
        zip(
            near.tolist(),
            *(column[near].tolist() for column in (pairs.left, pairs.right, pairs.bits)),
            strict=True,
        )
    )
    for _, left, right, bits in rows:
        weights[left, right] = weights[right, left] = bits
        rivals.setdefault(left, []).append((bits, right))
        rivals.setdefault(right, []).append((bits, left))
    for place, left, right, bits in rows:
        if bits < LOWEST_LINK_BITS or len(rivals[left]) + len(rivals[right]) == 2:  # noqa: PLR2004 - each other
            continue
        is_contested[place] = any(
            rival != opposite
            and rival_bits > bits - margin
            and weights.get((opposite, rival), -np.inf) < SAME_PERSON_BITS
            for end, opposite in ((left, right), (right, left))
            for rival_bits, rival in rivals[end]
        )
    return is_contested
