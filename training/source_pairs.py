"""Classes of record pairs by the sources of the records.

Each two sources have an overlap of their own, and each source its own share of duplicates. Expectation
maximization therefore estimates one prior for each class. Without it, the many strangers within a large
source look like matches, although only pairs between two sources match.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mpi.clustering.candidate_competition import measure_exclusiveness
from mpi.clustering.source_pair_priors import MAX_MATCHED

MAX_CLASSES = 500
"""Most classes that get a prior of their own; with more, all pairs are one class."""


@dataclass(frozen=True, slots=True)
class PairClasses:
    """Candidate pairs by the two sources of their records.

    Args:
        left: first record of each candidate pair.
        right: second record.
        class_of: class number of each candidate pair.
        pairs: number of record pairs of each class that the candidates stand for.
        is_between: by class, whether its two sources differ.
        sources: number of the source of ``left`` and of ``right``.
        records: number of records of each source.
        sampled_share: share of all candidate pairs that were drawn.
    """

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    class_of: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.float64]
    is_between: npt.NDArray[np.bool_]
    sources: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
    records: npt.NDArray[np.float64]
    sampled_share: float = 1.0

    def measure_exclusiveness(self, matches: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return by source how probably a record has no duplicate in it.

        Args:
            matches: expected matches of each class among the candidates.
        """
        count = len(self.records)
        within = matches[np.arange(count) * (count + 1)] / self.sampled_share
        return measure_exclusiveness(within, self.records)

    def compute_unmatched_bits(
        self, matches: npt.NDArray[np.float64], exclusiveness: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return by class the bits of the share of unmatched records.

        Args:
            matches: expected matches of each class among the candidates.
            exclusiveness: by source, the probability that a record has no duplicate in it.
        """
        count = len(self.records)
        one, other = np.divmod(np.arange(count * count), count)
        ends = np.where(one == other, 2.0, 1.0) * matches / self.sampled_share
        return np.asarray(
            sum(
                np.log2(1.0 - np.minimum(ends / self.records[own], MAX_MATCHED) * exclusiveness[opposite])
                for own, opposite in ((one, other), (other, one))
            )
        )


def classify_pairs(
    left: npt.NDArray[np.int64],
    right: npt.NDArray[np.int64],
    record_ids: npt.NDArray[np.int64],
    sources: Mapping[int, str],
    sampled_share: float = 1.0,
) -> PairClasses:
    """Classify candidate pairs by their sources.

    Args:
        left: first record of each candidate pair.
        right: second record.
        record_ids: all records, ascending.
        sources: source of each record; empty for one source.
        sampled_share: share of all candidate pairs that were drawn.
    """
    names = [sources.get(number, "") for number in record_ids.tolist()]
    code_of_name = {name: code for code, name in enumerate(sorted(set(names)))}
    count = len(code_of_name)
    if count * (count + 1) // 2 > MAX_CLASSES:
        names, code_of_name, count = [""] * len(names), {"": 0}, 1
    codes = np.array([code_of_name[name] for name in names], dtype=np.int64)
    first, second = (codes[np.searchsorted(record_ids, ends)] for ends in (left, right))
    class_of = np.minimum(first, second) * count + np.maximum(first, second)
    sizes = Counter(codes.tolist())
    pairs = np.array(
        [_count_pairs(sizes, one, other) for one in range(count) for other in range(count)], dtype=np.float64
    )
    return PairClasses(
        left,
        right,
        class_of,
        pairs * sampled_share,
        np.array([one != other for one in range(count) for other in range(count)]),
        (first, second),
        np.array([sizes[code] for code in range(count)], dtype=np.float64),
        sampled_share,
    )


def _count_pairs(sizes: Mapping[int, int], one: int, other: int) -> float:
    """Count pairs of two sources; 0 if out of code order."""
    if one > other:
        return 0.0
    return sizes[one] * (sizes[one] - 1) / 2 if one == other else float(sizes[one] * sizes[other])
