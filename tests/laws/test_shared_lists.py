"""Law 1 with shared values: lists and results do not depend on the order of arrival."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index, partition_of

SECRET = "5e" * 32
SHELTER_ADDRESS = {"address_line1": "500 Haven Rd", "postal_code": "43010"}
RECORDS = [
    *({**child, **SHELTER_ADDRESS} for child in many_children(18)),
    make_child("twin", **SHELTER_ADDRESS),
    make_child("again", **SHELTER_ADDRESS, address_line2="Apt 3"),
    make_child("elsewhere", address_line1="12 Oak St"),
]


def refresh_lists(index):
    recluster(index, OPERATOR, index.matcher, apply=True, refresh_lists=True)


def state_of(index):
    """Return lists, features, edges and partition, under names that are the same on every index."""
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        label = {number: record_label.local_id for number, record_label in unit.records.iterate_labels()}
        features = {
            label[number]: content for number, content in unit.derived_data.iterate_features(config_id)
        }
        edges = {
            frozenset(map(label.get, edge)): bits
            for edge, bits in unit.derived_data.all_edges(config_id).items()
        }
        return index.shared_values(unit), features, edges, partition_of(index)


@pytest.mark.slow
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(RECORDS), st.integers(0, 14), st.integers(14, 18))
def test_arrival_order_and_earlier_lists_do_not_change_the_result(
    tmp_path_factory, order, in_file, listed_after
):
    with open_test_index(tmp_path_factory.mktemp("plain"), "sis", secret=SECRET) as plain:
        load_rows(plain, "sis", *RECORDS)
        refresh_lists(plain)
        expected = state_of(plain)
    with open_test_index(tmp_path_factory.mktemp("other"), "sis", secret=SECRET) as index:
        load_rows(index, "sis", *order[:in_file])
        for record in order[in_file:listed_after]:
            upsert(index, OPERATOR, "sis", record)
        refresh_lists(index)
        for record in order[listed_after:]:
            upsert(index, OPERATOR, "sis", record)
        state_before = state_of(index)
        rebuild(index, OPERATOR)
        assert state_of(index) == state_before
        assert verify(index, OPERATOR) == []
        refresh_lists(index)
        assert state_of(index) == expected
        assert len(state_before[0]) == len(expected[0]) == 1
