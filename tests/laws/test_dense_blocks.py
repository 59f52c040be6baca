"""Law 1 where more records share a key than bring pairs: no order makes a difference."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mpi.domain.snapshot import Snapshot
from mpi.service.maintenance.verify import verify
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from tests.index import OPERATOR, load_rows, open_test_index, with_tuning
from tests.laws.dense_blocks import (
    REFINEMENTS,
    count_purged_blocks,
    expected_edges,
    expected_keys,
    make_dense_child,
    settle_in_order,
    stored_edges,
    stored_keys,
    with_small_blocks,
)

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "8"))
STEPS = int(os.environ.get("LAWS_STEPS", "15"))
SHRINK = "LAWS_SHRINK" in os.environ
numbers, contents = st.integers(0, 11), st.integers(0, 5)


class DenseBlocks(RuleBasedStateMachine):
    """Records that share keys come, change and go, one by one and by files."""

    @initialize(is_batched=st.booleans(), refinements=st.sampled_from([{}, REFINEMENTS]))
    def open_index(self, is_batched, refinements):
        """Open an index; a batched one pairs the records of files as large files are."""
        self.folder = tempfile.TemporaryDirectory()
        self.opening = open_test_index(Path(self.folder.name) / "home", "sis", refinements=refinements)
        self.index = with_small_blocks(self.opening.__enter__())
        if is_batched:
            self.index = with_tuning(
                self.index, scoring={"duckdb_records": 2}, load={"sqlite_chunk_statements": 2}
            )
        self.active = set()

    @rule(number=numbers, content=contents)
    def send(self, number, content):
        """Send one record."""
        upsert(self.index, OPERATOR, "sis", make_dense_child(number, content))
        self.active.add(number)

    @rule(rows=st.dictionaries(numbers, contents, min_size=1))
    def load(self, rows):
        """Load a file; it checks blocks at its end."""
        records = [make_dense_child(number, content) for number, content in rows.items()]
        load_rows(self.index, "sis", *records, snapshot=Snapshot.DELTA, confirm=True)
        self.active.update(rows)

    @rule(number=numbers)
    def withdraw_record(self, number):
        """Withdraw a record, if it is active."""
        if number in self.active:
            withdraw(self.index, OPERATOR, "sis", f"r{number}")
            self.active.remove(number)

    @rule()
    def run_worker(self):
        """Check blocks, after which the pairs are a function of the active records."""
        finish_deferred_searches(self.index, OPERATOR)
        assert stored_edges(self.index) == expected_edges(self.index)
        assert stored_keys(self.index) == expected_keys(self.index)

    @invariant()
    def no_pair_is_missing(self):
        """Pairs are too many until the worker has run, and never too few but by purged keys."""
        if not hasattr(self, "index"):
            return
        with self.index.database.read(OPERATOR) as unit:
            is_settled = not unit.keys.purged_blocks.count_due(self.index.config_id(unit))
        if is_settled:
            assert stored_edges(self.index) == expected_edges(self.index)

    def teardown(self):
        """Verify the settled index."""
        if hasattr(self, "index"):
            self.run_worker()
            assert verify(self.index, OPERATOR) == []
            self.opening.__exit__(None, None, None)
            self.folder.cleanup()


TestDenseBlocks = DenseBlocks.TestCase
TestDenseBlocks.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if SHRINK else [])],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("refinements", [{}, REFINEMENTS])
@pytest.mark.parametrize("staying", [4, 5, 9])
def test_orders_of_records_across_the_limit_give_one_partition(tmp_path, staying, refinements):
    kept = {number: number % 6 for number in range(staying)}
    partitions = set()
    for seed in range(4):
        with open_test_index(tmp_path / str(seed), "sis", refinements=refinements) as opened:
            index = with_small_blocks(opened)
            partitions.add(frozenset(settle_in_order(index, kept, [20, 21, 22], seed)))
            assert verify(index, OPERATOR) == []
    assert len(partitions) == 1


def test_block_above_the_limit_brings_no_pairs(tmp_path):
    with open_test_index(tmp_path / "home", "sis") as opened:
        index = with_small_blocks(opened)
        for number in range(4):
            upsert(index, OPERATOR, "sis", make_dense_child(number, 0))
        assert len(stored_edges(index)) == 6
        upsert(index, OPERATOR, "sis", make_dense_child(4, 0))
        assert finish_deferred_searches(index, OPERATOR) == count_purged_blocks(index) > 0
        assert stored_edges(index) == {}
        withdraw(index, OPERATOR, "sis", "r0")
        finish_deferred_searches(index, OPERATOR)
        assert count_purged_blocks(index) == 0
        assert len(stored_edges(index)) == 6
