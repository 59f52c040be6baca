"""Comparison of records with those that a model was fitted on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.features import Features
from mpi.matching.model.data_profile import (
    DataProfile,
    find_differences,
    measure_distance,
    measure_profile,
    read_profile,
)
from mpi.matching.model.frequencies import Frequencies

FREQUENCIES = Frequencies({"given": {"ANA": 0.5, "BO": 0.4}, "surname": {"DIAZ": 0.8}}, {})


def make_records(given, count=10, **fields):
    """Return equal records."""
    return [Features(given=given, surname="DIAZ", **fields)] * count


def test_a_profile_counts_known_values_and_listed_names():
    records = make_records("ANA", 6, sex="F") + make_records("OLGA", 2) + make_records(None, 2)
    profile = measure_profile(records, FREQUENCIES)
    assert (profile.filled["given"], profile.filled["sex"], profile.filled["ssn"]) == (0.8, 0.6, 0.0)
    assert profile.listed == {"given": pytest.approx(6 / 8), "surname": 1.0}


def test_records_like_those_of_the_model_show_no_difference():
    fitted = DataProfile({"given": 1.0, "sex": 0.9}, {"given": 0.9, "surname": 0.8})
    observed = measure_profile(make_records("ANA", sex="F"), FREQUENCIES)
    assert find_differences(fitted, observed) == []


def test_names_of_another_country_are_a_difference():
    fitted = read_profile({}, FREQUENCIES)
    (difference,) = find_differences(fitted, measure_profile(make_records("OLGA"), FREQUENCIES))
    assert (difference.column, difference.what, difference.observed) == ("given", "listed", 0.0)
    assert difference.fitted == pytest.approx(0.9)


def test_a_model_may_state_how_many_names_of_its_data_it_lists():
    fitted = read_profile({"listed": {"given": 0.2}}, FREQUENCIES)
    assert fitted.listed == {"given": 0.2, "surname": 0.8}
    assert find_differences(fitted, measure_profile(make_records("OLGA"), FREQUENCIES)) == []


def test_a_field_that_is_missing_or_new_is_a_difference():
    fitted = read_profile({"filled": {"given": 1.0, "ssn": 0.6, "sex": 0.0}}, FREQUENCIES)
    differences = find_differences(fitted, measure_profile(make_records("ANA", sex="F"), FREQUENCIES))
    assert [(each.column, each.fitted, each.observed) for each in differences] == [
        ("ssn", 0.6, 0.0),
        ("sex", 0.0, 1.0),
    ]


def test_records_without_names_do_not_say_that_names_are_unlike():
    fitted = read_profile({}, FREQUENCIES)
    observed = measure_profile([Features(sex="F")] * 10, FREQUENCIES)
    assert find_differences(fitted, observed) == []


def test_no_records_have_an_empty_profile():
    assert set(measure_profile([], FREQUENCIES).filled.values()) == {0.0}


def test_distance_counts_the_records_past_the_limit():
    fitted = DataProfile({"given": 1.0, "ssn": 0.9}, {})
    observed = measure_profile(make_records("ANA", 100), FREQUENCIES)
    assert measure_distance(fitted, observed, 100) == 46
    assert measure_distance(DataProfile({"given": 1.0}), observed, 100) == -24
    assert measure_distance(DataProfile(), observed, 100) == -24


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.lists(st.sampled_from(["ANA", "OLGA", None]), min_size=1, max_size=40),
    st.sampled_from(["ANA", "OLGA", None]),
)
def test_one_record_changes_the_distance_by_at_most_one(filled, listed, names, name):
    fitted = DataProfile({"given": filled, "ssn": filled}, {"given": listed, "surname": listed})

    def distance(given_names):
        records = [Features(given=each, surname="DIAZ" if each == "ANA" else None) for each in given_names]
        return measure_distance(fitted, measure_profile(records, FREQUENCIES), len(records))

    assert abs(distance([*names, name]) - distance(names)) <= 1
