"""Tests of the estimate of relatives and of the guards against them."""

import random
from datetime import date, timedelta

import pyarrow as pa
import pytest

from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.domain.weight import Thresholds
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA, connect_duckdb, make_feature_table
from training.fit.comparisons import COMPARISONS, FAMILY, FREQUENCY_COLUMNS, MULTIPLE_BIRTH
from training.fit.frequencies import count_frequencies
from training.fit.level_reader import LevelReader
from training.fit.limits.cautions import CAUTIONS, TWIN_CAUTIONS, build_cautions
from training.fit.relatives import USUAL_RELATIVES, RelativeCounts, count_relatives, relieve_guards
from training.fit.settings import build_untrained_settings

_LETTERS = "ABCDEFGHIJKLMNOPRSTUVWXYZ"


def make_features(rng, surname, home, given=None, born=None):
    given = given or "".join(rng.choices(_LETTERS, k=6))
    born = born or (date(2005, 1, 1) + timedelta(days=rng.randrange(5000))).isoformat()
    return Features(
        given=given, given_forms=(given,), given_roots=(given,), surname=surname, surname_tokens=(surname,),
        birth_date=born, birth_dates=(born,), birth_year=int(born[:4]), addresses=(home,),
    )  # fmt: skip


def make_homes(count, children):
    """Return homes of some children with two records each.

    One name in ten and one birth date in ten is replaced.
    """
    rng = random.Random(3)
    home_records = []
    for number in range(count):
        surname, home = "".join(rng.choices(_LETTERS, k=6)), f"{number} OAK ST|43001"
        for _ in range(children):
            first = make_features(rng, surname, home)
            given = None if rng.random() < 0.1 else first.given
            born = None if rng.random() < 0.1 else first.birth_date
            home_records += [first, make_features(rng, surname, home, given, born)]
    return list(enumerate(home_records))


def count_pairs_of(tmp_path, records):
    connection = connect_duckdb(tmp_path)
    try:
        connection.register("feature_table", make_feature_table(records, FEATURE_COLUMNS))
        return count_relatives(connection, len(records))
    finally:
        connection.close()


def test_guards_weigh_less_without_siblings(tmp_path):
    counts = count_pairs_of(tmp_path, make_homes(1000, children=1))
    assert counts.pairs == 1000
    assert counts.both_differ < 30
    assert 4 < counts.relief_bits < 9


def test_guards_weigh_in_full_with_siblings(tmp_path):
    counts = count_pairs_of(tmp_path, make_homes(500, children=2))
    assert counts.both_differ > counts.alike
    assert counts.relief_bits == 0


def test_few_siblings_relieve_the_guards_partly(tmp_path):
    mixed = make_homes(900, children=1) + [
        (n + 10_000, features) for n, features in make_homes(1_000, children=2)[3600:]
    ]
    counts = count_pairs_of(tmp_path, mixed)
    assert 0 < counts.relief_bits < 2


def test_guards_weigh_in_full_without_evidence():
    assert RelativeCounts(0, 0, 0, 0).relief_bits == 0


def test_relief_grows_with_the_number_of_pairs():
    assert RelativeCounts(5, 0, 0, 0).relief_bits < 1
    assert (
        RelativeCounts(5, 0, 0, 0).relief_bits
        < RelativeCounts(50, 0, 0, 0).relief_bits
        < RelativeCounts(5000, 0, 0, 0).relief_bits
    )


def test_usual_share_of_relatives_gives_no_relief():
    assert RelativeCounts(1000, 50, 90, round(1000 * USUAL_RELATIVES)).relief_bits == 0


def test_pairs_expected_by_independence_are_not_relatives():
    assert RelativeCounts(1000, 100, 100, 10).relief_bits > RelativeCounts(1000, 0, 0, 10).relief_bits


def test_only_relative_guards_are_relieved_and_stay_at_most_zero():
    counts = RelativeCounts(1000, 50, 90, 5)
    before = {(c.name, x.label): x for c in COMPARISONS for x in c.levels}
    after = {(c.name, x.label): x for c in relieve_guards(COMPARISONS, counts) for x in c.levels}
    assert before.keys() == after.keys()
    for name, level in before.items():
        expected = (
            min(0.0, level.fixed_bits + counts.relief_bits) if level.relative_guard else level.fixed_bits
        )
        assert (
            after[name].fixed_bits == pytest.approx(expected)
            if level.relative_guard
            else after[name] == level
        )
    assert any(level.relative_guard for level in FAMILY.levels)
    assert not any(level.relative_guard for level in MULTIPLE_BIRTH.levels)


def test_twin_cautions_are_dropped_only_if_relatives_are_rare():
    thresholds = Thresholds(link=4.0, review=1.5, margin=2.5)
    assert len(TWIN_CAUTIONS) >= 2
    assert build_cautions(thresholds, relief_bits=3.9).when == CAUTIONS
    assert build_cautions(thresholds, relief_bits=4.0).when.keys() == CAUTIONS.keys() - TWIN_CAUTIONS


def test_near_number_opposes_unless_it_links_by_itself():
    thresholds = Thresholds(link=4.0, review=1.5, margin=2.5)
    assert "identifiers_near" not in build_cautions(thresholds, near_number_bits=2.8).opposed
    assert "identifiers_near" in build_cautions(thresholds, near_number_bits=4.0).opposed


def find_guard_label(tmp_path, left, right):
    """Return the label of the guard that a pair meets."""
    connection = connect_duckdb(tmp_path)
    try:
        connection.register("feature_table", make_feature_table([(0, left), (1, right)], FEATURE_COLUMNS))
        frequencies = count_frequencies(make_feature_table([(0, left)], FEATURE_COLUMNS), FREQUENCY_COLUMNS)
        reader = LevelReader(build_untrained_settings([FAMILY]), frequencies, connection)
        [[value]] = reader.read(pa.table({"lo": [0], "hi": [1]}, schema=PAIR_SCHEMA)).values
    finally:
        connection.close()
    return next(level.label for level in reader.levels.comparisons[0].levels if level.value == value)


@pytest.mark.parametrize(
    ("given", "born", "label"),
    [
        ("ISAIAH", "2012-03-09", "one home and surname"),  # two strokes off
        ("ISAIAH", "2014-03-21", "one home and surname"),  # another year
        ("ISAIAH", "2012-03-30", "one home and surname"),  # another day of the month
        ("ISAIAH", "2015-07-30", "cousins: one home and given name, birthday different"),
        ("ISAIAHH", "2012-03-22", "siblings: one home, given name misspelled and birthday a slip off"),
        ("ISAIAHH", "2015-07-30", "siblings: one home, given name and birthday different"),
        ("MARCUS", "2012-03-22", "siblings: one home, given name and birthday different"),
    ],
)
def test_birth_date_error_is_distinguished_from_a_relative(tmp_path, given, born, label):
    rng, home = random.Random(1), "12 OAK ST|43001"
    left = make_features(rng, "WASHINGTON", home, "ISAIAH", "2012-03-21")
    assert find_guard_label(tmp_path, left, make_features(rng, "WASHINGTON", home, given, born)) == label
