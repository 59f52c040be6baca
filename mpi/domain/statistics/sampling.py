"""Stratified random samples of pairs, with estimates of precision and recall.

The estimator is stratified (Cochran 1977, Sampling Techniques, chapter 5): each stratum's share of true
matches counts by how many pairs the stratum holds. Where a stratum's pairs were counted from a part of the
records only, its size is an estimate too (double sampling for stratification, Cochran chapter 12).

Each share has Wilson's interval (1927), which holds near 0 and 1. They are combined by the method of
variance estimates recovery, MOVER: the distances from each share to its limits are squared and added, each
end for itself (Zou and Donner 2008, Statistics in Medicine 27:1693-1702; for strata Yan and Su 2010,
Statistics in Biopharmaceutical Research 2:329-335), and for a ratio by formula 9 of Donner and Zou (2012,
Statistical Methods in Medical Research 21:347-359).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

MONTHLY_PAIRS = 105
"""Pairs of a monthly blind sample unless another number is given."""
NORMAL_DEVIATE_95 = 1.959963984540054
"""Standard normal deviate of a two-sided 95 % interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class JudgedStratum:
    """Stratum of record pairs with people's verdicts on a sample.

    Args:
        pairs: number of pairs in the stratum, exact or estimated.
        counted: number of its pairs from which ``pairs`` was estimated; equal to ``pairs`` where all were
            counted.
        same: pairs judged to be of one child.
        different: pairs judged to be of different children.
    """

    pairs: int
    counted: int
    same: int
    different: int

    @property
    def verdicts(self) -> int:
        """Number of sampled record pairs judged the same or different."""
        return self.same + self.different


def estimate_share(part: int, whole: int) -> Estimate:
    """Estimate a proportion with Wilson's score interval.

    Args:
        part: number of hits.
        whole: number of trials; 0 gives 0 with the interval 0 to 1.
    """
    if not whole:
        return Estimate(0.0, 0.0, 1.0)
    share = part / whole
    half_width = NORMAL_DEVIATE_95 * math.sqrt(
        share * (1 - share) / whole + NORMAL_DEVIATE_95**2 / (4 * whole**2)
    )
    center, scale = share + NORMAL_DEVIATE_95**2 / (2 * whole), 1 + NORMAL_DEVIATE_95**2 / whole
    low = 0.0 if part == 0 else (center - half_width) / scale
    high = 1.0 if part == whole else (center + half_width) / scale
    return Estimate(share, low, high)


def estimate_precision(linked: Sequence[JudgedStratum]) -> Estimate | None:
    """Estimate the share of linked pairs that are matches.

    Args:
        linked: strata of linked pairs; one without pairs counts for nothing.

    Returns:
        None where no pair is linked, or a stratum has no verdict yet.
    """
    strata = [stratum for stratum in linked if stratum.pairs]
    if not strata or not all(stratum.verdicts for stratum in strata):
        return None
    total = sum(stratum.pairs for stratum in strata)
    weights = [stratum.pairs / total for stratum in strata]
    shares = [estimate_share(stratum.same, stratum.verdicts) for stratum in strata]
    value = sum(weight * share.value for weight, share in zip(weights, shares, strict=True))
    # That the weights are estimates themselves: the second term of Cochran's formula 12.2.
    counted = sum(stratum.counted for stratum in strata)
    spread = sum(weight * (share.value - value) ** 2 for weight, share in zip(weights, shares, strict=True))
    between = NORMAL_DEVIATE_95**2 * spread / counted * (1 - counted / max(total, counted))
    below = between + sum(
        (weight * (share.value - share.low)) ** 2 * _compute_unjudged_share(stratum)
        for weight, share, stratum in zip(weights, shares, strata, strict=True)
    )
    above = between + sum(
        (weight * (share.high - share.value)) ** 2 * _compute_unjudged_share(stratum)
        for weight, share, stratum in zip(weights, shares, strata, strict=True)
    )
    return Estimate(value, max(value - math.sqrt(below), 0.0), min(value + math.sqrt(above), 1.0))


def estimate_recall(linked: Sequence[JudgedStratum], apart: Sequence[JudgedStratum]) -> Estimate | None:
    """Estimate the share of matches that are linked.

    Args:
        linked: strata of linked pairs.
        apart: strata of pairs that were not linked.

    Returns:
        None where the strata hold no pair, or a stratum has no verdict yet.
    """
    strata = [stratum for stratum in (*linked, *apart) if stratum.pairs]
    if not strata or not all(stratum.verdicts for stratum in strata):
        return None
    linked_matches, missed_matches = _estimate_matches(linked), _estimate_matches(apart)
    if not linked_matches.value:
        return Estimate(0.0, 0.0, 1.0) if missed_matches.value else None
    low, high = _compute_ratio_limits(missed_matches, linked_matches)
    return Estimate(1 / (1 + missed_matches.value / linked_matches.value), 1 / (1 + high), 1 / (1 + low))


def _compute_unjudged_share(stratum: JudgedStratum) -> float:
    """Return the share of a stratum's record pairs without a verdict.

    Judged pairs have no sampling error (finite population correction, Cochran 2.7).
    """
    return max(1 - stratum.verdicts / stratum.pairs, 0.0)


def _estimate_matches(strata: Sequence[JudgedStratum]) -> Estimate:
    """Estimate the number of matching pairs in all strata together."""
    value = below = above = 0.0
    for stratum in strata:
        if not stratum.pairs:
            continue
        share = estimate_share(stratum.same, stratum.verdicts)
        # A count of n that stands for the whole has a standard error of the square root of n.
        size_variance = (
            (NORMAL_DEVIATE_95 * stratum.pairs * share.value) ** 2
            / stratum.counted
            * (1 - stratum.counted / max(stratum.pairs, stratum.counted))
        )
        value += stratum.pairs * share.value
        below += (stratum.pairs * (share.value - share.low)) ** 2 * _compute_unjudged_share(
            stratum
        ) + size_variance
        above += (stratum.pairs * (share.high - share.value)) ** 2 * _compute_unjudged_share(
            stratum
        ) + size_variance
    return Estimate(value, max(value - math.sqrt(below), 0.0), value + math.sqrt(above))


def _compute_ratio_limits(top: Estimate, bottom: Estimate) -> tuple[float, float]:
    """Return the interval of a ratio of two independent estimates.

    Source: Donner and Zou 2012, formula 9.
    """
    product = top.value * bottom.value
    upper_factor = bottom.high * (2 * bottom.value - bottom.high)
    if upper_factor > 0:
        discriminant = product**2 - top.low * (2 * top.value - top.low) * upper_factor
        low = (product - math.sqrt(max(discriminant, 0.0))) / upper_factor
    else:
        low = top.low / bottom.high
    lower_factor = bottom.low * (2 * bottom.value - bottom.low)
    if lower_factor <= 0:
        return max(low, 0.0), math.inf
    discriminant = product**2 - top.high * (2 * top.value - top.high) * lower_factor
    return max(low, 0.0), (product + math.sqrt(max(discriminant, 0.0))) / lower_factor


def allocate_sample(size: int, available: Sequence[int]) -> list[int]:
    """Divide a sample of pairs evenly over strata, as far as possible.

    If a stratum has too few pairs, the others give more. The parts are equal, so that the error rate of each
    stratum can be estimated.

    Args:
        size: pairs to draw in all.
        available: pairs that each stratum has.

    Returns:
        Pairs to draw from each stratum.
    """
    allocation = [0] * len(available)
    remaining = min(size, sum(available))
    while remaining:
        open_strata = [stratum for stratum, pairs in enumerate(available) if allocation[stratum] < pairs]
        part = max(remaining // len(open_strata), 1)
        for stratum in open_strata:
            added = min(part, available[stratum] - allocation[stratum], remaining)
            allocation[stratum] += added
            remaining -= added
    return allocation


def draw_numbers(seed: int, highest: int, most: int) -> list[int]:
    """Draw distinct random numbers from 1 up, for a sample, ascending.

    Args:
        seed: the same seed draws the same numbers.
        highest: the last number that can be drawn.
        most: how many at most; all numbers where there are no more.
    """
    if highest <= most:
        return list(range(1, highest + 1))
    return sorted(Random(seed).sample(range(1, highest + 1), most))  # noqa: S311 - the seed is the secret's
