"""Levels and cautions of names that are one keystroke apart, or exchanged."""

from dataclasses import replace

import duckdb
import pyarrow as pa
import pytest

from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.scoring.splink_engine import make_feature_table
from training.fit.comparisons import GIVEN, SURNAME, ComparisonSpec, LevelSpec
from training.fit.level_reader import LevelReader
from training.fit.limits.caution_odds import CautionOdds
from training.fit.limits.cautions import EXCHANGE_CAUTION, build_cautions
from training.fit.limits.thresholds import choose_thresholds
from training.fit.settings import build_untrained_settings

_FREQUENCIES = Frequencies({"given": {}, "surname": {}}, {"given": 0.01, "surname": 0.01})


def make_record(given, surname, born="2012-03-04", **known):
    return Features(
        given=given, given_forms=(given,), given_roots=(given,), surname=surname, surname_tokens=(surname,),
        surname_forms=(surname,), birth_date=born, birth_dates=(born,), birth_year=int(born[:4]), **known,
    )  # fmt: skip


def read_level(comparison, left, right):
    """Return the level of a comparison that two records have."""
    connection = duckdb.connect()
    table = make_feature_table([(0, left), (1, right)], FEATURE_COLUMNS)
    connection.register("feature_table", table)
    reader = LevelReader(build_untrained_settings([comparison]), _FREQUENCIES, connection)
    value = reader.read(pa.table({"lo": [0], "hi": [1]})).values[0, 0]
    return next(level for level in reader.levels.comparisons[0].levels if level.value == value)


@pytest.mark.parametrize(
    ("left", "right", "label"),
    [
        ("SCHMIDT", "SCHMIT", "one stroke off"),
        ("SCHMIDT", "SCHIMDT", "one stroke off"),
        ("MEYER", "MAYER", "one stroke off"),
        ("BRAUN", "BRAUER", "rather alike"),
        ("SCHMIDT", "SCHMITTS", "spelled alike"),
        ("ALI", "ELI", "different"),
    ],
)
@pytest.mark.parametrize(("comparison", "field"), [(GIVEN, "given"), (SURNAME, "surname")])
def test_long_names_one_keystroke_apart_have_a_level_of_their_own(comparison, field, left, right, label):
    first, second = (
        make_record(name, "LOPEZ") if field == "given" else make_record("ANA", name) for name in (left, right)
    )
    assert read_level(comparison, first, second).label == label
    assert read_level(comparison, second, first).label == label


@pytest.mark.parametrize("other", [make_record("PETERS", "FRANK"), make_record("PETER", "FRANK")])
def test_exchanged_names_count_once(other):
    frank = make_record("FRANK", "PETERS")
    assert read_level(GIVEN, frank, other).label.startswith("exchanged with the surname")
    of_surname = read_level(SURNAME, frank, other)
    assert of_surname.label.startswith("exchanged with the given name")
    assert of_surname.m == of_surname.u


@pytest.mark.parametrize(
    ("other", "is_asked"),
    [
        (make_record("PETERS", "FRANK"), False),
        (make_record("PETERS", "FRANK", "2012-03-24"), True),
        (make_record("PETER", "FRANK"), True),
        (make_record("PETER", "FRANK", phones=("6025550100",)), False),
        (make_record("FRANK", "PETER"), False),
    ],
)
def test_exchanged_names_with_another_difference_are_asked_about(other, is_asked):
    thresholds = choose_thresholds(pa.array([], pa.float64()).to_numpy()).operational
    cautions = build_cautions(thresholds, odds=CautionOdds(0.1, decide=True))
    caution = ComparisonSpec(
        "names", (LevelSpec("asked", cautions.when[EXCHANGE_CAUTION]), LevelSpec("not asked", None))
    )
    frank = make_record("FRANK", "PETERS", phones=("6025550100",))
    assert (read_level(caution, frank, other).label == "asked") == is_asked
    assert EXCHANGE_CAUTION not in build_cautions(thresholds).when
    assert (read_level(caution, replace(frank, phones=()), other).label == "asked") == (
        is_asked or other.phones != ()
    )
