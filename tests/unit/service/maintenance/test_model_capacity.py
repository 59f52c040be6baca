"""Outgrown: told of from twice as many records on as the prior of the model in force holds for."""

from dataclasses import replace

import pytest

from mpi.service.maintenance.model_capacity import CapacityExcess, find_capacity_excess
from tests.index import OPERATOR, an_index, load_rows, many_children


@pytest.mark.parametrize(("fitted_for", "told"), [(40, None), (21, None), (20, 1.0), (10, 2.0)])
def test_of_twice_as_many_records_every_weight_is_one_bit_too_high(tmp_path, fitted_for, told):
    with an_index(tmp_path, "sis") as index:
        assert find_capacity_excess(index, OPERATOR) is None
        load_rows(index, "sis", *many_children(40))
        model = replace(index.matcher.model, index_size=fitted_for)
        found = find_capacity_excess(replace(index, matcher=replace(index.matcher, model=model)), OPERATOR)
        assert found == (None if told is None else CapacityExcess(40, fitted_for))
        assert found is None or found.bits == told
