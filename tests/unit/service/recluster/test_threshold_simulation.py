"""Thresholds tried on a live index keep the model's promise of what is for a person."""

from dataclasses import replace

import pytest

from mpi.domain.errors import InputError
from mpi.matching.model.cautions import Cautions
from mpi.service.recluster.threshold_simulation import TrialThresholds, simulate_thresholds
from tests.index import OPERATOR, an_index


def cautious(index):
    model = replace(
        index.matcher.model, cautions=Cautions(8.0, {"odd": "given_l IS NULL AND given_r IS NULL"})
    )
    return replace(index, matcher=replace(index.matcher, model=model))


def test_thresholds_that_would_link_pairs_held_in_doubt_or_drop_them_are_refused(tmp_path):
    with an_index(tmp_path, "SIS") as index:
        held = cautious(index)
        for bits in (TrialThresholds(link=7.5, margin=1.0), TrialThresholds(review=9.0)):
            with pytest.raises(InputError, match=r"8\.0 bits"):
                simulate_thresholds(held, OPERATOR, bits)
            assert simulate_thresholds(index, OPERATOR, bits).moved == 0
        assert simulate_thresholds(held, OPERATOR, TrialThresholds(link=11.0)).link == 11.0
