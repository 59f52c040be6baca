"""Estimates of false and missed links from several kinds of evidence.

Each kind is wrong in a way of its own, so none replaces another. The *model* believes its own weights: its
interval is chance alone. *Trusted numbers* say that two records with different numbers are two children, and
with equal ones one child. They are evidence of the model too, so their figures are better than the truth, and
a child may have a second number. *Hidden numbers* tell the truth of the same pairs, but the pairs are weighed
without them: such figures are worse than the truth, as the model has less evidence. *Blind answers* are the
judgement of stewards on a random sample.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from mpi.domain.statistics.sampling import (
    NORMAL_DEVIATE_95,
    Estimate,
    JudgedStratum,
    estimate_precision,
    estimate_recall,
    estimate_share,
)
from mpi.domain.weight import compute_probability

PER = 10_000
"""Number of links, or of matches, to which an error rate refers."""
RECALL_WIDTH = 0.01
"""Distance from recall to its lower limit that labels should reach."""

_ROUNDED_DIGITS = 6  # what floats lose does not cost a label


class Evidence(StrEnum):
    """Kind of evidence for an error rate."""

    MODEL = "model"
    """Probabilities of the compared pairs, by their match weights."""
    NUMBERS = "trusted numbers"
    """Pairs whose records both carry a number of one system."""
    HIDDEN_NUMBERS = "hidden numbers"
    """The same pairs, weighed without their numbers."""
    ANSWERS = "blind answers"
    """Answers of stewards to the blind samples."""
    LABELS = "stewards' labels"
    """Decided pairs on which a model was fitted. They are about pairs in doubt, so the rates are high."""


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Estimated false and missed links of one group of pairs.

    Args:
        evidence: kind of evidence.
        group: population group of the pairs.
        pairs: linked pairs that the evidence covers; for answers, linked pairs judged.
        false_links: false links per 10,000 linked pairs; None if the evidence covers no linked pair.
        missed_links: missed links per 10,000 matches; None if it tells no match.
    """

    evidence: Evidence
    group: str
    pairs: int
    false_links: Estimate | None
    missed_links: Estimate | None


@dataclass(frozen=True, slots=True)
class RecallBound:
    """Recall among compared pairs from blind answers, and what would tighten it.

    Args:
        recall: recall; its lower limit is the bound. None until each stratum has a verdict.
        verdicts: number of verdicts.
        more_labels: further verdicts that bring the bound within ``RECALL_WIDTH``; None without a recall.
    """

    recall: Estimate | None
    verdicts: int
    more_labels: int | None


@dataclass(slots=True)
class ModelTally:
    """Sums of probabilities over the compared pairs of one group."""

    linked: int = 0
    true_links: float = 0.0
    missed_links: float = 0.0
    variance_linked: float = 0.0
    variance_apart: float = 0.0

    def add(self, bits: float, *, linked: bool) -> None:
        """Add one compared pair.

        Args:
            bits: its match weight.
            linked: whether its records are of one person.
        """
        probability = compute_probability(bits)
        variance = probability * (1 - probability)
        if linked:
            self.linked += 1
            self.true_links += probability
            self.variance_linked += variance
        else:
            self.missed_links += probability
            self.variance_apart += variance

    def estimate(self, group: str) -> ErrorRates:
        """Return the expected error rates of a group."""
        false_links = self.linked - self.true_links
        return ErrorRates(
            Evidence.MODEL,
            group,
            self.linked,
            _estimate_rate(false_links, self.variance_linked, self.linked),
            _estimate_rate(self.missed_links, self.variance_apart, self.true_links + self.missed_links),
        )


@dataclass(slots=True)
class NumberTally:
    """Counts of pairs of one group whose truth a trusted number tells.

    Args:
        equal_linked: linked pairs with an equal number.
        different_linked: linked pairs with different numbers of one system.
        equal_apart: pairs with an equal number that are not linked.
    """

    equal_linked: int = 0
    different_linked: int = 0
    equal_apart: int = 0

    def add(self, *, equal: bool, linked: bool) -> None:
        """Add a pair whose truth is told.

        Args:
            equal: whether it is of one person.
            linked: whether it is linked.
        """
        self.equal_linked += equal and linked
        self.different_linked += not equal and linked
        self.equal_apart += equal and not linked

    def estimate(self, group: str, evidence: Evidence = Evidence.NUMBERS) -> ErrorRates:
        """Return the error rates of a group."""
        linked, matches = self.equal_linked + self.different_linked, self.equal_linked + self.equal_apart
        return ErrorRates(
            evidence,
            group,
            linked,
            _scale(estimate_share(self.different_linked, linked)) if linked else None,
            _scale(estimate_share(self.equal_apart, matches)) if matches else None,
        )


@dataclass(slots=True)
class AnswerTally:
    """Strata of the blind samples, of one group.

    Args:
        linked: strata of linked pairs.
        apart: strata of pairs that were not linked.
    """

    linked: list[JudgedStratum] = field(default_factory=list)
    apart: list[JudgedStratum] = field(default_factory=list)

    def estimate(self, group: str) -> ErrorRates:
        """Return the error rates of a group."""
        return ErrorRates(
            Evidence.ANSWERS,
            group,
            sum(stratum.verdicts for stratum in self.linked),
            _scale(_complement(estimate_precision(self.linked))),
            _scale(_complement(estimate_recall(self.linked, self.apart))),
        )

    def bound_recall(self, width: float = RECALL_WIDTH) -> RecallBound:
        """Bound recall from below, and count the labels that would tighten it."""
        recall = estimate_recall(self.linked, self.apart)
        verdicts = _count_verdicts((*self.linked, *self.apart))
        return RecallBound(
            recall, verdicts, None if recall is None else count_more_labels(recall, verdicts, width)
        )


def count_more_labels(recall: Estimate, verdicts: int, width: float = RECALL_WIDTH) -> int:
    """Count further labels that bring the lower limit near enough.

    An interval shrinks with the square root of the number of labels.

    Args:
        recall: recall with its interval.
        verdicts: number of labels behind it.
        width: distance from recall to its lower limit to reach.
    """
    distance = recall.value - recall.low
    more_labels = verdicts * ((distance / width) ** 2 - 1)
    return max(math.ceil(round(more_labels, _ROUNDED_DIGITS)), 0)


def _count_verdicts(strata: Sequence[JudgedStratum]) -> int:
    """Count the verdicts of strata."""
    return sum(stratum.verdicts for stratum in strata)


def _estimate_rate(errors: float, variance: float, total: float) -> Estimate | None:
    """Return an expected error rate with its normal interval."""
    if not total:
        return None
    half_width = NORMAL_DEVIATE_95 * math.sqrt(variance)
    low, high = max(errors - half_width, 0.0), min(errors + half_width, total)
    return Estimate(PER * errors / total, PER * low / total, PER * high / total)


def _complement(share: Estimate | None) -> Estimate | None:
    """Return the share of the rest."""
    return None if share is None else Estimate(1 - share.value, 1 - share.high, 1 - share.low)


def _scale(share: Estimate | None) -> Estimate | None:
    """Return a share per ``PER``."""
    return None if share is None else Estimate(PER * share.value, PER * share.low, PER * share.high)


def format_rate(rate: Estimate | None) -> str:
    """Format an error rate with its 95 % interval.

    Args:
        rate: errors per ``PER``; None if it is unknown, which is empty text.
    """
    return "" if rate is None else f"{rate.value:.1f} ({rate.low:.1f} to {rate.high:.1f})"


def select_groups(rates: Iterable[ErrorRates], everyone: str, least: int) -> tuple[ErrorRates, ...]:
    """Select the rates of groups that say something of their own.

    A group of few pairs is left out, and so is one that holds every pair of its evidence.

    Args:
        rates: error rates of groups.
        everyone: name of the group of every pair.
        least: fewest linked pairs of a shown group.
    """
    shown = [each for each in rates if each.pairs >= least]
    totals = {each.evidence: replace(each, group="") for each in shown if each.group == everyone}
    return tuple(
        each
        for each in shown
        if each.group == everyone or replace(each, group="") != totals.get(each.evidence)
    )
