"""Blocks with too many records bring no pairs, on both stores and on every path."""

import numpy as np
import pytest

from mpi.domain import clock
from mpi.domain.snapshot import Snapshot
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.persons.search import search_persons
from mpi.service.records.candidates import build_query
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.optimistic_candidates import find_optimistic_pairs
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.statements.statement import build_statement
from mpi.service.statements.statement_features import prepare_comparable
from mpi.standardize.record_validation import validate_record
from tests.index import OPERATOR, load_rows, partition_of, with_tuning
from tests.laws.dense_blocks import (
    LIMIT,
    count_purged_blocks,
    expected_edges,
    make_dense_child,
    settle_in_order,
    stored_edges,
    with_small_blocks,
)


def send(index, *numbers: int) -> None:
    """Send records of one content, one by one."""
    for number in numbers:
        upsert(index, OPERATOR, "sis", make_dense_child(number, 0))


def count_due_checks(index) -> int:
    """Count the blocks that wait for the worker."""
    with index.database.read(OPERATOR) as unit:
        return unit.keys.purged_blocks.count_due(index.config_id(unit))


@pytest.mark.parametrize("staying", [LIMIT, LIMIT + 1])
def test_order_of_records_across_the_limit_makes_no_difference(index, staying):
    small = with_small_blocks(index)
    contents = dict.fromkeys(range(staying), 0)
    partition = settle_in_order(small, contents, [10, 11, 12], seed=1)
    expected = (
        {frozenset((("sis", f"r{n}"),)) for n in contents}
        if staying > LIMIT
        else {frozenset(("sis", f"r{n}") for n in contents)}
    )
    assert partition == expected
    assert stored_edges(small) == expected_edges(small)
    assert verify(small, OPERATOR) == []


def test_large_block_of_a_file_brings_no_pairs(index):
    batched = with_tuning(
        with_small_blocks(index),
        scoring={"duckdb_records": 2},
        load={"sqlite_chunk_statements": 3, "postgresql_chunk_statements": 3},
    )
    rows = [make_dense_child(number, 0) for number in range(LIMIT + 3)]
    load_rows(batched, "sis", *rows, snapshot=Snapshot.DELTA, confirm=True)
    assert stored_edges(batched) == {}
    assert count_due_checks(batched) == 0
    assert verify(batched, OPERATOR) == []


def test_worker_pairs_a_block_that_is_small_again(index):
    small = with_small_blocks(index)
    send(small, *range(LIMIT + 1))
    finish_deferred_searches(small, OPERATOR)
    assert len(partition_of(small)) == LIMIT + 1
    withdraw(small, OPERATOR, "sis", "r0")
    assert count_due_checks(small) > 0
    finish_deferred_searches(small, OPERATOR)
    assert len(partition_of(small)) == 1


def test_record_of_a_purged_block_is_stored_without_a_search(index):
    small = with_small_blocks(index)
    send(small, *range(LIMIT + 1))
    finish_deferred_searches(small, OPERATOR)
    send(small, LIMIT + 1)
    assert count_due_checks(small) == 0
    assert stored_edges(small) == {}


def test_rebuild_restores_purged_blocks(index):
    small = with_small_blocks(index)
    send(small, *range(LIMIT + 1))
    finish_deferred_searches(small, OPERATOR)
    purged = count_purged_blocks(small)
    with small.database.write(OPERATOR, "test") as unit:
        unit.keys.purged_blocks.delete_all(small.config_id(unit))
    assert [finding.law for finding in verify(small, OPERATOR)] == [1]
    rebuild(small, OPERATOR)
    finish_deferred_searches(small, OPERATOR)
    assert count_purged_blocks(small) == purged > 0
    assert verify(small, OPERATOR) == []


@pytest.mark.parametrize("is_purged_before", [True, False])
def test_optimistic_pairs_are_refused_where_the_purged_blocks_have_changed(index, is_purged_before):
    small = with_small_blocks(index)
    send(small, *range(LIMIT + 1 if is_purged_before else LIMIT - 2))
    finish_deferred_searches(small, OPERATOR)
    received = validate_record(make_dense_child(20, 0), small.keyed_hash, clock.now())
    statement = build_statement(
        received.record, received.issues, comparable=prepare_comparable(small, received.record, "sis")
    )
    assert build_query(small, "sis", statement) is not None
    optimistic = find_optimistic_pairs(small, OPERATOR, "sis", statement)
    if optimistic is None:
        pytest.skip("a lone writer on PostgreSQL searches in its transaction")
    with small.database.write(OPERATOR, "test") as unit:
        assert optimistic.refresh(unit, small) is not None
    if is_purged_before:
        withdraw(small, OPERATOR, "sis", "r0")
    else:
        send(small, *range(30, 34))
    finish_deferred_searches(small, OPERATOR)
    with small.database.write(OPERATOR, "test") as unit:
        assert optimistic.refresh(unit, small) is None


@pytest.mark.parametrize(
    ("purged", "keys"),
    [
        ([], [3, 1]),
        ([1, 2, 5], []),
        ([1, 2, 5], [9, 5, 1, 5, 7, 8]),
        ([-(2**63), 2**63 - 1], [2**63 - 1, 0, 0]),
        (range(100), [250, 7, 7, 3]),
    ],
)
def test_purged_keys_are_found_among_few_and_many(index, purged, keys):
    with index.database.write(OPERATOR, "test") as unit:
        unit.keys.purged_blocks.add(1, purged, unit.commit_no)
        found = unit.keys.purged_blocks.intersect(1, np.array(keys, np.int64))
        assert found.tolist() == sorted(unit.keys.purged_blocks.select_purged(1, set(keys)))
        assert found.tolist() == sorted(set(purged) & set(keys))


def test_search_finds_records_of_a_purged_block(index):
    small = with_small_blocks(index)
    send(small, *range(LIMIT + 1))
    finish_deferred_searches(small, OPERATOR)
    terms = {name: make_dense_child(0, 0)[name] for name in ("first_name", "last_name", "birth_date")}
    assert search_persons(small, OPERATOR, terms)
