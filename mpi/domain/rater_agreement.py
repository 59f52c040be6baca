"""How far two people agree beyond chance: Cohen's kappa, with its interval.

Kappa is (p_o - p_e) / (1 - p_e), where p_o is the share on which both said the same, and p_e what would be by
chance if each kept to how often they say what (Cohen 1960, A coefficient of agreement for nominal scales,
Educational and Psychological Measurement 20:37-46).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mpi.domain.sampling import Estimate, NORMAL_DEVIATE_95, estimate_share

VerdictPair = tuple[str, str]
"""What the one said, and what the other said of the same pair."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How two people agree over the pairs that both judged.

    Args:
        pairs: how many both judged.
        agreed: of how many they said the same.
        kappa: with its 95 % interval; None where nothing but one answer was ever given by either, so that
            chance alone would have them agree.
    """

    pairs: int
    agreed: int
    kappa: Estimate | None


def measure_agreement(counts: Mapping[VerdictPair, int]) -> Agreement:
    """Kappa of two people's verdicts.

    The interval is kappa ± z times the standard error of Fleiss, Cohen and Everitt (1969, Large sample
    standard errors of kappa and weighted kappa, Psychological Bulletin 72:323-327). That error is 0 where
    they agreed throughout, however few the pairs: the low end then is that of Wilson's interval for the
    share agreed upon, with agreement by chance as it was seen.

    Args:
        counts: how many pairs got each two verdicts.
    """
    total = sum(counts.values())
    agreed = sum(count for (one, other), count in counts.items() if one == other)
    if not total:
        return Agreement(0, 0, None)
    cells = {pair: count / total for pair, count in counts.items()}
    first, second = _compute_marginal_shares(cells)
    by_chance = sum(held * second.get(verdict, 0.0) for verdict, held in first.items())
    if by_chance == 1.0:
        return Agreement(total, agreed, None)
    kappa = (agreed / total - by_chance) / (1 - by_chance)
    if agreed == total:
        low = (estimate_share(agreed, total).low - by_chance) / (1 - by_chance)
        return Agreement(total, agreed, Estimate(kappa, low, kappa))
    spread = NORMAL_DEVIATE_95 * math.sqrt(_compute_kappa_variance(cells, first, second, kappa, by_chance) / total)
    return Agreement(total, agreed, Estimate(kappa, max(kappa - spread, -1.0), min(kappa + spread, 1.0)))


def _compute_marginal_shares(cells: Mapping[VerdictPair, float]) -> tuple[dict[str, float], dict[str, float]]:
    first: dict[str, float] = {}
    second: dict[str, float] = {}
    for (one, other), held in cells.items():
        first[one] = first.get(one, 0.0) + held
        second[other] = second.get(other, 0.0) + held
    return first, second


def _compute_kappa_variance(
    cells: Mapping[VerdictPair, float],
    first: Mapping[str, float],
    second: Mapping[str, float],
    kappa: float,
    by_chance: float,
) -> float:
    """Of kappa, times the number of pairs (Fleiss, Cohen and Everitt 1969, formula 13)."""
    rest = 1 - kappa
    alike = sum(
        held * (1 - (first[one] + second[other]) * rest) ** 2
        for (one, other), held in cells.items()
        if one == other
    )
    unlike = rest**2 * sum(
        held * (second.get(one, 0.0) + first.get(other, 0.0)) ** 2
        for (one, other), held in cells.items()
        if one != other
    )
    centre = (kappa - by_chance * rest) ** 2
    return max(alike + unlike - centre, 0.0) / (1 - by_chance) ** 2
