"""Blocking loss: matches that blocking never compares, estimated and counted."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from mpi.matching.model.blocking_keys import compute_keys_by_rule
from mpi.matching.model.match_model import MatchModel
from training.blocking import RuleContribution, rank_rules_by_contribution
from training.evaluate.measures.intervals import IntervalEstimate, estimate_share
from training.evaluate.measures.pair_errors import is_same_person
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import ScoredRecords
from training.records import KEYED_HASH

SAMPLED_PAIRS = 20_000


@dataclass(frozen=True, slots=True)
class RuleRecall:
    """Pairs and recall that one blocking rule adds to earlier rules.

    Args:
        name: name of the rule.
        pairs: pairs that the rule yields, including those of other rules.
        alone: matches that only this rule yields.
        pairs_so_far: distinct pairs of this rule and the rules before it.
        recall_so_far: share of all matches among those pairs.
    """

    name: str
    pairs: int
    alone: int
    pairs_so_far: int
    recall_so_far: IntervalEstimate


@dataclass(frozen=True, slots=True)
class BlockingRecall:
    """Candidate pairs and recall of the model's blocking.

    Args:
        candidates: number of compared pairs.
        estimated_recall: share of the matches among them, estimated without the truth.
        recall: share of the matches among them, by the truth.
        rules: each rule; the first finds most matches, each next one most of those still missing.
    """

    candidates: int
    estimated_recall: float
    recall: IntervalEstimate
    rules: tuple[RuleRecall, ...]


def measure_blocking_loss(
    model: MatchModel, scored: ScoredRecords, truth: Groups, matches: int
) -> BlockingRecall:
    """Measure the recall of blocking, with and without the truth.

    Args:
        model: model whose blocking rules are measured.
        scored: scored records.
        truth: record ID to true person.
        matches: number of true pairs.
    """
    pairs = scored.candidates
    sides = zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True)
    is_match = np.fromiter(
        (is_same_person(truth, pair) for pair in sides), dtype=np.bool_, count=pairs.num_rows
    )
    names, pair_rules = [rule.name for rule in model.blocking.rules], pairs["rules"].to_numpy()
    pair_counts, match_counts = Counter(pair_rules.tolist()), Counter(pair_rules[is_match].tolist())
    return BlockingRecall(
        pairs.num_rows,
        estimate_recall(model, scored),
        estimate_share(int(is_match.sum()), matches, default=1.0),
        tuple(
            _to_rule_recall(contribution, matches)
            for contribution in rank_rules_by_contribution(names, pair_counts, match_counts)
        ),
    )


def _to_rule_recall(contribution: RuleContribution, matches: int) -> RuleRecall:
    """Convert a blocking rule's counted matches to shares of all matches."""
    recall = estimate_share(int(contribution.matches_so_far), matches, default=1.0)
    return RuleRecall(
        name=contribution.name,
        pairs=contribution.pairs,
        alone=int(contribution.unique_matches),
        pairs_so_far=contribution.pairs_so_far,
        recall_so_far=recall,
    )


def estimate_recall(model: MatchModel, scored: ScoredRecords) -> float:
    """Estimate blocking recall without the truth, by Chao's lower bound.

    The bound estimates the matches that no rule found from those that one or two rules found. Rules are
    the traps of a capture-recapture study (Chao 1987). Rules that need the same fields catch the same
    pairs, so the bound is low where whole fields are missing: it is an alarm, not a measurement.
    """
    likely = sorted(pair for pair, bits in scored.edges.items() if bits >= model.thresholds.link)
    likely = likely[:: max(1, len(likely) // SAMPLED_PAIRS)]
    records = {number for pair in likely for number in pair}
    keys = {
        number: compute_keys_by_rule(scored.records[number], model.blocking, KEYED_HASH).keys()
        for number in records
    }
    pairs_by_rule_count = Counter(
        len({rule for rule, _ in keys[left] & keys[right]}) for left, right in likely
    )
    once, twice = pairs_by_rule_count[1], pairs_by_rule_count[2]
    unseen = once * (once - 1) / (2 * (twice + 1))
    return len(likely) / (len(likely) + unseen) if likely else 1.0
