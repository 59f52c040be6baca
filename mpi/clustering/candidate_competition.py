"""Competition between candidate pairs that cannot both be matches.

A record of a school list is one child of a census at most. If two records of the census fit it alike, each
is the match with half the probability that its weight alone says. Two candidates of one record exclude each
other as far as their source holds each person once, which its expected duplicates tell, and unless the weight
of their own pair says that they are one person. Where sources hold persons many times, nothing competes: a
poor fit to one record of a person is no evidence against another.

The probabilities of pairs that exclude each other are those of a matching in a graph. They are computed by
belief propagation (Zdeborová and Mézard, "The number of matchings in random graphs", 2006): each record
tells each neighbor the probability that no other candidate takes it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.int64]

MIN_RIVAL_BITS = -7.0
"""Lowest weight of a rival that counts: one match in 128."""
MAX_CONTESTED_BITS = 30.0
"""Weight from which a pair loses nothing to rivals: the partition judges such rivals."""
MISSING_PAIR_BITS = -30.0
"""Weight of two candidates of one record that no blocking rule compares."""
MAX_CANDIDATES = 100
"""Strongest candidates of one record that may be one person; all weaker ones are rivals."""
_ROUNDS = 25
_DAMPING = 0.5
_CONVERGENCE = 1e-3
_LEAST_COMPATIBILITY = 1e-3
_BITS_LIMIT = 60.0
_TRIPLES_PER_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True)
class _Triples:
    """Two candidates that compete for a record, and their own pair.

    Args:
        judged: directed pair whose rivals are counted.
        rival: directed pair of the same record that may be compatible.
        between: number of the pair of the two candidates; -1 if it is not compared.
    """

    judged: IndexArray
    rival: IndexArray
    between: IndexArray


class CandidateCompetition:
    """Competition between the pairs of a fixed list.

    Args:
        left: one record of each pair.
        right: the other record.
        bits: first weights; pairs below ``MIN_RIVAL_BITS`` never compete.
        sources: number of the source of ``left`` and ``right`` of each pair.
        sampled_share: share of the candidate pairs that the list holds.
    """

    def __init__(
        self,
        left: IndexArray,
        right: IndexArray,
        bits: FloatArray,
        sources: tuple[IndexArray, IndexArray],
        sampled_share: float = 1.0,
    ) -> None:
        self._pairs = np.flatnonzero(bits >= MIN_RIVAL_BITS)
        records, ends = np.unique(
            np.concatenate([left[self._pairs], right[self._pairs]]), return_inverse=True
        )
        self._record_count, self._count = len(records), len(self._pairs)
        # Directed pair n leaves the left record of pair n, directed pair n + count leaves its right record.
        self._origin = ends.astype(np.int64)
        self._target_source = np.concatenate([sources[1][self._pairs], sources[0][self._pairs]])
        source_count = int(self._target_source.max(initial=0)) + 1
        # Candidates of one record that are of one source compete.
        groups, group_of = np.unique(self._origin * source_count + self._target_source, return_inverse=True)
        self._group, self._group_count = group_of.astype(np.int64), len(groups)
        self._scale = 1.0 / sampled_share
        self._triples = self._find_triples(bits[self._pairs])

    def discount(self, bits: FloatArray, exclusiveness: FloatArray) -> FloatArray:
        """Return the weights, each less what its rivals take.

        Args:
            bits: current weight of every pair of the list.
            exclusiveness: by source, the probability that a record has no duplicate in it.
        """
        if not self._count or not exclusiveness.any():
            return bits
        competing = np.minimum(bits[self._pairs], MAX_CONTESTED_BITS)
        odds = np.exp2(np.clip(competing, -_BITS_LIMIT, _BITS_LIMIT))
        odds = np.concatenate([odds, odds])
        compatible = self._weigh_compatibility(bits[self._pairs])
        is_contested = np.concatenate([competing, competing]) < MAX_CONTESTED_BITS
        exclusive = exclusiveness[self._target_source] * self._scale
        free = np.ones(2 * self._count)
        for _ in range(_ROUNDS):
            # What reaches the origin of a directed pair is said by the other end.
            taken = odds * np.roll(free, self._count)
            in_group = np.bincount(self._group, weights=taken, minlength=self._group_count)
            spared = np.bincount(
                self._triples.judged, weights=compatible * taken[self._triples.rival], minlength=len(taken)
            )
            rivals = np.maximum(in_group[self._group] - taken - spared, 0.0) * exclusive
            updated = np.where(is_contested, 1.0 / (1.0 + rivals), 1.0)
            change = float(np.abs(updated - free).max(initial=0.0))
            free = _DAMPING * free + (1.0 - _DAMPING) * updated
            if change < _CONVERGENCE:
                break
        discounted = bits.copy()
        discounted[self._pairs] += np.log2(free[: self._count]) + np.log2(free[self._count :])
        return discounted

    def _weigh_compatibility(self, bits: FloatArray) -> FloatArray:
        """Return how probably each triple's two candidates are one person.

        All three are weighed against the stronger pair alone.
        """
        triples = self._triples
        known = np.append(bits, MISSING_PAIR_BITS)[triples.between]
        weaker = np.minimum(bits[triples.judged % self._count], bits[triples.rival % self._count])
        joint = np.clip(known + weaker, -_BITS_LIMIT, _BITS_LIMIT)
        return np.asarray(1.0 / (1.0 + np.exp2(-joint)))

    def _find_triples(self, bits: FloatArray) -> _Triples:
        """Find pairs of candidates of one record that may be one person."""
        count = self._count
        order = np.lexsort((-np.concatenate([bits, bits]), self._group))
        starts = np.searchsorted(self._group[order], np.arange(self._group_count + 1))
        sizes = np.minimum(np.diff(starts), MAX_CANDIDATES)
        other_end = np.roll(self._origin, count)
        low = np.minimum(self._origin[:count], self._origin[count:])
        high = np.maximum(self._origin[:count], self._origin[count:])
        codes = low * self._record_count + high
        by_code = np.argsort(codes, kind="stable")
        parts: list[tuple[IndexArray, IndexArray, IndexArray]] = []
        work = sizes * (sizes - 1)
        for groups in _split_by_work(np.flatnonzero(sizes > 1), work):
            judged, rival = _cross_candidates(order, starts[groups], sizes[groups])
            ends = other_end[judged], other_end[rival]
            code = np.minimum(*ends) * self._record_count + np.maximum(*ends)
            place = np.minimum(np.searchsorted(codes[by_code], code), count - 1)
            between = np.where(codes[by_code[place]] == code, by_code[place], -1)
            known = np.append(bits, MISSING_PAIR_BITS)[between]
            weaker = np.minimum(bits[judged % count], bits[rival % count])
            may_be_one = known + weaker > np.log2(_LEAST_COMPATIBILITY)
            may_be_one &= bits[judged % count] < MAX_CONTESTED_BITS
            parts.append((judged[may_be_one], rival[may_be_one], between[may_be_one]))
        empty = np.empty(0, dtype=np.int64)
        return (
            _Triples(*(np.concatenate([empty, *columns]) for columns in zip(*parts, strict=True)))
            if (parts)
            else _Triples(empty, empty, empty)
        )


def measure_exclusiveness(duplicates: FloatArray, records: FloatArray) -> FloatArray:
    """Return by source how probably a record has no duplicate in it.

    A source alone can only match itself, so nothing says that it holds each person once.

    Args:
        duplicates: expected number of matching pairs within each source.
        records: number of records of each source.
    """
    if len(records) == 1:
        return np.zeros(1)
    # A pair makes two records that have a duplicate, and a person of two records is met twice as often.
    return np.asarray(np.maximum(0.0, 1.0 - 4.0 * duplicates / np.maximum(records, 1.0)))


def _split_by_work(groups: IndexArray, work: IndexArray) -> list[IndexArray]:
    """Split groups of candidates into chunks of bounded numbers of triples."""
    if not len(groups):
        return []
    chunk = np.cumsum(work[groups]) // _TRIPLES_PER_CHUNK
    return np.split(groups, np.flatnonzero(np.diff(chunk)) + 1)


def _cross_candidates(
    order: IndexArray, starts: IndexArray, sizes: IndexArray
) -> tuple[IndexArray, IndexArray]:
    """Return every ordered pair of different candidates of each group."""
    squares = sizes * sizes
    group = np.repeat(np.arange(len(sizes)), squares)
    within = np.arange(int(squares.sum())) - np.repeat(np.cumsum(squares) - squares, squares)
    first, second = within // sizes[group], within % sizes[group]
    differ = first != second
    base = starts[group][differ]
    return order[base + first[differ]], order[base + second[differ]]
