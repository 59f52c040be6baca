"""Blocking loss: matches that blocking never compares, estimated and counted."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from mpi.clustering.source_pair_priors import MIN_CANDIDATE_BITS
from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.model.match_model import MatchModel
from mpi.matching.scoring.splink_engine import connect_duckdb, make_feature_table
from training.blocking import RuleContribution, rank_rules_by_contribution
from training.blocking_recall import LEAST_PROBABILITY, SAMPLED_MATCHES, estimate_blocking_recall
from training.evaluate.measures.intervals import IntervalEstimate, estimate_share
from training.evaluate.measures.pair_errors import is_same_person
from training.evaluate.measures.scores import Groups
from training.evaluate.model_clusters import ScoredRecords


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
    """Estimate blocking recall without the truth (``training.blocking_recall``)."""
    pairs = scored.candidates
    ends = zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True)
    bits = np.fromiter((scored.edges.get(end, MIN_CANDIDATE_BITS) for end in ends), np.float64, len(pairs))
    probabilities = 1.0 / (1.0 + np.exp2(-bits))
    likely = np.flatnonzero(probabilities >= LEAST_PROBABILITY)
    likely = likely[:: max(1, len(likely) // SAMPLED_MATCHES)]
    sample = pairs.take(pa.array(likely))
    numbers = sorted({*sample["lo"].to_pylist(), *sample["hi"].to_pylist()})
    with tempfile.TemporaryDirectory() as folder:
        connection = connect_duckdb(Path(folder))
        try:
            features = make_feature_table(
                ((number, scored.records[number]) for number in numbers), FEATURE_COLUMNS
            )
            connection.register("feature_table", features)
            return estimate_blocking_recall(connection, model.blocking.rules, sample, probabilities[likely])
        finally:
            connection.close()
