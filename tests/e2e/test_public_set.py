"""The main job on real input: a public set, from file to scored crosswalk."""

import pytest

from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from tests.e2e.public_set import (
    CHILDREN,
    OPERATOR,
    crosswalk,
    empty_index,
    load_by_source,
    pairwise,
    persons_of,
    resolve_one_by_one,
    rows_to_send,
)
from tests.e2e.scope_orders import ORDERS, partition_in_order

pytestmark = [
    pytest.mark.data,
    pytest.mark.slow,
    pytest.mark.skipif(not CHILDREN.exists(), reason="no evaluation sets: set MPI_EVAL_DATA to their folder"),
]

ORDERED_ROWS = 600


def test_a_public_set_scores_at_least_090_and_reloads_without_a_change(tmp_path):
    with empty_index(tmp_path) as index:
        receipts = load_by_source(index)
        assert sum(receipt.created for receipt in receipts) == 8_824
        assert all(receipt.adds_up for receipt in receipts)
        plan = recluster(index, OPERATOR, index.matcher, apply=True)
        before = crosswalk(index)
        assert pairwise(before)["f1"] >= 0.90
        assert plan.is_empty
        second_receipts = load_by_source(index)
        assert sum(receipt.unchanged for receipt in second_receipts) == 8_824
        assert recluster(index, OPERATOR, index.matcher, apply=True).is_empty
        assert crosswalk(index) == before
        assert verify(index, OPERATOR) == []


def test_three_orders_of_upserts_give_the_partition_of_a_load(tmp_path):
    rows = rows_to_send()[::14][:ORDERED_ROWS]
    partitions = set()
    for seed in range(3):
        with empty_index(tmp_path / str(seed)) as index:
            resolve_one_by_one(index, rows, seed)
            partitions.add(frozenset(persons_of(crosswalk(index))))
            assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
    assert len(partitions) == 1


def test_orders_over_scopes_give_one_partition_in_each_scope_and_in_the_shared_index(tmp_path):
    rows = rows_to_send()[::30]
    partitions = {
        partition_in_order(tmp_path / name, rows, order, seed)
        for seed, (name, order) in enumerate(ORDERS.items())
    }
    assert len(partitions) == 1
    with empty_index(tmp_path / "alone") as index:
        resolve_one_by_one(index, rows, 0)
        assert partitions.pop().shared == frozenset(persons_of(crosswalk(index)))
