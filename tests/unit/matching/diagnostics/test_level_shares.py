"""Comparison levels among pairs, beside the shares of a model."""

from dataclasses import replace

import pytest

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.diagnostics.level_shares import draw_pairs, find_level_differences
from mpi.matching.model.match_model import find_model_folder, load_model

MODEL = load_model(find_model_folder("children/7"))


def make_stranger(number, **fields):
    """Return a person whose names and birth date few others have."""
    date = f"{1990 + number % 23}-{1 + number % 12:02}-{1 + number % 28:02}"
    return Features(
        given=f"G{number:05}",
        surname=f"S{number:05}",
        birth_date=date,
        birth_year=int(date[:4]),
        **fields,
    )


def list_differences(linked, records, model=MODEL):
    """Return the differing levels, by kind of pair."""
    differences = find_level_differences(model, compile_scorer(model), linked, draw_pairs(records))
    return {(each.what, each.column) for each in differences}


def test_random_pairs_are_of_different_records_and_always_the_same():
    records = [make_stranger(number) for number in range(9)]
    pairs = list(draw_pairs(records, 50))
    assert pairs == list(draw_pairs(records, 50))
    assert all(left is not right for left, right in pairs)
    assert list(draw_pairs([], 50)) == list(draw_pairs(records[:1], 50)) == []


def test_a_birth_date_that_many_have_weighs_less_than_the_model_says():
    records = [
        replace(make_stranger(number), birth_date=f"2014-05-{1 + number % 4:02}") for number in range(400)
    ]
    assert ("strangers", "birth_date: same") in list_differences([], records)


def test_birth_dates_as_common_as_those_of_the_model_are_no_difference():
    records = [make_stranger(number) for number in range(6_000)]
    assert ("strangers", "birth_date: same") not in list_differences([], records)


def test_relatives_of_a_small_index_are_no_difference():
    """In 400 records, brothers and sisters are a larger share of all pairs than in a state."""
    records = [
        make_stranger(number, addresses=(f"{number // 4} MAIN ST 43001",), postal_code="43001")
        for number in range(400)
    ]
    assert not {each for each in list_differences([], records) if "home" in each[1]}


def test_pairs_that_the_model_would_link_are_no_strangers():
    records = [make_stranger(number // 2, ssn=f"{number // 2:09}") for number in range(60)]
    assert ("strangers", "ssn: same") not in list_differences([], records)


def linked_pairs(count, **changes):
    """Return pairs of one person of whom the second record has other values."""
    people = [make_stranger(number, middle="ANN", middle_initial="A", sex="F") for number in range(count)]
    return [(person, replace(person, **changes)) for person in people]


def test_matches_that_differ_more_often_than_the_model_says_are_a_difference():
    assert ("matches", "sex: different") in list_differences(linked_pairs(60, sex="M"), [])
    assert {column for _, column in list_differences(linked_pairs(60), [])} == {
        "middle: same name",
        "middle: same initial",
    }


def test_few_linked_pairs_tell_nothing():
    assert list_differences(linked_pairs(49, sex="M"), []) == set()


@pytest.mark.parametrize("column", ["family", "suffix"])
def test_levels_of_fixed_weight_have_no_share(column):
    pairs = linked_pairs(60, suffix="JR")
    assert not {each for each in list_differences(pairs, []) if each[1].startswith(column)}
