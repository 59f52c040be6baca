"""Estimate of the share of matches that blocking finds."""

import random

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.matching.scoring.splink_engine import make_feature_table
from training.blocking import join_candidate_pairs
from training.blocking_recall import estimate_blocking_recall, estimate_recall_of_chosen

PEOPLE = 3_000
NAMES = {"names": ["given_roots", "surname_tokens"]}
DATES = {"birth-root": ["birth_dates", "given_roots"], "birth-sur": ["birth_dates", "surname_tokens"]}


def make_record(given, surname, birth):
    """Return the features of a record; None for a missing value."""
    lists = {
        "given_roots": (given,) if given else (),
        "surname_tokens": (surname,) if surname else (),
        "birth_dates": (birth,) if birth else (),
    }
    return Features(given=given, surname=surname, birth_date=birth, **lists)


def make_people(*, wrong=(0.2, 0.3, 0.1), missing_birth=0.0):
    """Return two records of each person, of which each field may be wrong in the second."""
    draw = random.Random(3)
    records = []
    for person in range(PEOPLE):
        birth = None if draw.random() < missing_birth else f"b{person}"
        values = [f"g{person}", f"s{person}", birth]
        second = [
            f"x{value}" if value and draw.random() < share else value
            for value, share in zip(values, wrong, strict=True)
        ]
        records += [(2 * person, make_record(*values)), (2 * person + 1, make_record(*second))]
    return records


def estimate(records, rules):
    """Return the estimated and the true share of matches that the rules find."""
    connection = duckdb.connect()
    connection.register("feature_table", make_feature_table(records, FEATURE_COLUMNS))
    spec = BlockingSpec.parse(rules)
    pairs = join_candidate_pairs(connection, spec)
    share = estimate_blocking_recall(connection, spec.rules, pairs, np.ones(len(pairs)))
    return share, len(pairs) / PEOPLE


def test_share_of_independent_fields_is_estimated():
    estimated, true_share = estimate(make_people(), NAMES | DATES)
    assert true_share < 0.93
    assert estimated == pytest.approx(true_share, abs=0.015)


def test_missing_fields_are_not_taken_for_independent_errors():
    estimated, true_share = estimate(make_people(missing_birth=0.5), NAMES | DATES)
    assert true_share < 0.8
    assert estimated == pytest.approx(true_share, abs=0.03)


def test_no_loss_is_estimated_where_nothing_is_wrong():
    assert estimate(make_people(wrong=(0.0, 0.0, 0.0)), NAMES | DATES)[0] == pytest.approx(1.0)


def test_one_rule_alone_gives_an_estimate_from_above():
    assert estimate(make_people(), NAMES)[0] == pytest.approx(1.0)


def test_rule_alone_is_estimated_by_what_the_rules_tried_besides_find():
    connection = duckdb.connect()
    connection.register("feature_table", make_feature_table(make_people(), FEATURE_COLUMNS))
    spec = BlockingSpec.parse(NAMES | DATES)
    pairs = join_candidate_pairs(connection, spec)
    is_chosen = (pairs["rules"].to_numpy() & 1) > 0
    matches = np.ones(len(pairs))

    estimated = estimate_recall_of_chosen(connection, spec.rules, pairs, matches, chosen_bits=1)
    assert np.count_nonzero(is_chosen) / PEOPLE < 0.6
    assert estimated == pytest.approx(np.count_nonzero(is_chosen) / PEOPLE, abs=0.015)


def test_data_without_likely_pairs_has_no_loss():
    connection = duckdb.connect()
    connection.register("feature_table", make_feature_table(make_people()[:4], FEATURE_COLUMNS))
    pairs = pa.table({"lo": [0, 2], "hi": [1, 3]})
    rules = BlockingSpec.parse(NAMES).rules
    assert estimate_blocking_recall(connection, rules, pairs, np.zeros(2)) == 1.0
    found = pairs.append_column("rules", pa.array([1, 1]))
    assert estimate_recall_of_chosen(connection, rules, found, np.zeros(2), chosen_bits=1) == 1.0
