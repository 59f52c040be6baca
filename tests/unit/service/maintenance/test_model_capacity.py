"""Test the warning that an index has outgrown its model's prior."""

from dataclasses import replace

import pytest

from mpi.service.maintenance.model_capacity import CapacityExcess, find_capacity_excess
from tests.index import OPERATOR, load_rows, many_children, open_test_index


@pytest.mark.parametrize(("fitted_for", "excess_bits"), [(40, None), (21, None), (20, 1.0), (10, 2.0)])
def test_every_weight_is_one_bit_too_high_at_twice_the_fitted_size(tmp_path, fitted_for, excess_bits):
    with open_test_index(tmp_path, "sis") as index:
        assert find_capacity_excess(index, OPERATOR) is None
        load_rows(index, "sis", *many_children(40))
        model = replace(index.matcher.model, index_size=fitted_for)
        excess = find_capacity_excess(replace(index, matcher=replace(index.matcher, model=model)), OPERATOR)
        assert excess == (None if excess_bits is None else CapacityExcess(40, fitted_for))
        assert excess is None or excess.bits == excess_bits
