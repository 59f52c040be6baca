"""Blocking loss: the matches that are never compared, estimated without the truth and counted with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mpi.matching.keys import keys_by_rule
from mpi.matching.model import MatchModel
from training.evaluate.clusters import Weighed
from training.evaluate.intervals import Figure, share
from training.evaluate.pairs import same_person
from training.evaluate.scores import Groups
from training.records import SEAL

SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class Rule:
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
    recall_so_far: Figure


@dataclass(frozen=True, slots=True)
class Blocking:
    """What blocking finds.

    Args:
        candidates: pairs compared.
        estimated_recall: share of the matches among them, without the truth.
        recall: the same, by the truth.
        rules: each rule; the first finds most matches, each next one most of those still missing.
    """

    candidates: int
    estimated_recall: float
    recall: Figure
    rules: tuple[Rule, ...]


def blocking_loss(model: MatchModel, weighed: Weighed, truth: Groups, matches: int) -> Blocking:
    """Estimate and count."""
    pairs = weighed.candidates
    sides = zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True)
    same = np.fromiter((same_person(truth, pair) for pair in sides), dtype=np.bool_, count=pairs.num_rows)
    brought = pairs["rules"].to_numpy()
    return Blocking(
        pairs.num_rows,
        estimated_recall(model, weighed),
        share(int(same.sum()), matches, if_none=1.0),
        _rules(
            [rule.name for rule in model.blocking.rules],
            Counter(brought.tolist()),
            Counter(brought[same].tolist()),
            matches,
        ),
    )


def _rules(
    names: Sequence[str], pairs: Mapping[int, int], found: Mapping[int, int], matches: int
) -> tuple[Rule, ...]:
    """Each rule in the order of what it adds.

    Args:
        names: of the rules, by the place of their bit.
        pairs: set of rules, as bits, to the pairs that just these bring.
        found: the same for matches.
        matches: of the records, blocked or not.
    """
    left, so_far, rules = list(range(len(names))), 0, []
    while left:
        # The first of equals, so that the model's own order decides.
        best = max(left, key=lambda at: (_held(found, 1 << at, so_far), -at))
        left.remove(best)
        alone = found.get(1 << best, 0)
        so_far |= 1 << best
        reached = share(_held(found, so_far), matches, if_none=1.0)
        rules.append(Rule(names[best], _held(pairs, 1 << best), alone, _held(pairs, so_far), reached))
    return tuple(rules)


def _held(counts: Mapping[int, int], wanted: int, but_not: int = 0) -> int:
    """Pairs that one of the wanted rules brings, and none of certain others."""
    return sum(count for rules, count in counts.items() if rules & wanted and not rules & but_not)


def estimated_recall(model: MatchModel, weighed: Weighed) -> float:
    """Chao's lower bound of the matches that no rule found, from those that one or two rules found.

    Rules are the traps of a capture-recapture study (Chao 1987). Rules that ask for the same fields catch
    the same pairs, so the bound is low where whole fields are missing: it is an alarm, not a measurement.
    """
    likely = sorted(pair for pair, bits in weighed.edges.items() if bits >= model.thresholds.link)
    likely = likely[:: max(1, len(likely) // SAMPLE)]
    records = {number for pair in likely for number in pair}
    keys = {number: keys_by_rule(weighed.records[number], model.blocking, SEAL).keys() for number in records}
    caught = Counter(len({rule for rule, _ in keys[left] & keys[right]}) for left, right in likely)
    once, twice = caught[1], caught[2]
    unseen = once * (once - 1) / (2 * (twice + 1))
    return len(likely) / (len(likely) + unseen) if likely else 1.0
