"""Levels of birth years that are a few years apart."""

import duckdb
import pyarrow as pa
import pytest

from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.matching.model.frequencies import Frequencies
from mpi.matching.scoring.splink_engine import make_feature_table
from mpi.matching.spark.conditions import to_spark_condition
from training.fit.comparisons import BIRTH_DATE
from training.fit.level_reader import LevelReader
from training.fit.settings import build_untrained_settings


def make_record(born):
    """Return a record of a birth year, or of a whole birth date."""
    if len(born) == 4:
        return Features(birth_year=int(born))
    return Features(birth_year=int(born[:4]), birth_date=born, birth_dates=(born,))


def read_level(left, right):
    """Return the label of the level of two birth dates."""
    connection = duckdb.connect()
    connection.register(
        "feature_table",
        make_feature_table([(0, make_record(left)), (1, make_record(right))], FEATURE_COLUMNS),
    )
    reader = LevelReader(build_untrained_settings([BIRTH_DATE]), Frequencies({}, {}), connection)
    value = reader.read(pa.table({"lo": [0], "hi": [1]})).values[0, 0]
    return next(level.label for level in reader.levels.comparisons[0].levels if level.value == value)


@pytest.mark.parametrize(
    ("left", "right", "label"),
    [
        ("1911", "1911", "same year, day unknown"),
        ("1911", "1910", "a year apart, day unknown"),
        ("1911", "1912-03-04", "a year apart, day unknown"),
        ("1911", "1913", "three years apart at most, day unknown"),
        ("1908", "1911", "three years apart at most, day unknown"),
        ("1911", "1915", "nine years apart at most, day unknown"),
        ("1919", "1910", "nine years apart at most, day unknown"),
        ("1911", "1921", "whole decades apart, day unknown"),
        ("1911", "2011-05-06", "whole decades apart, day unknown"),
        ("1911", "2021", "different"),
        ("1911", "1922", "different"),
        ("1911-05-06", "1912-11-29", "different"),
        ("1911-05-06", "1934-11-29", "different"),
    ],
)
def test_years_apart_are_evidence_where_a_day_is_unknown(left, right, label):
    assert read_level(left, right) == label
    assert read_level(right, left) == label


def test_spark_reads_years_apart_alike():
    conditions = {level.label: level.condition for level in BIRTH_DATE.levels}
    condition = to_spark_condition(conditions["a year apart, day unknown"])
    assert "ABS(birth_year_l - birth_year_r) <= 1" in condition.replace("(ABS", "ABS").replace("))", ")")


def test_spark_reads_whole_decades_alike():
    conditions = {level.label: level.condition for level in BIRTH_DATE.levels}
    condition = to_spark_condition(conditions["whole decades apart, day unknown"])
    assert "100" in condition
