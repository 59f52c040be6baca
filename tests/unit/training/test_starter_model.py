"""Rates and frequencies that a fit of few records begins with."""

import pytest

from mpi.matching.model.frequencies import Frequencies
from training.starter_model import STARTER_RECORDS, StarterModel, load_starter

STARTER = StarterModel({}, Frequencies({"given": {"ANA": 0.02, "BO": 0.01}}, {"given": 0.0001}))


def test_the_shipped_model_knows_how_often_matches_agree():
    m, u = load_starter().rates["birth_date", "same"]
    assert m > 0.9
    assert u < 0.001


def test_shares_are_drawn_to_the_starter_as_if_it_had_been_counted():
    counted = Frequencies({"given": {"ANA": 0.2}}, {"given": 0.01})
    blended = STARTER.blend_frequencies(counted, STARTER_RECORDS)
    assert blended.tables["given"]["ANA"] == pytest.approx((0.2 + 0.02) / 2)
    few = STARTER.blend_frequencies(counted, 10)
    assert few.tables["given"]["ANA"] == pytest.approx(0.02, abs=0.004)


def test_a_value_that_the_data_does_not_list_keeps_the_starters_share():
    blended = STARTER.blend_frequencies(Frequencies({"given": {}}, {"given": 0.01}), 100)
    assert blended.tables["given"] == {"ANA": 0.02, "BO": 0.01}
    assert blended.tails["given"] == 0.0001


def test_a_common_name_that_the_starter_does_not_know_is_added():
    counted = Frequencies({"given": {"OLGA": 0.1}}, {"given": 0.01})
    assert STARTER.blend_frequencies(counted, STARTER_RECORDS).tables["given"]["OLGA"] == pytest.approx(
        0.05005
    )
