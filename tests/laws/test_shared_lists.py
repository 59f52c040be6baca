"""Law 1 with shared values: neither the lists nor what follows from them depend on how the records came."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, a_child, an_index, load_rows, many_children, partition_of

SECRET = "5e" * 32
HAVEN = {"address_line1": "500 Haven Rd", "postal_code": "43010"}
RECORDS = [
    *({**child, **HAVEN} for child in many_children(18)),
    a_child("twin", **HAVEN),
    a_child("again", **HAVEN, address_line2="Apt 3"),
    a_child("elsewhere", address_line1="12 Oak St"),
]


def refresh(index):
    recluster(index, OPERATOR, index.matcher, apply=True, refresh_lists=True)


def state_of(index):
    """The lists, the features, the edges and the partition, by what names them on every index alike."""
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        label = {number: each.local_id for number, each in unit.records.iterate_labels()}
        features = {label[number]: body for number, body in unit.derived_data.iterate_features(config_id)}
        edges = {
            frozenset(map(label.get, edge)): bits
            for edge, bits in unit.derived_data.all_edges(config_id).items()
        }
        return index.shared_values(unit), features, edges, partition_of(index)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(RECORDS), st.integers(0, 14), st.integers(14, 18))
def test_order_path_and_earlier_lists_leave_no_trace(tmp_path_factory, order, in_file, listed_after):
    with an_index(tmp_path_factory.mktemp("plain"), "sis", secret=SECRET) as plain:
        load_rows(plain, "sis", *RECORDS)
        refresh(plain)
        expected = state_of(plain)
    with an_index(tmp_path_factory.mktemp("other"), "sis", secret=SECRET) as index:
        load_rows(index, "sis", *order[:in_file])
        for record in order[in_file:listed_after]:
            upsert(index, OPERATOR, "sis", record)
        refresh(index)
        for record in order[listed_after:]:
            upsert(index, OPERATOR, "sis", record)
        left = state_of(index)
        rebuild(index, OPERATOR)
        assert state_of(index) == left
        assert verify(index, OPERATOR) == []
        refresh(index)
        assert state_of(index) == expected
        assert len(left[0]) == len(expected[0]) == 1
