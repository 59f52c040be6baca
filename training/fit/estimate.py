"""Estimation of a model's m and u probabilities and its prior.

u is counted on random pairs of records, each by its probability to be two people. m and the prior
come from expectation maximization (Fellegi and Sunter 1969; Winkler 1988) over the candidate pairs
of the model's own blocking rules. Blocking finds nearly all matches, and a pair outside has next to
no posterior probability. So the candidates stand for all pairs, provided that the prior counts all
of them. The E-step scores with the whole model, term frequencies and fixed levels included: without
the guards, twins and siblings would teach m that a match's given name may differ. A steward's label
of a pair replaces its posterior probability (``training.fit.labels``).

Where names are common and fields few, strangers outnumber matches, and m would be learned from them. Two
things that a person would use hold that off. Pairs of each two sources have a prior of their own
(``training.source_pairs``). Candidates of one record that are two people share its probability
(``mpi.clustering.candidate_competition``). The model's own weights contain neither.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mpi.clustering.candidate_competition import CandidateCompetition
from mpi.matching.model.scoring_parameters import NULL_LEVEL, Comparison, ScoringParameters
from training.fit.errors import DegenerateDataError
from training.fit.labels import LabelledPosteriors
from training.fit.level_reader import PairLevels
from training.joint_levels import measure_joint_bits
from training.source_pairs import PairClasses
from training.starter_model import STARTER_MATCHES, STARTER_PAIRS

NO_STARTER: Mapping[tuple[str, str], tuple[float, float]] = {}
MAX_ITERATIONS = 40
CONVERGENCE_TOLERANCE = 1e-4
SMOOTHING = 0.5
"""Pseudo-count of each level (Jeffreys).

A level that is seldom observed is improbable, not impossible.
"""
LEAST_MATCHES = 20.0
LEAST_MATCHES_BETWEEN = 200.0
"""Expected matches between sources from which m is learned on such pairs alone.

Within a source, matches are rare and strangers many: what looks like a match there is often a stranger.
"""
LEAST_SHARE_BETWEEN = 1 / 3
"""Least share of all expected matches that pairs between sources hold before m is learned on them alone."""
_REBUILT_ITERATIONS = (0, 3)
"""Iterations in which the competing pairs are found anew; the first weights are rough."""
_LEAST_MATCHES_OF_CLASS = 1e-3
_LARGEST_CODE = 2**62  # patterns that one integer can number
_MAX_PRIOR = 0.5
_CERTAIN_PRIOR = 1 - 1e-6  # where all records are one person; 1 has no log-odds
_MAX_BITS = 200.0  # bits beyond which a double holds no other probability than 0 or 1


@dataclass(frozen=True, slots=True)
class LearnedParameters:
    """Parameters that expectation maximization learned.

    Args:
        rates: (comparison, level value) to (m, u), learned levels only.
        prior: probability that two random records of the data match.
        matches: expected number of matching candidate pairs.
        iterations: iterations of expectation maximization.
        weights: match weight, in bits, of each pair that m was learned on.
        probabilities: probability of each of these pairs to match, beside its rivals and labels, under
            the prior of its sources.
        listed_probabilities: the same, beside how few records of a list match nobody in another.
        observed_levels: (comparison, level value) of every level that any pair had.
        joint_bits: by pair, bits by which the levels of a match go together more often than independent ones
            would (``training.joint_levels``).
    """

    rates: dict[tuple[str, int], tuple[float, float]]
    prior: float
    matches: float
    iterations: int
    weights: npt.NDArray[np.float64]
    probabilities: npt.NDArray[np.float64]
    listed_probabilities: npt.NDArray[np.float64]
    observed_levels: frozenset[tuple[str, int]]
    joint_bits: npt.NDArray[np.float64]


@dataclass(slots=True)
class _ComparisonRates:
    """m and u probabilities of one comparison by level value.

    ``m_before`` and ``u_before`` are matches and other pairs that count as seen before the data.
    """

    m: npt.NDArray[np.float64]
    u: npt.NDArray[np.float64]
    m_fixed: npt.NDArray[np.bool_]
    u_fixed: npt.NDArray[np.bool_]
    adjusted: npt.NDArray[np.bool_]
    m_before: npt.NDArray[np.float64]
    u_before: npt.NDArray[np.float64]

    def weights(self) -> npt.NDArray[np.float64]:
        """Return the comparison's weight in bits by level value.

        The null level is last, so that index -1 finds it.
        """
        base = np.where(self.adjusted & ~self.m_fixed, 1.0, self.u)
        return np.append(np.log2(self.m / base), 0.0)


def estimate_parameters(  # noqa: PLR0913, PLR0917 - each is an input of its own kind
    levels: ScoringParameters,
    fixed: dict[tuple[str, int], tuple[bool, bool]],
    random: PairLevels,
    candidates: PairLevels,
    all_pairs: float,
    labels: LabelledPosteriors | None = None,
    classes: PairClasses | None = None,
    starter: Mapping[tuple[str, str], tuple[float, float]] = NO_STARTER,
) -> LearnedParameters:
    """Learn u from random pairs, then m and the prior from candidates.

    Args:
        levels: comparisons and levels of the model, with stated weights where fixed.
        fixed: (comparison, level value) to whether m and u are fixed.
        random: levels of random pairs.
        candidates: levels of the candidate pairs.
        all_pairs: number of pairs that the data could form.
        labels: labels of the candidates; None if there are none.
        classes: sources of the candidates; None for one prior, and no competition.
        starter: comparison name and level label to the (m, u) that the data's are drawn to; empty for none.

    Raises:
        DegenerateDataError: hardly any candidate pair looks like a match, and there is no starter.
    """
    rates = [_initial_rates(levels, number, fixed) for number in range(len(levels.comparisons))]
    for number, comparison_rates in enumerate(rates):
        _add_starter(comparison_rates, levels.comparisons[number], starter)
    random_patterns = _group_patterns(random.values)
    patterns, pattern_of_pair = _group_patterns(candidates.values)
    judge = _MatchJudge(candidates, all_pairs, labels, classes)
    change, iterations = 1.0, 0
    _update_u(rates, random_patterns, np.zeros(len(random)))
    while change >= CONVERGENCE_TOLERANCE and iterations < MAX_ITERATIONS:
        if iterations:
            _update_u(
                rates, random_patterns, _weigh_pairs(rates, random_patterns, random.rarity, judge.prior)
            )
        evidence = _pattern_evidence(rates, patterns)[pattern_of_pair] + candidates.rarity
        posterior = judge.estimate_matches(evidence, find_rivals=iterations in _REBUILT_ITERATIONS)
        pattern_matches = np.bincount(
            pattern_of_pair, weights=judge.select_informative(posterior), minlength=len(patterns)
        ).astype(np.float64)
        change = _update_m(rates, patterns, pattern_matches)
        iterations += 1
    evidence = _pattern_evidence(rates, patterns)[pattern_of_pair] + candidates.rarity
    posterior = judge.estimate_matches(evidence, find_rivals=True)
    matches = float(posterior.sum())
    if matches < LEAST_MATCHES and not starter:
        raise DegenerateDataError(
            f"only {matches:.0f} pairs of records look like one person, and a fit needs {LEAST_MATCHES:.0f}: "
            "nothing can be learned from data without duplicates, or of too few columns to tell people "
            "apart. Give the files of all sources at once, with all their columns, or use the shipped model"
        )
    return LearnedParameters(
        rates=_collect_rates(levels, rates),
        prior=judge.prior,
        matches=matches,
        iterations=iterations,
        weights=evidence + _log_odds(judge.prior),
        probabilities=posterior,
        listed_probabilities=judge.estimate_listed_matches(evidence, posterior),
        observed_levels=_observed_levels(levels, random)
        | _observed_levels(levels, candidates)
        | _known_levels(levels, starter),
        joint_bits=measure_joint_bits(
            patterns,
            np.bincount(pattern_of_pair, weights=posterior, minlength=len(patterns)).astype(np.float64),
            [np.where(each.m_fixed, np.nan, each.m) for each in rates],
        )[pattern_of_pair],
    )


class _MatchJudge:
    """E-step over the candidate pairs, with the priors that it updates.

    Args:
        candidates: levels of the candidate pairs.
        all_pairs: number of pairs that the data could form.
        labels: labels of the candidates; None if there are none.
        classes: sources of the candidates; None for one prior, and no competition.
    """

    def __init__(
        self,
        candidates: PairLevels,
        all_pairs: float,
        labels: LabelledPosteriors | None,
        classes: PairClasses | None,
    ) -> None:
        self._labels, self._classes, self._all_pairs = labels, classes, all_pairs
        self._competition: CandidateCompetition | None = None
        self.prior = _initial_prior(candidates, all_pairs)
        self._exclusiveness = np.zeros(1 if classes is None else len(classes.records))
        self._priors = np.full(1 if classes is None else len(classes.pairs), self.prior)

    def estimate_matches(
        self, evidence: npt.NDArray[np.float64], *, find_rivals: bool
    ) -> npt.NDArray[np.float64]:
        """Return each candidate pair's match probability, and update the priors.

        Args:
            evidence: bits of each pair, without a prior.
            find_rivals: whether to find anew which pairs compete.
        """
        classes = self._classes
        if classes is None:
            posterior = self._apply_labels(to_probabilities(evidence + _log_odds(self.prior)))
        else:
            bits = evidence + to_log_odds(self._priors)[classes.class_of]
            if find_rivals or self._competition is None:
                self._competition = CandidateCompetition(
                    classes.left, classes.right, bits, classes.sources, classes.sampled_share
                )
            weighed = self._competition.discount(bits, self._exclusiveness)
            posterior = self._apply_labels(to_probabilities(weighed))
            matches = np.bincount(classes.class_of, weights=posterior, minlength=len(classes.pairs)).astype(
                np.float64
            )
            self._priors = np.minimum(
                (matches + _LEAST_MATCHES_OF_CLASS) / np.maximum(classes.pairs, 1.0), _MAX_PRIOR
            )
            self._exclusiveness = classes.measure_exclusiveness(matches)
        self.prior = min(max(float(posterior.sum()), 1.0) / self._all_pairs, _CERTAIN_PRIOR)
        return posterior

    def estimate_listed_matches(
        self, evidence: npt.NDArray[np.float64], posterior: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return match probabilities beside how few records match nobody.

        A prior counts pairs whose records match others too. Where most records of a list match one record of
        another, a record without another candidate hardly stays without a match.

        Args:
            evidence: bits of each pair, without a prior.
            posterior: probability of each pair, which stays where there are no sources.
        """
        classes = self._classes
        if classes is None or self._competition is None:
            return posterior
        unmatched = classes.compute_unmatched_bits(self._priors * classes.pairs, self._exclusiveness)
        bits = evidence + (to_log_odds(self._priors) - unmatched)[classes.class_of]
        return self._apply_labels(to_probabilities(self._competition.discount(bits, self._exclusiveness)))

    def select_informative(self, posterior: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the posteriors for learning m; 0 where left out."""
        if self._classes is None:
            return posterior
        between = np.where(self._classes.is_between[self._classes.class_of], posterior, 0.0)
        matches = float(between.sum())
        is_enough = matches >= max(LEAST_MATCHES_BETWEEN, LEAST_SHARE_BETWEEN * float(posterior.sum()))
        return between if is_enough else posterior

    def _apply_labels(self, posterior: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Replace the posterior of each labelled pair by its label."""
        return posterior if self._labels is None else self._labels.expected_matches(posterior)


def scale_to_index_size(learned: LearnedParameters, records: int, index_size: int) -> LearnedParameters:
    """Scale the prior and the weights to an index of another size.

    The data is taken as all records of some of the index's children. Matches grow with the records, and
    pairs with their square: the prior falls as the index grows. For a sample of the records no scaling
    is needed, as both records of a match must have been drawn.

    Args:
        learned: parameters learned from the data.
        records: number of records in the data.
        index_size: number of records that the index will hold.
    """
    prior = min(learned.prior * records / index_size, 0.5)
    return replace(
        learned, prior=prior, weights=learned.weights + _log_odds(prior) - _log_odds(learned.prior)
    )


def _log_odds(probability: float) -> float:
    """Return the log-odds of a probability in bits."""
    return math.log2(probability / (1 - probability))


def to_log_odds(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the log-odds of probabilities in bits."""
    return np.asarray(np.log2(probabilities / (1 - probabilities)))


def _collect_rates(
    levels: ScoringParameters, rates: list[_ComparisonRates]
) -> dict[tuple[str, int], tuple[float, float]]:
    """Return m and u of every comparison level that is not fixed."""
    return {
        (comparison.name, value): (float(comparison_rates.m[value]), float(comparison_rates.u[value]))
        for comparison, comparison_rates in zip(levels.comparisons, rates, strict=True)
        for value in range(len(comparison_rates.m))
        if not (comparison_rates.m_fixed[value] and comparison_rates.u_fixed[value])
    }


def _observed_levels(levels: ScoringParameters, pairs: PairLevels) -> frozenset[tuple[str, int]]:
    """Return the comparison levels that any of the pairs has."""
    return frozenset(
        (comparison.name, int(value))
        for number, comparison in enumerate(levels.comparisons)
        for value in np.unique(pairs.values[:, number])
    )


def _known_levels(
    levels: ScoringParameters, starter: Mapping[tuple[str, str], tuple[float, float]]
) -> frozenset[tuple[str, int]]:
    """Return the comparison levels that a starter has rates of."""
    return frozenset(
        (comparison.name, level.value)
        for comparison in levels.comparisons
        for level in comparison.levels
        if (comparison.name, level.label) in starter
    )


def _initial_rates(
    levels: ScoringParameters, number: int, fixed: dict[tuple[str, int], tuple[bool, bool]]
) -> _ComparisonRates:
    """Return the initial m and u of a comparison's levels."""
    comparison = levels.comparisons[number]
    learnable = sorted(
        (level for level in comparison.levels if level.value != NULL_LEVEL), key=lambda x: x.value
    )
    is_fixed = [fixed.get((comparison.name, level.value), (False, False)) for level in learnable]
    top = len(learnable) - 1
    # Usual start: nine in ten matches agree fully, the rest spread over the other levels.
    initial_m = [0.9 if level.value == top else 0.1 / max(top, 1) for level in learnable]
    return _ComparisonRates(
        m=np.array(
            [
                level.m if fixed_pair[0] else start
                for level, fixed_pair, start in zip(learnable, is_fixed, initial_m, strict=True)
            ]
        ),
        u=np.array([level.u for level in learnable], dtype=float),
        m_fixed=np.array([fixed_pair[0] for fixed_pair in is_fixed]),
        u_fixed=np.array([fixed_pair[1] for fixed_pair in is_fixed]),
        adjusted=np.array([level.adjustment is not None for level in learnable]),
        m_before=np.zeros(len(learnable)),
        u_before=np.zeros(len(learnable)),
    )


def _add_starter(
    rates: _ComparisonRates,
    comparison: Comparison,
    starter: Mapping[tuple[str, str], tuple[float, float]],
) -> None:
    """Let a comparison begin with a starter's rates, where it has any."""
    for level in comparison.levels:
        known = starter.get((comparison.name, level.label))
        if level.value == NULL_LEVEL or known is None:
            continue
        if not rates.m_fixed[level.value]:
            rates.m_before[level.value] = STARTER_MATCHES * known[0]
            rates.m[level.value] = known[0]
        if not rates.u_fixed[level.value]:
            rates.u_before[level.value] = STARTER_PAIRS * known[1]


def _initial_prior(candidates: PairLevels, all_pairs: float) -> float:
    """Return a first guess of the share of matches among all pairs."""
    # Any order of magnitude is enough: the first E-step replaces the value.
    return min(max(0.1 * len(candidates), 1.0) / all_pairs, _CERTAIN_PRIOR)


def _weigh_pairs(
    rates: list[_ComparisonRates],
    grouped: tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]],
    rarity: npt.NDArray[np.float64],
    prior: float,
) -> npt.NDArray[np.float64]:
    """Return the match probability of each pair.

    Args:
        rates: m and u of the comparisons.
        grouped: comparison patterns, and the pattern of each pair.
        rarity: bits of the frequency adjustment of each pair.
        prior: probability of a pair to match.
    """
    patterns, pattern_of_pair = grouped
    return to_probabilities(_pattern_evidence(rates, patterns)[pattern_of_pair] + rarity + _log_odds(prior))


def _update_u(
    rates: list[_ComparisonRates],
    grouped: tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]],
    posterior: npt.NDArray[np.float64],
) -> None:
    """Update u probabilities from random pairs, less the matches among them.

    Each pair counts by its own probability to be two people. To subtract the expected number of matches
    instead is unstable: a first guess of it that is too high leaves a level such as an equal birth date no
    chance agreement, and all pairs of one birth date then look like matches.

    Args:
        rates: m and u of the comparisons.
        grouped: comparison patterns of the random pairs, and the pattern of each.
        posterior: probability of each random pair to match.
    """
    patterns, pattern_of_pair = grouped
    others = np.bincount(pattern_of_pair, weights=1.0 - posterior, minlength=len(patterns)).astype(np.float64)
    for number, comparison_rates in enumerate(rates):
        non_matches = _count_levels(patterns[:, number], len(comparison_rates.u), others)
        non_matches += SMOOTHING + comparison_rates.u_before
        comparison_rates.u = np.where(
            comparison_rates.u_fixed, comparison_rates.u, non_matches / non_matches.sum()
        )


def _group_patterns(values: npt.NDArray[np.int8]) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """Return the distinct comparison patterns and the pattern of each pair.

    There are far fewer patterns than pairs.
    """
    widths = [int(column.max(initial=0)) + 2 for column in values.T]
    if math.prod(widths) >= _LARGEST_CODE:
        patterns, pattern_of_pair = np.unique(values, axis=0, return_inverse=True)
        return patterns, pattern_of_pair.reshape(-1)
    codes = np.zeros(len(values), dtype=np.int64)
    for column, width in zip(values.T, widths, strict=True):
        codes = codes * width + (column.astype(np.int64) - NULL_LEVEL)
    _, first_pairs, pattern_of_pair = np.unique(codes, return_index=True, return_inverse=True)
    return values[first_pairs], pattern_of_pair


def _pattern_evidence(
    rates: list[_ComparisonRates], patterns: npt.NDArray[np.int8]
) -> npt.NDArray[np.float64]:
    """Return each comparison pattern's bits, without prior and frequency adjustment."""
    bits = np.zeros(len(patterns))
    for number, comparison_rates in enumerate(rates):
        bits += comparison_rates.weights()[patterns[:, number]]
    return bits


def to_probabilities(bits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Convert match weights in bits to posterior probabilities."""
    return np.asarray(1.0 / (1.0 + np.exp2(-np.clip(bits, -_MAX_BITS, _MAX_BITS))))


def _update_m(
    rates: list[_ComparisonRates], patterns: npt.NDArray[np.int8], posterior: npt.NDArray[np.float64]
) -> float:
    """Update m probabilities from posteriors; return the largest change."""
    change = 0.0
    for number, comparison_rates in enumerate(rates):
        counts = _count_levels(patterns[:, number], len(comparison_rates.m), posterior)
        counts += SMOOTHING + comparison_rates.m_before
        new_m = np.where(comparison_rates.m_fixed, comparison_rates.m, counts / counts.sum())
        change = max(change, float(np.abs(new_m - comparison_rates.m).max()))
        comparison_rates.m = new_m
    return change


def _count_levels(
    values: npt.NDArray[np.int8], size: int, weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Count pairs by comparison level, weighted, without null levels."""
    present = values != NULL_LEVEL
    counts = np.bincount(values[present], weights=weights[present], minlength=size)
    return counts.astype(np.float64)
