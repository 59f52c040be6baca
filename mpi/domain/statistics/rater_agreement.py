"""Agreement of raters beyond chance.

Cohen's kappa is of two raters, and Fleiss' kappa of any two of several.

Kappa is (p_o - p_e) / (1 - p_e), where p_o is the share of pairs with equal verdicts, and p_e the share
expected by chance from how often each rater gives each verdict (Cohen 1960, A coefficient of agreement for
nominal scales, Educational and Psychological Measurement 20:37-46). Where the two raters are others from
pair to pair, p_e is the chance that two ratings of all are equal, whoever gave them. For two ratings of each
pair this is the kappa of Fleiss (1971, Measuring nominal scale agreement among many raters, Psychological
Bulletin 76:378-382), and the pi of Scott (1955, Public Opinion Quarterly 19:321-325).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mpi.domain.statistics.sampling import NORMAL_DEVIATE_95, Estimate, estimate_share

VerdictPair = tuple[str, str]
"""Verdicts of the first and second rater about one pair of records."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of the two raters of each pair.

    Args:
        pairs: number of pairs that two judged.
        agreed: number of pairs with equal verdicts.
        kappa: kappa with its 95 % interval; None where only one verdict was ever given, so that chance alone
            would have them agree.
    """

    pairs: int
    agreed: int
    kappa: Estimate | None


def measure_pooled_agreement(counts: Mapping[VerdictPair, int]) -> Agreement:
    """Compute Fleiss' kappa from pairs of ratings by any two raters.

    Who of the two is first does not count: each pair counts half in either order. Cohen's kappa of that
    table is Fleiss' kappa, and its standard error by the delta method is the same too.

    Args:
        counts: number of pairs by the two verdicts.
    """
    halves: dict[VerdictPair, float] = {}
    for (first_verdict, second_verdict), count in counts.items():
        for pair in ((first_verdict, second_verdict), (second_verdict, first_verdict)):
            halves[pair] = halves.get(pair, 0.0) + count / 2
    return _measure(halves)


def measure_agreement(counts: Mapping[VerdictPair, int]) -> Agreement:
    """Compute Cohen's kappa from the verdicts of two fixed raters.

    The interval is kappa ± z times the standard error of Fleiss, Cohen and Everitt (1969, Large sample
    standard errors of kappa and weighted kappa, Psychological Bulletin 72:323-327). That error is 0 where all
    verdicts are equal, however few the pairs. The low end then is that of Wilson's interval for the share of
    equal verdicts, with the agreement by chance that was observed.

    Args:
        counts: number of pairs by the two verdicts.
    """
    return _measure(counts)


def _measure(counts: Mapping[VerdictPair, float]) -> Agreement:
    """Compute kappa from numbers of pairs that may be halves."""
    total = round(sum(counts.values()))
    agreed = round(
        sum(
            count
            for (first_verdict, second_verdict), count in counts.items()
            if first_verdict == second_verdict
        )
    )
    if not total:
        return Agreement(0, 0, None)
    cells = {pair: count / total for pair, count in counts.items()}
    first_shares, second_shares = _compute_marginal_shares(cells)
    chance_share = sum(share * second_shares.get(verdict, 0.0) for verdict, share in first_shares.items())
    if chance_share == 1.0:
        return Agreement(total, agreed, None)
    kappa = (agreed / total - chance_share) / (1 - chance_share)
    if agreed == total:
        low = (estimate_share(agreed, total).low - chance_share) / (1 - chance_share)
        return Agreement(total, agreed, Estimate(kappa, low, kappa))
    half_width = NORMAL_DEVIATE_95 * math.sqrt(
        _compute_kappa_variance(cells, first_shares, second_shares, kappa, chance_share) / total
    )
    return Agreement(
        total, agreed, Estimate(kappa, max(kappa - half_width, -1.0), min(kappa + half_width, 1.0))
    )


def _compute_marginal_shares(cells: Mapping[VerdictPair, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the share of each verdict, for either of two raters."""
    first_shares: dict[str, float] = {}
    second_shares: dict[str, float] = {}
    for (first_verdict, second_verdict), share in cells.items():
        first_shares[first_verdict] = first_shares.get(first_verdict, 0.0) + share
        second_shares[second_verdict] = second_shares.get(second_verdict, 0.0) + share
    return first_shares, second_shares


def _compute_kappa_variance(
    cells: Mapping[VerdictPair, float],
    first_shares: Mapping[str, float],
    second_shares: Mapping[str, float],
    kappa: float,
    chance_share: float,
) -> float:
    """Return kappa's variance times the number of pairs.

    Source: Fleiss, Cohen and Everitt 1969, formula 13.
    """
    disagreement = 1 - kappa
    equal_term = sum(
        share * (1 - (first_shares[first_verdict] + second_shares[second_verdict]) * disagreement) ** 2
        for (first_verdict, second_verdict), share in cells.items()
        if first_verdict == second_verdict
    )
    unequal_term = disagreement**2 * sum(
        share * (second_shares.get(first_verdict, 0.0) + first_shares.get(second_verdict, 0.0)) ** 2
        for (first_verdict, second_verdict), share in cells.items()
        if first_verdict != second_verdict
    )
    center = (kappa - chance_share * disagreement) ** 2
    return max(equal_term + unequal_term - center, 0.0) / (1 - chance_share) ** 2
