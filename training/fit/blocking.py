"""Choice of a model's blocking rules by index size.

Every rule costs pairs, and a loose one costs in proportion to the index: what a state of a million
cannot afford is nothing in ten thousand records, and necessary where whole fields are missing. So
``fit`` tries looser rules as far as a budget of pairs per record allows, learns on all of them, and
keeps those that yield matches that no rule before them yields. In a large index it replaces a rule
by a tighter one if the tighter rule spares many pairs for hardly a match.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt

from mpi.matching.model.blocking_keys import BlockingRule
from training.blocking import RuleContribution, count_rule_pairs, rank_rules_by_contribution

Rules = Mapping[str, Sequence[str]]
"""Blocking rules: name to parts (see ``mpi.matching.model.blocking_keys``)."""

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
"""Standard blocking rules: name to parts (see ``mpi.matching.model.blocking_keys``).

They were chosen by the matches that only one rule finds, by their pairs and by their keys per
record. The blocks of each rule stay small at a million records.
"""


@dataclass(frozen=True, slots=True)
class TighterRule:
    """Blocking rule that may replace a standard one and yields fewer pairs.

    Args:
        parts: parts of the tighter rule.
        replaces: name of the standard rule.
    """

    parts: Sequence[str]
    replaces: str


TIGHTER_RULES: dict[str, TighterRule] = {
    "birth-name-4": TighterRule(
        ["birth_dates|birth_date_swapped", "given_forms|surname_forms:4"], "birth-name"
    ),
    "birth-start2": TighterRule(["birth_dates|birth_date_swapped", "given:1", "surname:2"], "birth-start"),
    "names-decade": TighterRule(["given_roots", "surname_tokens", "birth_date:3"], "names"),
    "names-year-3": TighterRule(["given:3", "surname:4", "birth_year"], "names-year"),
    "names-day-1": TighterRule(["surname:3", "birth_date:-5", "given:1"], "names-day"),
    "names-post-4": TighterRule(["postal_code", "given:4", "surname:4"], "names-postal"),
}
"""Rules for a large index that replace standard rules.

Strangers share most keys of the rules that they replace.
"""


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
"""Parts added to a rule's keys that too many records share.

A key is stopped if more records share it than can be searched.
"""

LOOSER_RULES: dict[str, list[str]] = {
    "home": ["street_number", "street"],
    "birth": ["birth_dates|birth_date_swapped"],
    "month-given": ["birth_date:7", "given_forms|surname_forms:1"],
    "day-given": ["birth_date:-5", "given_forms|surname_forms:2"],
    "surname-year": ["surname_tokens", "given:1", "birth_year"],
    "given-year": ["given_roots", "surname:1", "birth_year"],
    "a-name-year": ["given_roots|surname_tokens", "birth_year"],
    "a-name-post": ["given_roots|surname_tokens", "postal_code"],
    "a-name-city": ["given_roots|surname_tokens", "city"],
    "starts": ["given:3", "surname:3"],
    "surname-in": ["surname_tokens", "given:1"],
    "given-sur": ["given_roots", "surname:2"],
    "post-year": ["postal_code", "birth_year"],
    "post-start": ["postal_code", "given_forms|surname_forms:3"],
    "post": ["postal_code"],
    "city-year": ["city", "birth_year"],
    "email-start": ["email:5"],
    "surname": ["surname_tokens"],
    "given": ["given_roots"],
}
"""Blocking rules for small data; their blocks grow with the index."""

PAIRS_PER_RECORD = 25
"""Budget of candidate pairs per record.

A new record is compared with twice as many at the size that the model is fitted for.
"""
SMALL_INDEX_RECORDS = 25_000
"""Most records for which looser rules are tried whatever the fields.

In 60,000 records five of them made ten times the pairs for 0.2 % of the matches.
"""
LEAST_STANDARD_RULES = 5
"""Least number of standard rules that yield pairs, below which looser rules are tried in any data.

Names and a birth year alone feed two standard rules, which find 73 % of the matches of `iowa`.
"""
LEAST_MATCH_SHARE = 2e-4
"""Least share of the expected matches that a looser rule must add."""
LEAST_LOOSER_YIELD = 5e-3
"""Least matches per pair that a looser rule must add.

Of a rule that added 2 in 1,000 by the model's own account a fifth were matches, and it brought more
false links than matches.
"""
LEAST_STANDARD_YIELD = 1e-4
"""Least matches per pair of a standard rule beyond its tighter form.

They are counted at the size of the index; 10,000 comparisons are a tenth of a second of a
processor.
"""


def select_trial_rules(
    connection: duckdb.DuckDBPyConnection, records: int, index_size: int
) -> dict[str, Sequence[str]]:
    """Select the blocking rules whose pairs a model is fitted on.

    These are the standard rules, with the affordable looser ones in small data or the tighter ones in
    large data. Large data of few fields gets both.

    Args:
        connection: connection with a ``feature_table`` of all feature columns.
        records: number of records in the table.
        index_size: number of records that the index will hold.
    """
    rules: dict[str, Sequence[str]] = dict(STANDARD_RULES)
    size = max(records, index_size)
    if size > SMALL_INDEX_RECORDS:
        rules |= {name: tighter.parts for name, tighter in TIGHTER_RULES.items()}
        if not _has_few_rules(connection):
            return rules
    growth = size / records
    costs = {name: growth * _count_pairs(connection, name, parts) for name, parts in LOOSER_RULES.items()}
    left = float(PAIRS_PER_RECORD * records) * (len(LOOSER_RULES) if size <= SMALL_INDEX_RECORDS else 1)
    for name in sorted(costs, key=lambda name: (costs[name], name)):
        if 0 < costs[name] <= min(left, PAIRS_PER_RECORD * records):
            left -= costs[name]
            rules[name] = LOOSER_RULES[name]
    return rules


def _has_few_rules(connection: duckdb.DuckDBPyConnection) -> bool:
    """Return whether the data has the fields of few standard rules only."""
    counts = (_count_pairs(connection, name, parts) for name, parts in STANDARD_RULES.items())
    return sum(count > 0 for count in counts) < LEAST_STANDARD_RULES


def _count_pairs(connection: duckdb.DuckDBPyConnection, name: str, parts: Sequence[str]) -> int:
    """Count the pairs that a rule of parts yields."""
    return count_rule_pairs(connection, BlockingRule.parse(name, parts))


@dataclass(frozen=True, slots=True)
class ChosenRules:
    """Blocking rules of a fitted model.

    Args:
        rules: name to parts, the standard rules first; tighter rules replace some of them.
        rule_bits: chosen trial rules: bit n is set if the n-th was chosen.
        contributions: expected matches that each rule adds.
    """

    rules: dict[str, Sequence[str]]
    rule_bits: int
    contributions: tuple[RuleContribution, ...]

    def count_pairs(self, pair_rules: npt.NDArray[np.int64]) -> int:
        """Count the pairs that the chosen rules yield.

        Args:
            pair_rules: rules that yield each pair, as bits.
        """
        return int(np.count_nonzero(pair_rules & self.rule_bits))


def choose_rules(
    rules: Rules,
    pair_rules: npt.NDArray[np.int64],
    expected: npt.NDArray[np.float64],
    budget: float,
    growth: float = 1.0,
) -> ChosenRules:
    """Choose the blocking rules of the model from the trial rules.

    Standard rules stay or give way to tighter forms. Looser rules join by the matches that they add per
    pair.

    Args:
        rules: trial rules, standard ones first.
        pair_rules: rules that yield each pair: bit n for the n-th.
        expected: probability of each pair to be a match.
        budget: most pairs.
        growth: size of the index in multiples of the data. Pairs of strangers grow with its square,
            matches do not.
    """
    sets, set_of_pair = np.unique(pair_rules, return_inverse=True)
    tally = _RuleTally(
        sets,
        np.bincount(set_of_pair, minlength=len(sets)).astype(np.float64),
        np.bincount(set_of_pair, weights=expected, minlength=len(sets)).astype(np.float64),
    )
    names = tuple(rules)
    bit_of_rule = {name: bit for bit, name in enumerate(names)}
    chosen_bits = tally.replace_with_tighter((1 << len(STANDARD_RULES)) - 1, bit_of_rule, growth)
    remaining = {bit_of_rule[name] for name in names if name in LOOSER_RULES}
    while (best := tally.find_best(chosen_bits, remaining, budget)) is not None:
        chosen_bits |= 1 << best
        remaining.remove(best)
    pairs, matches = tally.count_within(chosen_bits)
    chosen_rules = {name: rules[name] for bit, name in enumerate(names) if chosen_bits >> bit & 1}
    contributions = tuple(
        contribution
        for contribution in rank_rules_by_contribution(names, pairs, matches)
        if contribution.name in chosen_rules
    )
    return ChosenRules(chosen_rules, chosen_bits, contributions)


@dataclass(frozen=True, slots=True)
class _RuleTally:
    """Numbers of pairs and expected matches by set of blocking rules."""

    sets: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.float64]
    matches: npt.NDArray[np.float64]

    def replace_with_tighter(self, chosen_bits: int, bit_of_rule: Mapping[str, int], growth: float) -> int:
        """Replace blocking rules with too few matches per pair by tighter ones.

        The rule with fewest matches per pair is judged first: the matches that it shares with one other
        rule then belong to the other alone.
        """
        replaceable = {
            bit_of_rule[name]: bit_of_rule[tighter_rule.replaces]
            for name, tighter_rule in TIGHTER_RULES.items()
            if name in bit_of_rule
        }
        while replaceable:
            yields = {
                tighter: self._match_yield(chosen_bits, rule, tighter)
                for tighter, rule in replaceable.items()
            }
            weakest = min(replaceable, key=lambda tighter: (yields[tighter], tighter))
            if yields[weakest] >= LEAST_STANDARD_YIELD * growth:
                break
            chosen_bits = chosen_bits & ~(1 << replaceable.pop(weakest)) | 1 << weakest
        return chosen_bits

    def _match_yield(self, chosen_bits: int, rule: int, tighter: int) -> float:
        """Return a blocking rule's matches per pair that no other rule yields.

        Pairs that the tighter form yields are not counted, as it would replace the rule.
        """
        is_unique = ((self.sets & chosen_bits) == 1 << rule) & ((self.sets >> tighter) & 1 == 0)
        pairs = float(self.pairs[is_unique].sum())
        return float(self.matches[is_unique].sum()) / pairs if pairs else np.inf

    def find_best(self, chosen_bits: int, remaining: set[int], budget: float) -> int | None:
        """Return the remaining blocking rule that adds most matches per pair."""
        is_unseen = (self.sets & chosen_bits) == 0
        least_matches, pairs_left = (
            LEAST_MATCH_SHARE * self.matches.sum(),
            budget - self.pairs[~is_unseen].sum(),
        )
        best: tuple[float, int] | None = None
        for rule in sorted(remaining):
            is_new = is_unseen & ((self.sets >> rule) & 1 == 1)
            pairs, matches = float(self.pairs[is_new].sum()), float(self.matches[is_new].sum())
            is_worthwhile = 0 < pairs <= pairs_left and matches >= max(
                least_matches, LEAST_LOOSER_YIELD * pairs
            )
            if is_worthwhile and (best is None or matches / pairs > best[0]):
                best = matches / pairs, rule
        return None if best is None else best[1]

    def count_within(self, chosen_bits: int) -> tuple[dict[int, int], dict[int, float]]:
        """Return pairs and matches by set of chosen blocking rules."""
        pairs: dict[int, int] = {}
        matches: dict[int, float] = {}
        for rule_set, count, match_count in zip(
            self.sets & chosen_bits, self.pairs, self.matches, strict=True
        ):
            if rule_set:
                pairs[int(rule_set)] = pairs.get(int(rule_set), 0) + int(count)
                matches[int(rule_set)] = matches.get(int(rule_set), 0.0) + float(match_count)
        return pairs, matches
