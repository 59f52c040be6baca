"""Blocking loss: the matches that are never compared, estimated without the truth and counted with it."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from mpi.matching.model.blocking_keys import compute_keys_by_rule
from mpi.matching.model.model import MatchModel
from training.blocking import RuleContribution, rank_rules_by_contribution
from training.evaluate.measures.intervals import Estimate, estimate_share
from training.evaluate.measures.scores import Groups
from training.evaluate.measures.wrong_pairs import is_same_person
from training.evaluate.model_clusters import ScoredRecords
from training.records import KEYED_HASH

SAMPLED_PAIRS = 20_000


@dataclass(frozen=True, slots=True)
class RuleRecall:
    """What one blocking rule adds to those before it.

    Args:
        name: of the rule.
        pairs: that it brings, whatever others bring.
        alone: matches that no other rule brings.
        pairs_so_far: distinct pairs of it and the rules before it.
        recall_so_far: share of all matches among those.
    """

    name: str
    pairs: int
    alone: int
    pairs_so_far: int
    recall_so_far: Estimate


@dataclass(frozen=True, slots=True)
class BlockingRecall:
    """What blocking finds.

    Args:
        candidates: pairs compared.
        estimated_recall: share of the matches among them, without the truth.
        recall: the same, by the truth.
        rules: each rule; the first finds most matches, each next one most of those still missing.
    """

    candidates: int
    estimated_recall: float
    recall: Estimate
    rules: tuple[RuleRecall, ...]


def measure_blocking_loss(model: MatchModel, weighed: ScoredRecords, truth: Groups, matches: int) -> BlockingRecall:
    """Estimate and count."""
    pairs = weighed.candidates
    sides = zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True)
    same = np.fromiter((is_same_person(truth, pair) for pair in sides), dtype=np.bool_, count=pairs.num_rows)
    names, brought = [rule.name for rule in model.blocking.rules], pairs["rules"].to_numpy()
    every, found = Counter(brought.tolist()), Counter(brought[same].tolist())
    return BlockingRecall(
        pairs.num_rows,
        estimate_recall(model, weighed),
        estimate_share(int(same.sum()), matches, default=1.0),
        tuple(_to_rule_recall(added, matches) for added in rank_rules_by_contribution(names, every, found)),
    )


def _to_rule_recall(added: RuleContribution, matches: int) -> RuleRecall:
    reached = estimate_share(int(added.matches_so_far), matches, default=1.0)
    return RuleRecall(added.name, added.pairs, int(added.unique_matches), added.pairs_so_far, reached)


def estimate_recall(model: MatchModel, weighed: ScoredRecords) -> float:
    """Chao's lower bound of the matches that no rule found, from those that one or two rules found.

    Rules are the traps of a capture-recapture study (Chao 1987). Rules that ask for the same fields catch
    the same pairs, so the bound is low where whole fields are missing: it is an alarm, not a measurement.
    """
    likely = sorted(pair for pair, bits in weighed.edges.items() if bits >= model.thresholds.link)
    likely = likely[:: max(1, len(likely) // SAMPLED_PAIRS)]
    records = {number for pair in likely for number in pair}
    keys = {number: compute_keys_by_rule(weighed.records[number], model.blocking, KEYED_HASH).keys() for number in records}
    caught = Counter(len({rule for rule, _ in keys[left] & keys[right]}) for left, right in likely)
    once, twice = caught[1], caught[2]
    unseen = once * (once - 1) / (2 * (twice + 1))
    return len(likely) / (len(likely) + unseen) if likely else 1.0
