"""Estimates u, m and the prior from pairs, labelled or not.

u is counted on pairs of records taken at random, of which nearly all are different people. m and the prior
come from expectation maximisation (Fellegi and Sunter 1969; Winkler 1988) over the candidate pairs of the
model's own blocking spec. Blocking finds nearly all matches, and a pair outside has next to no posterior
probability, so the candidates stand for all pairs, provided that the prior counts all of them. The E-step
scores with the whole model, term frequencies and fixed levels included: without the guards, twins and
siblings would teach m that a match's given name may differ. What stewards said of a pair takes the place of
its posterior probability (``training.fit.labels``).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mpi.matching.model.levels import NULL_LEVEL, ScoringParameters
from training.fit.errors import DegenerateDataError
from training.fit.labels import LabelledPosteriors
from training.fit.levels import PairLevels

MAX_ITERATIONS = 40
CONVERGENCE_TOLERANCE = 1e-4
SMOOTHING = 0.5
"""Pseudo-count of each level (Jeffreys): a level seldom seen is improbable, not impossible."""
LEAST_MATCHES = 20.0
_LARGEST_CODE = 2**62  # kinds of pairs that one integer can number
_MAX_BITS = 200.0  # bits beyond which a double holds no other probability than 0 or 1


@dataclass(frozen=True, slots=True)
class LearnedParameters:
    """What was learned.

    Args:
        rates: (comparison, level value) to (m, u), learned levels only.
        prior: probability that two random records of the data match.
        matches: expected number of matching candidate pairs.
        iterations: of expectation maximisation.
        weights: weight of each pair that m was learned on.
        observed_levels: (comparison, level value) of every level that any pair was at.
    """

    rates: dict[tuple[str, int], tuple[float, float]]
    prior: float
    matches: float
    iterations: int
    weights: npt.NDArray[np.float64]
    observed_levels: frozenset[tuple[str, int]]


@dataclass(slots=True)
class _ComparisonRates:
    """m and u of one comparison by level value; what is fixed stays."""

    m: npt.NDArray[np.float64]
    u: npt.NDArray[np.float64]
    m_fixed: npt.NDArray[np.bool_]
    u_fixed: npt.NDArray[np.bool_]
    adjusted: npt.NDArray[np.bool_]

    def weights(self) -> npt.NDArray[np.float64]:
        """Weight by level value, the null level last, so that index -1 finds it."""
        base = np.where(self.adjusted & ~self.m_fixed, 1.0, self.u)
        return np.append(np.log2(self.m / base), 0.0)


def estimate_parameters(
    levels: ScoringParameters,
    fixed: dict[tuple[str, int], tuple[bool, bool]],
    random: PairLevels,
    candidates: PairLevels,
    all_pairs: float,
    known: LabelledPosteriors | None = None,
) -> LearnedParameters:
    """Learn u from random pairs, then m and the prior from candidates.

    Args:
        levels: the model, with stated weights where fixed.
        fixed: (comparison, level value) to whether m and u are stated.
        random: levels of random pairs.
        candidates: levels of the candidate pairs.
        all_pairs: number of pairs that the data could form.
        known: what stewards said of the candidates; None where nobody said anything.

    Raises:
        DegenerateDataError: hardly any candidate pair looks like a match.
    """
    rates = [_initial_rates(levels, number, fixed) for number in range(len(levels.comparisons))]
    drawn = [
        _count_levels(random.values[:, number], len(each.u), np.ones(len(random)))
        for number, each in enumerate(rates)
    ]
    kinds, kind = _group_patterns(candidates.values)
    prior, moved, iteration = _initial_prior(candidates, all_pairs), 1.0, 0
    while moved >= CONVERGENCE_TOLERANCE and iteration < MAX_ITERATIONS:
        _update_u(rates, drawn, prior)
        posterior = to_probabilities(_pattern_weights(rates, kinds, prior)[kind] + candidates.rarity)
        if known is not None:
            posterior = known.expected_matches(posterior)
        summed = np.bincount(kind, weights=posterior, minlength=len(kinds)).astype(np.float64)
        moved = _update_m(rates, kinds, summed)
        prior = max(float(posterior.sum()), 1.0) / all_pairs
        iteration += 1
    bits = _pattern_weights(rates, kinds, prior)[kind] + candidates.rarity
    guessed = to_probabilities(bits)
    matches = float((guessed if known is None else known.expected_matches(guessed)).sum())
    if matches < LEAST_MATCHES:
        raise DegenerateDataError(
            f"only {matches:.0f} pairs of records look like one person: nothing can be "
            "learned from data without duplicates; give files that describe the same people"
        )
    return LearnedParameters(
        rates=_collect_rates(levels, rates),
        prior=prior,
        matches=matches,
        iterations=iteration,
        weights=bits,
        observed_levels=_observed_levels(levels, random) | _observed_levels(levels, candidates),
    )


def scale_to_index_size(learned: LearnedParameters, records: int, index_size: int) -> LearnedParameters:
    """The same as it holds in an index of another size: these are all records of some of its children.

    Matches grow as the records do, and all pairs as their square: the prior is as much lower as the index is
    larger. Of a sample of the records it would hold already, as of each match both must have been drawn.

    Args:
        learned: from so many records.
        records: how many those were.
        index_size: how many records the index will hold.
    """
    prior = min(learned.prior * records / index_size, 0.5)
    return replace(learned, prior=prior, weights=learned.weights + _log_odds(prior) - _log_odds(learned.prior))


def _log_odds(probability: float) -> float:
    """Its log-odds in bits."""
    return math.log2(probability / (1 - probability))


def _collect_rates(levels: ScoringParameters, rates: list[_ComparisonRates]) -> dict[tuple[str, int], tuple[float, float]]:
    return {
        (comparison.name, value): (float(each.m[value]), float(each.u[value]))
        for comparison, each in zip(levels.comparisons, rates, strict=True)
        for value in range(len(each.m))
        if not (each.m_fixed[value] and each.u_fixed[value])
    }


def _observed_levels(levels: ScoringParameters, pairs: PairLevels) -> frozenset[tuple[str, int]]:
    return frozenset(
        (comparison.name, int(value))
        for number, comparison in enumerate(levels.comparisons)
        for value in np.unique(pairs.values[:, number])
    )


def _initial_rates(levels: ScoringParameters, number: int, fixed: dict[tuple[str, int], tuple[bool, bool]]) -> _ComparisonRates:
    comparison = levels.comparisons[number]
    known = sorted((level for level in comparison.levels if level.value != NULL_LEVEL), key=lambda x: x.value)
    stated = [fixed.get((comparison.name, level.value), (False, False)) for level in known]
    top = len(known) - 1
    # The usual start: nine in ten matches agree in full, the rest spread over the other levels.
    start = [0.9 if level.value == top else 0.1 / max(top, 1) for level in known]
    return _ComparisonRates(
        m=np.array([level.m if s[0] else b for level, s, b in zip(known, stated, start, strict=True)]),
        u=np.array([level.u for level in known], dtype=float),
        m_fixed=np.array([s[0] for s in stated]),
        u_fixed=np.array([s[1] for s in stated]),
        adjusted=np.array([level.adjustment is not None for level in known]),
    )


def _initial_prior(candidates: PairLevels, all_pairs: float) -> float:
    # Any order of magnitude does: the first E-step replaces it.
    return max(0.1 * len(candidates), 1.0) / all_pairs


def _update_u(rates: list[_ComparisonRates], drawn: list[npt.NDArray[np.float64]], prior: float) -> None:
    """Levels of random pairs, less the matches expected among them."""
    for each, counts in zip(rates, drawn, strict=True):
        others = np.maximum(counts - counts.sum() * prior * each.m, 0.0) + SMOOTHING
        each.u = np.where(each.u_fixed, each.u, others / others.sum())


def _group_patterns(values: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """The distinct rows of levels, and which of them each pair has: a fraction of the pairs in number."""
    widths = [int(column.max(initial=0)) + 2 for column in values.T]
    if math.prod(widths) >= _LARGEST_CODE:
        kinds, kind = np.unique(values, axis=0, return_inverse=True)
        return kinds, kind.reshape(-1)
    codes = np.zeros(len(values), dtype=np.int64)
    for column, width in zip(values.T, widths, strict=True):
        codes = codes * width + (column.astype(np.int64) - NULL_LEVEL)
    _, first, kind = np.unique(codes, return_index=True, return_inverse=True)
    return values[first], kind


def _pattern_weights(rates: list[_ComparisonRates], kinds: npt.NDArray[np.int8], prior: float) -> npt.NDArray[np.float64]:
    bits = np.full(len(kinds), _log_odds(prior))
    for number, each in enumerate(rates):
        bits += each.weights()[kinds[:, number]]
    return bits


def to_probabilities(bits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Posterior probabilities of weights."""
    return np.asarray(1.0 / (1.0 + np.exp2(-np.clip(bits, -_MAX_BITS, _MAX_BITS))))


def _update_m(rates: list[_ComparisonRates], kinds: npt.NDArray[np.int8], posterior: npt.NDArray[np.float64]) -> float:
    moved = 0.0
    for number, each in enumerate(rates):
        counts = _count_levels(kinds[:, number], len(each.m), posterior) + SMOOTHING
        new = np.where(each.m_fixed, each.m, counts / counts.sum())
        moved = max(moved, float(np.abs(new - each.m).max()))
        each.m = new
    return moved


def _count_levels(
    values: npt.NDArray[np.int8], size: int, weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    present = values != NULL_LEVEL
    counts = np.bincount(values[present], weights=weights[present], minlength=size)
    return counts.astype(np.float64)
