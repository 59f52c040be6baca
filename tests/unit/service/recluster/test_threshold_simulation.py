"""Test that simulated thresholds respect the model's cautions."""

from dataclasses import replace

import pytest

from mpi.domain.errors import InputError
from mpi.matching.model.cautions import Cautions
from mpi.service.recluster.threshold_simulation import TrialThresholds, simulate_thresholds
from tests.index import OPERATOR, open_test_index


def with_caution(index):
    model = replace(
        index.matcher.model, cautions=Cautions(8.0, {"odd": "given_l IS NULL AND given_r IS NULL"})
    )
    return replace(index, matcher=replace(index.matcher, model=model))


def test_thresholds_that_link_or_drop_cautioned_pairs_are_refused(tmp_path):
    with open_test_index(tmp_path, "SIS") as index:
        cautious_index = with_caution(index)
        for bits in (TrialThresholds(link=7.5, margin=1.0), TrialThresholds(review=9.0)):
            with pytest.raises(InputError, match=r"8\.0 bits"):
                simulate_thresholds(cautious_index, OPERATOR, bits)
            assert simulate_thresholds(index, OPERATOR, bits).moved == 0
        assert simulate_thresholds(cautious_index, OPERATOR, TrialThresholds(link=11.0)).link == 11.0
