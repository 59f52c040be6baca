"""Tests of the choice of blocking rules."""

from dataclasses import replace

import numpy as np
import pytest

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.model.blocking_keys import BlockingRule, BlockingSpec
from mpi.matching.model.match_model import load_model
from mpi.matching.scoring.splink_engine import connect_duckdb, find_all_candidate_pairs, make_feature_table
from tests.unit.training.fit.test_fit import make_population
from tests.unit.training.fit.test_pairs import make_records
from training.blocking import (
    compute_blocking_keys,
    count_rule_pairs,
    find_candidate_pairs,
    join_candidate_pairs,
)
from training.fit.blocking import (
    LEAST_STANDARD_YIELD,
    LOOSER_RULES,
    PAIRS_PER_RECORD,
    REFINEMENTS,
    SMALL_INDEX_RECORDS,
    STANDARD_RULES,
    TIGHTER_RULES,
    choose_rules,
    select_trial_rules,
)
from training.fit.fit import FitOptions, fit
from training.fit.limits.thresholds import choose_thresholds
from training.fit.model_writer import ModelIdentity, write_model

RULES = {**STANDARD_RULES, **LOOSER_RULES}
FIRST_RULE = 1  # bit of the first standard rule
LARGE_INDEX_RULES = {**STANDARD_RULES, **{name: tighter.parts for name, tighter in TIGHTER_RULES.items()}}


def rule_bit(name, rules=RULES):
    return 1 << list(rules).index(name)


def choose_from_groups(groups, budget=1e9, rules=RULES, growth=1.0):
    """Choose rules from groups of pairs.

    Args:
        groups: rules that yield the pairs, number of pairs, and probability that each is a match.
        budget: most pairs.
        rules: trial rules.
        growth: size of the index in multiples of the data.
    """
    brought = np.concatenate([np.full(count, rules, dtype=np.int64) for rules, count, _ in groups])
    expected = np.concatenate([np.full(count, share) for _, count, share in groups])
    return choose_rules(rules, brought, expected, budget, growth)


def choose_for_large_index(share, growth=1.0, also=()):
    """Choose rules where a loose rule alone yields 10,000 pairs.

    Args:
        share: probability that each of those pairs is a match.
        growth: size of the index in multiples of the data.
        also: further groups of pairs.
    """
    wide, tight = (rule_bit(name, LARGE_INDEX_RULES) for name in ("names-day", "names-day-1"))
    groups = [(wide | tight, 1000, 1.0), (wide, 10_000, share), *also]
    return choose_from_groups(groups, rules=LARGE_INDEX_RULES, growth=growth)


@pytest.fixture
def database(tmp_path):
    test_records = make_records()
    connection = connect_duckdb(tmp_path)
    connection.register("feature_table", make_feature_table(test_records, FEATURE_COLUMNS))
    yield test_records, connection
    connection.close()


def test_looser_rules_give_the_candidate_pairs_of_the_service(database):
    test_records, connection = database
    spec = BlockingSpec.parse(RULES)
    training_pairs = join_candidate_pairs(connection, spec).select(["lo", "hi"])
    service_pairs = find_all_candidate_pairs(compute_blocking_keys(test_records, spec)).sort_by(
        [("lo", "ascending"), ("hi", "ascending")]
    )
    assert training_pairs.equals(service_pairs)


def test_rule_pairs_are_counted_without_listing_them(database):
    test_records, connection = database
    rule = BlockingRule.parse("birth-root", ["birth_dates", "given_roots"])
    keys = compute_blocking_keys(test_records, BlockingSpec((rule,)))["key"].to_pylist()
    sizes = {key: keys.count(key) for key in keys}
    assert count_rule_pairs(connection, rule) == sum(n * (n - 1) // 2 for n in sizes.values())


def test_trial_rules_depend_on_budget_and_index_size(database):
    test_records, connection = database
    affordable_for_one = select_trial_rules(connection, 1, 1)
    affordable = select_trial_rules(connection, len(test_records), len(test_records))
    assert affordable_for_one.keys() < affordable.keys() <= RULES.keys()
    assert (
        select_trial_rules(connection, SMALL_INDEX_RECORDS + 1, SMALL_INDEX_RECORDS + 1) == LARGE_INDEX_RULES
    )
    assert select_trial_rules(connection, len(test_records), SMALL_INDEX_RECORDS + 1) == LARGE_INDEX_RULES


def test_tighter_rule_yields_a_subset_of_pairs(database):
    test_records, _ = database
    for name, tighter in TIGHTER_RULES.items():
        tight, wide = (
            {
                (lo.as_py(), hi.as_py())
                for lo, hi in zip(
                    *find_candidate_pairs(test_records, BlockingSpec.parse(rules)).columns[:2], strict=True
                )
            }
            for rules in ({name: tighter.parts}, {tighter.replaces: STANDARD_RULES[tighter.replaces]})
        )
        assert tight <= wide
        assert tight


def test_tighter_rule_is_refined_like_the_replaced_rule():
    parsed = {rule.name: rule for rule in BlockingSpec.parse(LARGE_INDEX_RULES).rules}
    for name, tighter in TIGHTER_RULES.items():
        assert (name in REFINEMENTS) == (tighter.replaces in REFINEMENTS)
        assert parsed[name]


def test_rule_with_a_low_yield_is_replaced_by_its_tighter_form():
    choice = choose_for_large_index(LEAST_STANDARD_YIELD / 2)
    assert "names-day-1" in choice.rules
    assert "names-day" not in choice.rules
    assert len(choice.rules) == len(STANDARD_RULES)
    assert sum(rule.unique_matches for rule in choice.contributions) == pytest.approx(1000)
    assert {rule.name for rule in choice.contributions} == choice.rules.keys()


def test_rule_with_a_sufficient_yield_is_kept():
    assert list(choose_for_large_index(LEAST_STANDARD_YIELD * 2).rules) == list(STANDARD_RULES)


def test_yield_is_computed_for_the_future_index_size():
    assert "names-day-1" in choose_for_large_index(LEAST_STANDARD_YIELD * 2, growth=5.0).rules
    assert "names-day" in choose_for_large_index(LEAST_STANDARD_YIELD / 2, growth=0.1).rules


def test_rule_is_kept_if_its_tighter_form_spares_no_pair():
    both_rules = rule_bit("names-day", LARGE_INDEX_RULES) | rule_bit("names-day-1", LARGE_INDEX_RULES)
    assert list(choose_from_groups([(both_rules, 1000, 1e-6)], rules=LARGE_INDEX_RULES).rules) == list(
        STANDARD_RULES
    )


def test_shared_matches_count_for_the_rule_that_remains():
    day, year = (rule_bit(name, LARGE_INDEX_RULES) for name in ("names-day", "names-year"))
    # By itself rule is worth nothing; what both bring is worth its pairs to the one that is left.
    shared = (day | year, 10_000, LEAST_STANDARD_YIELD * 4)
    choice = choose_for_large_index(0.0, also=[shared, (year, 10_000, LEAST_STANDARD_YIELD / 2)])
    assert "names-day-1" in choice.rules
    assert "names-year" in choice.rules


def test_card_names_the_tighter_rules(tmp_path):
    fitted = fit(make_population(600)[0], FitOptions(random_pairs=60_000, index_size=10_000_000))
    write_model(tmp_path, ModelIdentity("try", "1"), fitted, choose_thresholds(fitted.learned.weights))
    tighter = [name for name in fitted.blocking.rules if name in TIGHTER_RULES]
    assert tighter
    card = (tmp_path / "card.md").read_text()
    assert all(f"{name} for {TIGHTER_RULES[name].replaces}" in card for name in tighter)
    model = load_model(tmp_path)
    assert [rule.name for rule in model.blocking.rules] == list(fitted.blocking.rules)
    assert find_candidate_pairs(make_population(600)[0], model.blocking).num_rows == fitted.candidates


def test_looser_rule_is_chosen_for_its_unique_matches():
    choice = choose_from_groups([(FIRST_RULE, 1000, 1.0), (rule_bit("home"), 100, 0.5)])
    assert list(choice.rules) == [*STANDARD_RULES, "home"]
    assert sum(rule.unique_matches for rule in choice.contributions) == pytest.approx(1050)


def test_looser_rule_with_a_low_yield_is_not_chosen():
    assert list(
        choose_from_groups([(FIRST_RULE, 1000, 1.0), (rule_bit("home"), 10_000, 0.001)]).rules
    ) == list(STANDARD_RULES)


def test_redundant_looser_rule_is_not_chosen():
    choice = choose_from_groups(
        [(FIRST_RULE | rule_bit("birth"), 1000, 1.0), (rule_bit("home") | rule_bit("starts"), 100, 0.5)]
    )
    assert len(choice.rules.keys() - STANDARD_RULES.keys()) == 1


def test_looser_rules_stay_within_the_pair_budget():
    groups = [(FIRST_RULE, 1000, 1.0), (rule_bit("home"), 100, 0.5), (rule_bit("surname"), 5000, 0.1)]
    assert {"home", "surname"} <= choose_from_groups(groups).rules.keys()
    assert "surname" not in choose_from_groups(groups, budget=2000).rules


def test_written_model_holds_the_chosen_rules(tmp_path):
    # Every other child's birth date is unknown, and the rest of the record is all there is.
    sparse_records = [
        (
            n,
            replace(features, birth_date=None, birth_dates=(), birth_year=None, addresses=())
            if n % 2
            else features,
        )
        for n, features in make_population(600)[0]
    ]
    fitted = fit(sparse_records, FitOptions(random_pairs=60_000))
    write_model(tmp_path, ModelIdentity("try", "1"), fitted, choose_thresholds(fitted.learned.weights))
    model = load_model(tmp_path)
    assert [rule.name for rule in model.blocking.rules] == list(fitted.blocking.rules)
    pairs = find_candidate_pairs(sparse_records, model.blocking)
    assert fitted.blocking.rules.keys() > STANDARD_RULES.keys()
    assert pairs.num_rows == fitted.candidates <= PAIRS_PER_RECORD * len(sparse_records)
    assert f"{len(fitted.blocking.rules)} rules" in (tmp_path / "card.md").read_text()
