"""Pairwise precision, recall and F1."""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scores:
    """Counts of pairs of records.

    Args:
        true_links: pairs rightly put together.
        links: pairs put together.
        matches: pairs that are one person.
    """

    true_links: int
    links: int
    matches: int

    @property
    def precision(self) -> float:
        """Share of links that are right; 1 where there is none."""
        return self.true_links / self.links if self.links else 1.0

    @property
    def recall(self) -> float:
        """Share of matches that are linked; 1 where there is none."""
        return self.true_links / self.matches if self.matches else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.links + self.matches
        return 2 * self.true_links / total if total else 1.0


def pairwise(clusters: Mapping[int, Hashable], truth: Mapping[int, Hashable]) -> Scores:
    """Compare clusters with the truth, both record id to group; records without truth are left out."""
    known = [number for number in clusters if truth.get(number) is not None]
    return Scores(
        true_links=_pairs(Counter((clusters[number], truth[number]) for number in known)),
        links=_pairs(Counter(clusters[number] for number in known)),
        matches=_pairs(Counter(truth[number] for number in known)),
    )


def _pairs(groups: Counter[Hashable] | Counter[tuple[Hashable, Hashable]]) -> int:
    return sum(count * (count - 1) // 2 for count in groups.values())
