"""Random samples of pairs by stratum, and what they tell of all pairs: precision and recall with intervals.

The estimator is stratified (Cochran 1977, Sampling Techniques, chapter 5): each stratum's share of true
matches counts by how many pairs the stratum holds. Where a stratum's pairs were counted from a part of the
records only, its size is an estimate too (double sampling for stratification, Cochran chapter 12).

Each share has Wilson's interval (1927), which holds near 0 and 1. They are put together by the method of
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
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class JudgedStratum:
    """What people said of the pairs drawn from one stratum.

    Args:
        pairs: pairs that the stratum holds, or is estimated to hold.
        counted: pairs of it that were counted for that; as many as ``pairs`` where all were.
        same: pairs judged of one child.
        different: pairs judged of different children.
    """

    pairs: int
    counted: int
    same: int
    different: int

    @property
    def verdicts(self) -> int:
        """Pairs with a verdict that counts."""
        return self.same + self.different


def estimate_share(part: int, whole: int) -> Estimate:
    """A proportion with Wilson's score interval; of nothing it is 0, somewhere between 0 and 1."""
    if not whole:
        return Estimate(0.0, 0.0, 1.0)
    found = part / whole
    spread = NORMAL_DEVIATE_95 * math.sqrt(found * (1 - found) / whole + NORMAL_DEVIATE_95**2 / (4 * whole**2))
    centre, scale = found + NORMAL_DEVIATE_95**2 / (2 * whole), 1 + NORMAL_DEVIATE_95**2 / whole
    low = 0.0 if part == 0 else (centre - spread) / scale
    high = 1.0 if part == whole else (centre + spread) / scale
    return Estimate(found, low, high)


def estimate_precision(linked: Sequence[JudgedStratum]) -> Estimate | None:
    """Of the linked pairs, the share that are matches; None until each stratum has a verdict, or if none is.

    Args:
        linked: the strata of linked pairs; one that holds none counts for nothing.
    """
    strata = [one for one in linked if one.pairs]
    if not strata or not all(one.verdicts for one in strata):
        return None
    total = sum(one.pairs for one in strata)
    weights = [one.pairs / total for one in strata]
    shares = [estimate_share(one.same, one.verdicts) for one in strata]
    value = sum(weight * each.value for weight, each in zip(weights, shares, strict=True))
    # That the weights are estimates themselves: the second term of Cochran's formula 12.2.
    seen = sum(one.counted for one in strata)
    spread = sum(w * (each.value - value) ** 2 for w, each in zip(weights, shares, strict=True))
    between = NORMAL_DEVIATE_95**2 * spread / seen * (1 - seen / max(total, seen))
    below = between + sum(
        (w * (each.value - each.low)) ** 2 * _compute_unjudged_share(one)
        for w, each, one in zip(weights, shares, strata, strict=True)
    )
    above = between + sum(
        (w * (each.high - each.value)) ** 2 * _compute_unjudged_share(one)
        for w, each, one in zip(weights, shares, strata, strict=True)
    )
    return Estimate(value, max(value - math.sqrt(below), 0.0), min(value + math.sqrt(above), 1.0))


def estimate_recall(linked: Sequence[JudgedStratum], apart: Sequence[JudgedStratum]) -> Estimate | None:
    """Of the matches among all pairs of the strata, the share that are linked; None as for ``estimate_precision``.

    Args:
        linked: the strata of linked pairs.
        apart: the strata of pairs that were not linked.
    """
    strata = [one for one in (*linked, *apart) if one.pairs]
    if not strata or not all(one.verdicts for one in strata):
        return None
    found, missed = _estimate_matches(linked), _estimate_matches(apart)
    if not found.value:
        return Estimate(0.0, 0.0, 1.0) if missed.value else None
    low, high = _compute_ratio_limits(missed, found)
    return Estimate(1 / (1 + missed.value / found.value), 1 / (1 + high), 1 / (1 + low))


def _compute_unjudged_share(one: JudgedStratum) -> float:
    """The part of a stratum that nobody judged: what was judged is known, and errs no more (Cochran 2.7)."""
    return max(1 - one.verdicts / one.pairs, 0.0)


def _estimate_matches(strata: Sequence[JudgedStratum]) -> Estimate:
    """How many matches strata hold together."""
    value = below = above = 0.0
    for one in strata:
        if not one.pairs:
            continue
        part = estimate_share(one.same, one.verdicts)
        # A count of n that stands for the whole has a standard error of the square root of n.
        counted = (NORMAL_DEVIATE_95 * one.pairs * part.value) ** 2 / one.counted * (1 - one.counted / max(one.pairs, one.counted))
        value += one.pairs * part.value
        below += (one.pairs * (part.value - part.low)) ** 2 * _compute_unjudged_share(one) + counted
        above += (one.pairs * (part.high - part.value)) ** 2 * _compute_unjudged_share(one) + counted
    return Estimate(value, max(value - math.sqrt(below), 0.0), value + math.sqrt(above))


def _compute_ratio_limits(top: Estimate, bottom: Estimate) -> tuple[float, float]:
    """The limits of top / bottom, two independent estimates (Donner and Zou 2012, formula 9)."""
    product = top.value * bottom.value
    wide = bottom.high * (2 * bottom.value - bottom.high)
    if wide > 0:
        inner = product**2 - top.low * (2 * top.value - top.low) * wide
        low = (product - math.sqrt(max(inner, 0.0))) / wide
    else:
        low = top.low / bottom.high
    narrow = bottom.low * (2 * bottom.value - bottom.low)
    if narrow <= 0:
        return max(low, 0.0), math.inf
    inner = product**2 - top.high * (2 * top.value - top.high) * narrow
    return max(low, 0.0), (product + math.sqrt(max(inner, 0.0))) / narrow


def allocate_sample(size: int, available: Sequence[int]) -> list[int]:
    """How many to draw from each stratum: as many from each, and what one lacks from the others.

    Equal parts, since what is asked of each stratum is whether it is as good as its weights say.

    Args:
        size: how many in all.
        available: how many each stratum has.
    """
    taken = [0] * len(available)
    left = min(size, sum(available))
    while left:
        open_ones = [place for place, most in enumerate(available) if taken[place] < most]
        part = max(left // len(open_ones), 1)
        for place in open_ones:
            more = min(part, available[place] - taken[place], left)
            taken[place] += more
            left -= more
    return taken


def draw_numbers(seed: int, highest: int, most: int) -> list[int]:
    """Numbers from 1 to ``highest``, each as likely as any other, ascending; all of them if there are few.

    Args:
        seed: the same seed draws the same numbers.
        highest: the last number there is.
        most: how many at most.
    """
    if highest <= most:
        return list(range(1, highest + 1))
    return sorted(Random(seed).sample(range(1, highest + 1), most))  # noqa: S311 - the seed is the secret's
