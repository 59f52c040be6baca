"""Choice of the cautions, thresholds and link budget of a fitted model.

All of them follow from the candidate pairs, their weights, and how many are expected to be two people.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mpi.matching.model.link_budget import LinkBudget
from training.fit.birth_date_precision import are_complete_dates_usual
from training.fit.estimate import LearnedParameters, to_log_odds
from training.fit.limits.caution_odds import CautionOdds, WeighedPairs
from training.fit.limits.cautions import build_cautions, measure_caution_odds
from training.fit.limits.link_budget import JudgedPairs, choose_link_bits, measure_budget, trace_links
from training.fit.limits.single_lists import find_single_lists
from training.fit.limits.thresholds import (
    LINK_BITS,
    MARGIN_BITS,
    PurposeThresholds,
    choose_research_bits,
    choose_thresholds,
    get_caution_bits,
    limit_review,
)
from training.fit.relatives import RelativeCounts
from training.fit.settings import find_near_number_bits

_LEAST_PROBABILITY = 1e-15


@dataclass(frozen=True, slots=True)
class JudgedFit:
    """Candidate pairs with what was learned from them.

    Args:
        weighed: the pairs with their weights.
        learned: what was learned, for the size of the data.
        scaled: the same for the size of the index.
        is_found: whether a chosen blocking rule finds each pair.
        blocking_recall: estimated share of the matches that any rule finds.
        relatives: how common relatives are.
        complete_date_share: share of the birth dates that are complete.
        sampled_share: share of the candidate pairs that are weighed.
        records: number of records in the data.
        index_size: number of records in the index.
    """

    weighed: WeighedPairs
    learned: LearnedParameters
    scaled: LearnedParameters
    is_found: npt.NDArray[np.bool_]
    blocking_recall: float
    relatives: RelativeCounts
    complete_date_share: float
    sampled_share: float
    records: int
    index_size: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Cautions, thresholds and budget that follow from the candidate pairs.

    Args:
        caution_odds: from which weights cautions give way.
        capped: weight of each pair in bits, capped where a caution holds.
        two_people: probability of each pair to be two people.
        thresholds: thresholds of both purposes.
        link_budget: budget of false links, beside what is expected.
    """

    caution_odds: CautionOdds
    capped: npt.NDArray[np.float64]
    two_people: npt.NDArray[np.float64]
    thresholds: PurposeThresholds
    link_budget: LinkBudget


def choose_limits(
    judged: JudgedFit, settings: dict[str, Any], allowed: float, sources: Mapping[int, str]
) -> Limits:
    """Choose cautions and thresholds by the expected false links.

    Args:
        judged: candidate pairs with what was learned from them.
        settings: complete Splink settings.
        allowed: false links that the budget allows among 10,000 links.
        sources: source of each record; empty for one source.
    """
    weighed, weights = judged.weighed, judged.scaled.weights
    growth = judged.index_size / judged.records
    caution_odds, capped = _cap_with_single_lists(
        weighed,
        measure_caution_odds(weighed, judged.learned.prior, growth, judged.relatives.relief_bits),
        lambda odds: _cap_weights(weighed, settings, judged.relatives, judged.complete_date_share, odds),
        sources,
        judged.sampled_share,
    )
    two_people = _compute_two_people(judged.learned, judged.scaled)
    lo, hi = (weighed.pairs[name].to_numpy() for name in ("lo", "hi"))
    curve = trace_links(JudgedPairs(lo, hi, capped, two_people), MARGIN_BITS, sources)
    link_bits = choose_link_bits(curve, allowed) if caution_odds.decide else LINK_BITS
    capped = _raise_caps(capped, weights, link_bits)
    purposes = choose_thresholds(weights, _choose_research_bits(judged, capped), link_bits)
    questions = weighed.find_questions(capped, purposes.operational)
    return Limits(
        caution_odds=caution_odds,
        capped=capped,
        two_people=two_people,
        thresholds=limit_review(weights, questions, judged.records * judged.sampled_share, purposes),
        link_budget=measure_budget(curve, purposes.operational.link, allowed),
    )


def _choose_research_bits(judged: JudgedFit, capped: npt.NDArray[np.float64]) -> float:
    """Choose the link threshold for research, from capped weights."""
    is_found = judged.is_found
    return choose_research_bits(
        _weigh_for_research(judged.learned, capped - judged.scaled.weights)[is_found],
        float(judged.learned.probabilities[is_found].sum()) / judged.blocking_recall,
    )


def _cap_weights(
    weighed: WeighedPairs,
    settings: dict[str, Any],
    relatives: RelativeCounts,
    complete_share: float,
    caution_odds: CautionOdds,
) -> npt.NDArray[np.float64]:
    """Return the weights of the candidate pairs, capped by the model's cautions."""
    operational = choose_thresholds(weighed.weights).operational
    cautions = build_cautions(
        operational,
        relatives.relief_bits,
        find_near_number_bits(settings),
        complete_dates_usual=are_complete_dates_usual(complete_share),
        odds=caution_odds,
    )
    return weighed.cap_weights(cautions, operational.review)


def _cap_with_single_lists(
    weighed: WeighedPairs,
    odds: CautionOdds,
    cap_weights: Callable[[CautionOdds], npt.NDArray[np.float64]],
    sources: Mapping[int, str],
    sampled_share: float,
) -> tuple[CautionOdds, npt.NDArray[np.float64]]:
    """Find the single lists, and cap the weights that cautions hold.

    Args:
        weighed: the candidate pairs.
        odds: what is known of cautions, without single lists.
        cap_weights: function that caps the weights of the pairs under such odds.
        sources: source of each record.
        sampled_share: share of the candidate pairs that are weighed.

    Returns:
        The odds with single lists, and the capped weights in bits.
    """
    capped = cap_weights(odds)
    if not odds.decide:
        return odds, capped
    links = weighed.pairs.filter(capped >= LINK_BITS)
    odds = replace(odds, single_lists=find_single_lists(links, sources, sampled_share))
    return odds, cap_weights(odds)


def _raise_caps(
    capped: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], link_bits: float
) -> npt.NDArray[np.float64]:
    """Return the weights of the candidate pairs, capped below a link threshold.

    Args:
        capped: weights capped below the link threshold that the cost of errors gives.
        weights: weights without cautions.
        link_bits: link threshold of the enterprise IDs.
    """
    highest = get_caution_bits(choose_thresholds(weights, link_bits=link_bits).operational)
    return np.where(capped < weights, np.minimum(weights, highest), weights)


def _compute_two_people(learned: LearnedParameters, scaled: LearnedParameters) -> npt.NDArray[np.float64]:
    """Return each pair's probability to be two people, at index size."""
    odds_ratio = scaled.prior * (1 - learned.prior) / (learned.prior * (1 - scaled.prior))
    same, odds_ratios = learned.listed_probabilities, odds_ratio * np.exp2(learned.joint_bits)
    return np.asarray((1 - same) / (1 - same + same * odds_ratios))


def _weigh_for_research(
    learned: LearnedParameters, capped_bits: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return each pair's bits beside rivals, less what cautions take."""
    same = np.clip(learned.probabilities, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    return np.asarray(to_log_odds(same) + capped_bits)
