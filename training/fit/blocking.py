"""Which pairs are compared: rules for an index of any size, looser ones in a small one, tighter in a large.

Every rule costs pairs, and a loose one costs in proportion to the index: what a state of a million cannot
afford is nothing in ten thousand records, and necessary where whole fields are missing. So ``fit`` tries
looser rules as far as a budget of pairs a record allows, learns on all of them, and keeps those that bring
matches that no rule before them brings. In a large index it puts a tighter rule in the place of one that
brings hardly a match for the pairs that the tighter one would spare.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from mpi.matching.model.blocking_keys import BlockingRule
from training.blocking import RuleContribution, rank_rules_by_contribution, count_rule_pairs

Rules = Mapping[str, Sequence[str]]
"""Name of a rule to its parts (see ``mpi.matching.model.blocking_keys``)."""

STANDARD_RULES: dict[str, list[str]] = {
    "birth-name": ["birth_dates|birth_date_swapped", "given_forms|surname_forms:3"],
    "birth-root": ["birth_dates", "given_roots"],
    "birth-start": ["birth_dates|birth_date_swapped", "given:1", "surname:1"],
    "names": ["given_roots", "surname_tokens"],
    "names-year": ["given:2", "surname:4", "birth_year"],
    "names-day": ["surname:3", "birth_date:-5"],
    "names-postal": ["postal_code", "given:3", "surname:3"],
    "ssn": ["ssn"],
    "last4-given": ["ssn_last4", "given:2"],
    "identifier": ["identifiers"],
    "near-number": ["identifiers_near", "street_number"],
    "home-given": ["addresses", "given_roots:2"],
    "home-year": ["street_number", "street", "birth_year"],
    "family-given": ["household_ids", "given_roots:2"],
    "phone-given": ["phones", "given_roots:2"],
    "email": ["email"],
    "guard-given": ["guardians", "given_roots:2"],
    "guard-birth": ["guardians", "birth_dates"],
}
"""Which pairs are compared: rule to parts (see ``mpi.matching.model.blocking_keys``). Chosen by the matches that only one
rule finds, by its pairs and by its keys a record; each rule's blocks stay small at a million records."""


@dataclass(frozen=True, slots=True)
class TighterRule:
    """A rule that may stand in the place of another, of whose pairs it brings some.

    Args:
        parts: its parts.
        replaces: the name of the other.
    """

    parts: Sequence[str]
    replaces: str


TIGHTER_RULES: dict[str, TighterRule] = {
    "birth-name-4": TighterRule(["birth_dates|birth_date_swapped", "given_forms|surname_forms:4"], "birth-name"),
    "birth-start2": TighterRule(["birth_dates|birth_date_swapped", "given:1", "surname:2"], "birth-start"),
    "names-decade": TighterRule(["given_roots", "surname_tokens", "birth_date:3"], "names"),
    "names-year-3": TighterRule(["given:3", "surname:4", "birth_year"], "names-year"),
    "names-day-1": TighterRule(["surname:3", "birth_date:-5", "given:1"], "names-day"),
    "names-post-4": TighterRule(["postal_code", "given:4", "surname:4"], "names-postal"),
}
"""Rules for a large index, in the place of standing ones of which strangers share most keys."""


REFINEMENTS: dict[str, list[str]] = {
    "names": ["birth_year"],
    "names-decade": ["birth_year"],
    "names-year": ["birth_date:-5"],
    "names-year-3": ["birth_date:-5"],
    "names-day": ["birth_year"],
    "names-day-1": ["birth_year"],
    "names-postal": ["birth_year"],
    "names-post-4": ["birth_year"],
    "last4-given": ["birth_year"],
    "home-given": ["birth_year"],
    "family-given": ["birth_year"],
    "phone-given": ["birth_year"],
    "guard-given": ["birth_year"],
}
"""What must agree besides where a key of a rule is stopped, as more records share it than can be searched."""

LOOSER_RULES: dict[str, list[str]] = {
    "home": ["street_number", "street"],
    "birth": ["birth_dates|birth_date_swapped"],
    "month-given": ["birth_date:7", "given_forms|surname_forms:1"],
    "day-given": ["birth_date:-5", "given_forms|surname_forms:2"],
    "a-name-year": ["given_roots|surname_tokens", "birth_year"],
    "a-name-post": ["given_roots|surname_tokens", "postal_code"],
    "a-name-city": ["given_roots|surname_tokens", "city"],
    "starts": ["given:3", "surname:3"],
    "post-year": ["postal_code", "birth_year"],
    "post-start": ["postal_code", "given_forms|surname_forms:3"],
    "post": ["postal_code"],
    "city-year": ["city", "birth_year"],
    "email-start": ["email:5"],
    "surname": ["surname_tokens"],
    "given": ["given_roots"],
}
"""Rules whose blocks grow too large in a state."""

PAIRS_PER_RECORD = 25
"""The budget: a new record is compared with twice as many at the size that the model is fitted for."""
SMALL_INDEX_RECORDS = 25_000
"""Most records of which looser rules are tried: in 60,000 five of them made ten times the pairs for 0.2 % of
the matches."""
LEAST_MATCH_SHARE = 2e-4
"""What a looser rule must add to the matches that are expected."""
LEAST_LOOSER_YIELD = 5e-3
"""Matches that a looser rule must add for each pair: of a rule that added 2 in 1,000 by the model's own
account a fifth were so, and more false links came with it than matches."""
LEAST_STANDARD_YIELD = 1e-4
"""Matches that a standing rule must add for each pair, in an index of the size that is meant, to what its
tighter form finds: 10,000 comparisons are a tenth of a second of a processor."""


def select_trial_rules(connection: duckdb.DuckDBPyConnection, records: int, index_size: int) -> dict[str, Sequence[str]]:
    """The standing rules, and the looser ones that are affordable by themselves, or the tighter ones.

    Args:
        connection: with a ``feature_table`` of all feature columns.
        records: how many it holds.
        index_size: how many the index will hold.
    """
    rules: dict[str, Sequence[str]] = dict(STANDARD_RULES)
    if max(records, index_size) > SMALL_INDEX_RECORDS:
        return rules | {name: tighter.parts for name, tighter in TIGHTER_RULES.items()}
    costs = {
        name: count_rule_pairs(connection, BlockingRule.parse(name, parts)) for name, parts in LOOSER_RULES.items()
    }
    return rules | {
        name: LOOSER_RULES[name] for name, cost in costs.items() if 0 < cost <= PAIRS_PER_RECORD * records
    }


@dataclass(frozen=True, slots=True)
class ChosenRules:
    """The rules of a model.

    Args:
        rules: name to parts, the standing ones first, and tighter ones in place of some.
        rule_bits: which of the rules that were tried: bit n for the n-th.
        contributions: what each adds to the matches that are expected.
        recall: estimated share of the matches that any rule finds: an estimate from above.
    """

    rules: dict[str, Sequence[str]]
    rule_bits: int
    contributions: tuple[RuleContribution, ...]
    recall: float

    def count_pairs(self, brought: npt.NDArray[np.int64]) -> int:
        """How many of the pairs the rules bring."""
        return int(np.count_nonzero(brought & self.rule_bits))


def choose_rules(
    rules: Rules,
    brought: npt.NDArray[np.int64],
    expected: npt.NDArray[np.float64],
    budget: float,
    growth: float = 1.0,
) -> ChosenRules:
    """The standing rules or their tighter forms, and of the looser ones those that add most matches a pair.

    Args:
        rules: that were tried, standing ones first.
        brought: of each pair, the rules that bring it: bit n for the n-th.
        expected: of each pair, the probability that it is a match.
        budget: most pairs.
        growth: how many times as many records as these the index will hold: pairs of strangers grow with
            the square of that, matches do not.
    """
    sets, which = np.unique(brought, return_inverse=True)
    tally = _RuleTally(
        sets,
        np.bincount(which, minlength=len(sets)).astype(np.float64),
        np.bincount(which, weights=expected, minlength=len(sets)).astype(np.float64),
    )
    names = tuple(rules)
    place = {name: at for at, name in enumerate(names)}
    taken = tally.replace_with_tighter((1 << len(STANDARD_RULES)) - 1, place, growth)
    left = {place[name] for name in names if name in LOOSER_RULES}
    while (best := tally.find_best(taken, left, budget)) is not None:
        taken |= 1 << best
        left.remove(best)
    pairs, matches = tally.count_within(taken)
    kept = {name: rules[name] for at, name in enumerate(names) if taken >> at & 1}
    added = tuple(each for each in rank_rules_by_contribution(names, pairs, matches) if each.name in kept)
    return ChosenRules(kept, taken, added, _estimate_recall(matches))


@dataclass(frozen=True, slots=True)
class _RuleTally:
    """Sets of rules, as bits, with the pairs and the expected matches that just these bring."""

    sets: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.float64]
    matches: npt.NDArray[np.float64]

    def replace_with_tighter(self, taken: int, place: Mapping[str, int], growth: float) -> int:
        """The rules taken with tighter ones in the place of those that are not worth their pairs.

        The one that adds fewest matches a pair is judged first: what it found alone with another is then
        the other's alone.
        """
        left = {place[name]: place[each.replaces] for name, each in TIGHTER_RULES.items() if name in place}
        while left:
            worth = {tighter: self._match_yield(taken, rule, tighter) for tighter, rule in left.items()}
            least = min(left, key=lambda tighter: (worth[tighter], tighter))
            if worth[least] >= LEAST_STANDARD_YIELD * growth:
                break
            taken = taken & ~(1 << left.pop(least)) | 1 << least
        return taken

    def _match_yield(self, taken: int, rule: int, tighter: int) -> float:
        """Matches for each pair that a rule alone brings, its tighter form being taken too."""
        alone = ((self.sets & taken) == 1 << rule) & ((self.sets >> tighter) & 1 == 0)
        pairs = float(self.pairs[alone].sum())
        return float(self.matches[alone].sum()) / pairs if pairs else np.inf

    def find_best(self, taken: int, left: set[int], budget: float) -> int | None:
        """The rule that adds most matches a pair to those taken, if one is worth its pairs."""
        unseen = (self.sets & taken) == 0
        least, room = LEAST_MATCH_SHARE * self.matches.sum(), budget - self.pairs[~unseen].sum()
        found: tuple[float, int] | None = None
        for at in sorted(left):
            fresh = unseen & ((self.sets >> at) & 1 == 1)
            pairs, matches = float(self.pairs[fresh].sum()), float(self.matches[fresh].sum())
            worth = 0 < pairs <= room and matches >= max(least, LEAST_LOOSER_YIELD * pairs)
            if worth and (found is None or matches / pairs > found[0]):
                found = matches / pairs, at
        return None if found is None else found[1]

    def count_within(self, taken: int) -> tuple[dict[int, int], dict[int, float]]:
        """Pairs and matches by the set of rules taken that bring them."""
        pairs: dict[int, int] = {}
        matches: dict[int, float] = {}
        for held, count, match in zip(self.sets & taken, self.pairs, self.matches, strict=True):
            if held:
                pairs[int(held)] = pairs.get(int(held), 0) + int(count)
                matches[int(held)] = matches.get(int(held), 0.0) + float(match)
        return pairs, matches


def _estimate_recall(matches: Mapping[int, float]) -> float:
    """By Chao's lower bound of what no rule finds, from what one rule and two rules find (Chao 1987)."""
    once, twice = (sum(n for held, n in matches.items() if held.bit_count() == times) for times in (1, 2))
    found = sum(matches.values())
    unseen = max(once * (once - 1), 0.0) / (2 * (twice + 1))
    return found / (found + unseen) if found else 1.0
