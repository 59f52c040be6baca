"""Tests of practice pairs chosen from a simulated state."""

import pytest

from training.practice.selection import HIDDEN_FIELDS, choose_practice_pairs
from training.simulate.simulation import simulate


@pytest.fixture(scope="module")
def population():
    return simulate(records=4_000, seed=11)


@pytest.fixture(scope="module")
def chosen(population):
    return choose_practice_pairs(population, 32)


def find_persons(population, record):
    """Return the persons whose records have all shown values of a record."""
    file = population.files[next(s for s in population.files if s == record["source"])]
    plain = {name: value for name, value in record["values"].items() if isinstance(value, str)}
    return {
        file.truth["person_id"][row]
        for row in range(len(file))
        if all(file.columns[name][row] == value for name, value in plain.items())
    }


def test_truth_of_each_pair_agrees_with_the_state(population, chosen):
    for pair in chosen[:12]:
        left, right = (find_persons(population, record) for record in pair["records"])
        assert left
        assert right
        assert bool(left & right) == (pair["truth"] == "same"), pair["why"]


def test_pairs_of_one_and_of_two_children_are_balanced(chosen):
    truths = [pair["truth"] for pair in chosen]
    # A state of 4,000 records has few children of one name and year.
    assert truths.count("different") >= 10
    assert truths.count("same") >= 12
    assert {pair["kind"] for pair in chosen} >= {"twins", "siblings", "misspelled", "moved"}


def test_same_state_gives_the_same_pairs_in_random_order(population, chosen):
    assert choose_practice_pairs(population, 32) == chosen
    assert [pair["id"] for pair in chosen] == list(range(1, len(chosen) + 1))
    truths = [pair["truth"] for pair in chosen]
    assert truths not in (sorted(truths), sorted(truths, reverse=True))


def test_no_pair_shows_a_hidden_field(chosen):
    for pair in chosen:
        for record in pair["records"]:
            assert not HIDDEN_FIELDS & record["values"].keys()
