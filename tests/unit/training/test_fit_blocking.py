from dataclasses import replace

import numpy as np
import pytest

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.batch import candidate_pairs, connect, feature_table
from mpi.matching.keys import BlockingRule, BlockingSpec
from mpi.matching.model import load_model
from tests.unit.training.test_fit import population
from tests.unit.training.test_fit_pairs import records
from training.blocking import blocking_keys, candidates_of, pairs_by_rule, pairs_of_rule
from training.fit.blocking import BLOCKING, LOOSER, PAIRS_A_RECORD, SMALL, choose, tried
from training.fit.fitting import FitOptions, fit
from training.fit.thresholds import choose_thresholds
from training.fit.writing import Identity, write_model

RULES = {**BLOCKING, **LOOSER}
STANDING = 1  # the bit of the first standing rule


def bit(name):
    return 1 << list(RULES).index(name)


def chosen(groups, budget=1e9):
    """Choose from (rules that bring the pairs, pairs, probability that each is a match)."""
    brought = np.concatenate([np.full(count, rules, dtype=np.int64) for rules, count, _ in groups])
    expected = np.concatenate([np.full(count, share) for _, count, share in groups])
    return choose(RULES, brought, expected, budget)


@pytest.fixture
def standing(tmp_path):
    made = records()
    connection = connect(tmp_path)
    connection.register("feature_table", feature_table(made, FEATURE_COLUMNS))
    yield made, connection
    connection.close()


def test_looser_rules_compare_the_pairs_that_the_service_compares(standing):
    made, connection = standing
    spec = BlockingSpec.parse(RULES)
    ours = pairs_by_rule(connection, spec).select(["lo", "hi"])
    theirs = candidate_pairs(blocking_keys(made, spec)).sort_by([("lo", "ascending"), ("hi", "ascending")])
    assert ours.equals(theirs)


def test_what_a_rule_costs_is_counted_without_making_its_pairs(standing):
    made, connection = standing
    rule = BlockingRule.parse("birth-root", ["birth_dates", "given_roots"])
    keys = blocking_keys(made, BlockingSpec((rule,)))["key"].to_pylist()
    sizes = {key: keys.count(key) for key in keys}
    assert pairs_of_rule(connection, rule) == sum(n * (n - 1) // 2 for n in sizes.values())


def test_rules_are_tried_only_as_far_as_the_budget_and_the_size_allow(standing):
    made, connection = standing
    few = tried(connection, 1, 1)
    some = tried(connection, len(made), len(made))
    assert few.keys() < some.keys() <= RULES.keys()
    assert tried(connection, SMALL + 1, SMALL + 1) == BLOCKING
    assert tried(connection, len(made), SMALL + 1) == BLOCKING


def test_a_looser_rule_is_taken_for_the_matches_that_only_it_finds():
    made = chosen([(STANDING, 1000, 1.0), (bit("home"), 100, 0.5)])
    assert list(made.rules) == [*BLOCKING, "home"]
    assert sum(each.alone for each in made.added) == pytest.approx(1050)


def test_a_rule_that_brings_many_pairs_for_a_match_is_not_taken():
    assert list(chosen([(STANDING, 1000, 1.0), (bit("home"), 10_000, 0.001)]).rules) == list(BLOCKING)


def test_a_rule_that_finds_what_another_has_found_is_not_taken():
    found = chosen([(STANDING | bit("birth"), 1000, 1.0), (bit("home") | bit("starts"), 100, 0.5)])
    assert len(found.rules.keys() - BLOCKING.keys()) == 1


def test_rules_are_not_taken_past_the_budget():
    groups = [(STANDING, 1000, 1.0), (bit("home"), 100, 0.5), (bit("surname"), 5000, 0.1)]
    assert {"home", "surname"} <= chosen(groups).rules.keys()
    assert "surname" not in chosen(groups, budget=2000).rules


def test_recall_is_estimated_from_matches_that_one_rule_or_two_find():
    two = int(STANDING | bit("birth-root"))
    assert chosen([(two, 1000, 1.0)]).recall == 1.0
    assert chosen([(two, 1000, 1.0), (STANDING, 100, 1.0)]).recall == pytest.approx(
        1100 / (1100 + 100 * 99 / (2 * 1001))
    )


def test_a_model_says_the_rules_that_were_chosen_and_compares_their_pairs(tmp_path):
    # Every other child's birth date is unknown, and the rest of the record is all there is.
    made = [
        (
            n,
            replace(features, birth_date=None, birth_dates=(), birth_year=None, addresses=())
            if n % 2
            else features,
        )
        for n, features in population(600)[0]
    ]
    fitted = fit(made, FitOptions(random_pairs=60_000))
    write_model(tmp_path, Identity("try", "1"), fitted, choose_thresholds(fitted.learned.bits))
    model = load_model(tmp_path)
    assert [rule.name for rule in model.blocking.rules] == list(fitted.blocking.rules)
    pairs = candidates_of(made, model.blocking)
    assert fitted.blocking.rules.keys() > BLOCKING.keys()
    assert pairs.num_rows == fitted.candidates <= PAIRS_A_RECORD * len(made)
    assert f"{len(fitted.blocking.rules)} rules" in (tmp_path / "card.md").read_text()
