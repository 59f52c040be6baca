"""Precision, recall and F1 of pairs, of records (B-cubed) and of persons."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass

from training.evaluate.measures.intervals import Bootstrap, IntervalEstimate, Totals, estimate_share

Groups = Mapping[int, Hashable]
"""Mapping of record ID to its group."""


@dataclass(frozen=True, slots=True)
class PairCounts:
    """Counts of linked and matching pairs of records.

    Args:
        true_links: linked pairs that are one person.
        links: linked pairs.
        matches: pairs that are one person.
    """

    true_links: int
    links: int
    matches: int

    @property
    def precision(self) -> float:
        """Share of linked pairs that are one person; 1 without links."""
        return self.true_links / self.links if self.links else 1.0

    @property
    def recall(self) -> float:
        """Share of matches that are linked; 1 without matches."""
        return self.true_links / self.matches if self.matches else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        total = self.links + self.matches
        return 2 * self.true_links / total if total else 1.0


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Precision, recall and F1 with their intervals."""

    precision: IntervalEstimate
    recall: IntervalEstimate
    f1: IntervalEstimate


@dataclass(frozen=True, slots=True)
class PartitionQuality:
    """Quality of a partition against the truth, counted in three ways.

    Args:
        pairwise: over pairs of records; large persons weigh more.
        b_cubed: over records: how pure and how complete the person of each is (Bagga and Baldwin 1998).
        persons: over persons: how many are exactly right.
    """

    pairwise: PrecisionRecall
    b_cubed: PrecisionRecall
    persons: PrecisionRecall


def count_pairs(clusters: Groups, truth: Groups) -> PairCounts:
    """Count linked and matching pairs; leave out records without truth.

    Args:
        clusters: record ID to cluster.
        truth: record ID to true person.
    """
    judged = [number for number in clusters if truth.get(number) is not None]
    return PairCounts(
        true_links=_sum_pairs(Counter((clusters[number], truth[number]) for number in judged)),
        links=_sum_pairs(Counter(clusters[number] for number in judged)),
        matches=_sum_pairs(Counter(truth[number] for number in judged)),
    )


def measure_quality(clusters: Groups, truth: Groups) -> PartitionQuality:
    """Measure how well clusters match the true persons, with intervals.

    The bootstrap draws the pieces that clusters and true persons chain together: no count crosses two
    of them, so they are the smallest groups that can be drawn independently. A precision or recall
    without an error gets Wilson's interval instead, because resampling perfection gives only
    perfection.
    """
    bootstrap = Bootstrap(_PieceCounts(cells).row for cells in split_into_pieces(clusters, truth))
    return PartitionQuality(
        pairwise=_estimate_measure(bootstrap, 0, 1, 0, 2),
        b_cubed=_estimate_measure(bootstrap, 3, 5, 4, 5),
        persons=_estimate_measure(bootstrap, 6, 7, 6, 8),
    )


Cells = Counter[tuple[Hashable, Hashable]]
"""Number of records by cluster and true person."""


def split_into_pieces(clusters: Groups, truth: Groups) -> Iterator[Cells]:
    """Split records into groups that share no cluster and no true person."""
    cells: Cells = Counter(
        (cluster, truth[number]) for number, cluster in clusters.items() if truth.get(number) is not None
    )
    persons_by_cluster: dict[Hashable, list[Hashable]] = {}
    clusters_by_person: dict[Hashable, list[Hashable]] = {}
    for cluster, person in cells:
        persons_by_cluster.setdefault(cluster, []).append(person)
        clusters_by_person.setdefault(person, []).append(cluster)
    seen: set[Hashable] = set()
    for start in persons_by_cluster:
        if start in seen:
            continue
        seen.add(start)
        piece, pending = Counter[tuple[Hashable, Hashable]](), [start]
        while pending:
            cluster = pending.pop()
            for person in persons_by_cluster[cluster]:
                piece[cluster, person] = cells[cluster, person]
                unseen = [neighbor for neighbor in clusters_by_person[person] if neighbor not in seen]
                seen.update(unseen)
                pending.extend(unseen)
        yield piece


class _PieceCounts:
    """Additive counts of one group of records that shares nothing with others."""

    def __init__(self, cells: Cells) -> None:
        clusters: Counter[Hashable] = Counter()
        persons: Counter[Hashable] = Counter()
        for (cluster, person), count in cells.items():
            clusters[cluster] += count
            persons[person] += count
        exact = sum(count == clusters[c] == persons[p] for (c, p), count in cells.items())
        self.row = (
            float(_sum_pairs(cells)),
            float(_sum_pairs(clusters)),
            float(_sum_pairs(persons)),
            sum(count**2 / clusters[c] for (c, _), count in cells.items()),
            sum(count**2 / persons[p] for (_, p), count in cells.items()),
            float(sum(cells.values())),
            float(exact),
            float(len(clusters)),
            float(len(persons)),
        )


def _estimate_measure(
    bootstrap: Bootstrap, correct: int, linked: int, recalled: int, matches: int
) -> PrecisionRecall:
    """Estimate precision, recall and F1 from the positions of four counts."""

    def precision(row: Totals) -> float:
        """Return precision from a row of link and match counts."""
        return float(row[correct] / row[linked]) if row[linked] else 1.0

    def recall(row: Totals) -> float:
        """Return recall from a row of link and match counts."""
        return float(row[recalled] / row[matches]) if row[matches] else 1.0

    def f1(row: Totals) -> float:
        """Return F1 from a row of link and match counts."""
        total = precision(row) + recall(row)
        return 2 * precision(row) * recall(row) / total if total else 0.0

    totals = bootstrap.totals
    return PrecisionRecall(
        precision=_replace_degenerate_interval(bootstrap.estimate(precision), totals[linked]),
        recall=_replace_degenerate_interval(bootstrap.estimate(recall), totals[matches]),
        f1=_replace_degenerate_interval(bootstrap.estimate(f1), totals[linked]),
    )


def _replace_degenerate_interval(estimate: IntervalEstimate, total: float) -> IntervalEstimate:
    """Replace a bootstrap interval around 0 or 1 by Wilson's interval."""
    if 0 < estimate.value < 1:
        return estimate
    count = round(total)
    return estimate_share(count if estimate.value else 0, count, default=estimate.value)


def _sum_pairs(groups: Counter[Hashable] | Cells) -> int:
    """Return the number of pairs within groups of the given sizes."""
    return sum(count * (count - 1) // 2 for count in groups.values())
