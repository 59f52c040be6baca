"""Only the records of an index itself count towards the size of its blocks."""

import random

import pytest

from mpi.domain.viewer import Action, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.transfer import transfer_changes
from tests.index import OPERATOR, crosswalk
from tests.laws.dense_blocks import (
    LIMIT,
    REFINEMENTS,
    count_purged_blocks,
    expected_edges,
    expected_keys,
    make_dense_child,
    stored_edges,
    stored_keys,
    with_small_blocks,
)
from tests.scopes import open_scoped_indexes

SCOPES = {"education": ("sis",), "child_welfare": ("ccwis",)}
SOURCE_OF = {scope: sources[0] for scope, sources in SCOPES.items()}


@pytest.fixture(params=[{}, REFINEMENTS], ids=["", "refined"])
def indexes(tmp_path, database_url, request):
    """Two scopes and their shared index, by name, with a small limit of a block."""
    with open_scoped_indexes(
        tmp_path, SCOPES, database_url=database_url, refinements=request.param
    ) as opened:
        named = {**opened.scopes, "shared": opened.shared}
        yield {name: with_small_blocks(index) for name, index in named.items()}


def sync(indexes, scope: str) -> None:
    """Take the changes of a scope over into the shared index."""
    transfer_changes(indexes[scope], indexes["shared"], OPERATOR, scope)


def send(indexes, scope: str, number: int, content: int = 0) -> None:
    """Send a record to a scope."""
    upsert(indexes[scope], OPERATOR, SOURCE_OF[scope], make_dense_child(number, content))


def check(indexes) -> None:
    """Check that each index has the pairs that its own records bring."""
    for index in indexes.values():
        finish_deferred_searches(index, OPERATOR)
        assert stored_edges(index) == expected_edges(index)
        assert stored_keys(index) == expected_keys(index)
        assert verify(index, OPERATOR) == []


def test_block_that_is_small_in_each_scope_may_be_too_large_in_the_shared_index(indexes):
    for number in range(LIMIT - 1):
        for scope in SCOPES:
            send(indexes, scope, number)
    for scope in SCOPES:
        sync(indexes, scope)
    check(indexes)
    assert [count_purged_blocks(indexes[scope]) for scope in SCOPES] == [0, 0]
    assert count_purged_blocks(indexes["shared"]) > 0
    assert len(set(crosswalk(indexes["education"]).values())) == 1
    assert len(set(crosswalk(indexes["shared"]).values())) == 2 * (LIMIT - 1)


def test_block_that_was_too_large_in_a_scope_is_paired_in_the_shared_index_once_it_is_small(indexes):
    for number in range(LIMIT + 1):
        send(indexes, "education", number)
    finish_deferred_searches(indexes["education"], OPERATOR)
    sync(indexes, "education")
    check(indexes)
    withdraw(indexes["education"], OPERATOR, "sis", "r0")
    sync(indexes, "education")
    check(indexes)
    assert len(set(crosswalk(indexes["shared"]).values())) == 1


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_leave_each_index_with_the_pairs_of_its_own_records(indexes, seed):
    drawn = random.Random(seed)
    active = set()
    for _ in range(25):
        scope, number = drawn.choice(list(SCOPES)), drawn.randrange(6)
        if (scope, number) in active and drawn.random() < 0.4:
            withdraw(indexes[scope], OPERATOR, SOURCE_OF[scope], f"r{number}")
            active.remove((scope, number))
        else:
            send(indexes, scope, number, drawn.randrange(3))
            active.add((scope, number))
        if drawn.random() < 0.3:
            sync(indexes, scope)
        if drawn.random() < 0.3:
            finish_deferred_searches(indexes[drawn.choice(list(indexes))], OPERATOR)
    for scope in SCOPES:
        sync(indexes, scope)
    check(indexes)


def test_client_of_one_source_is_told_of_block_sizes_in_the_index_of_its_scope(indexes):
    school = Viewer("school", "school_stability", frozenset(Action), frozenset({"sis"}))
    for number in range(LIMIT):
        send(indexes, "education", number)
    answer = upsert(indexes["education"], school, "sis", make_dense_child(LIMIT, 0))
    assert (answer.pending, answer.provisional) == (True, True)
    finish_deferred_searches(indexes["education"], OPERATOR)
    assert read_change_feed(indexes["education"], school, limit=1000).events[-1].cause == "settled"
