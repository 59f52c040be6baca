"""Test that a key lookup by two threads finds what one thread finds."""

import threading
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from mpi.domain.errors import StoreError
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.service.indexing import key_lookup
from mpi.service.indexing.key_lookup import find_records_by_key
from mpi.service.indexing.pair_scorer import PairScorer, score_candidate_pairs
from mpi.service.records.upsert import upsert
from mpi.storage.key_index.key_segments import KeySegments
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from tests.index import OPERATOR, load_rows, make_tuning, many_children, open_test_index
from tests.loads import SMALL_CHUNKS
from tests.unit.service.indexing.test_pair_scorer import packed_records

CHILDREN = 400


@pytest.fixture
def mixed_index(tmp_path):
    """An index with keys in the main table and in segments, read thirty keys at a time."""
    tuning = make_tuning(SMALL_CHUNKS, storage={"second_reader_keys": 1, "lookup_chunk_keys": 30})
    with open_test_index(tmp_path / "home", "sis", "ccwis", tuning=tuning) as opened:
        load_rows(opened, "sis", *many_children(CHILDREN))
        with opened.database.write(OPERATOR, "load") as unit:
            config = opened.config_id(unit)
            own = unit.keys.forward.packed_keys(config, range(1, CHILDREN + 1, 3))
            unit.keys.delete(config, own)
            unit.keys.write(config, own, unit.commit_no, as_segment=True)
            assert unit.keys.segments.count_uncompacted_rows()
        yield opened


def keys_of_all_children(unit, config):
    own = unit.keys.forward.keys_of(config, range(1, CHILDREN + 1))
    return sorted({key for keys in own.values() for key in keys})


def rows(parts):
    return [tuple(row) for part in parts for row in np.asarray(part).T.tolist()]


@contextmanager
def open_snapshot_after(action, mixed_index):
    """Run an action, then open another snapshot."""
    action()
    with mixed_index.database.read(OPERATOR) as unit:
        yield unit


def compact_all(mixed_index):
    with mixed_index.database.write(OPERATOR, "load") as unit:
        assert unit.keys.segments.compact(1_000_000)


def test_two_threads_find_what_one_finds_each_row_once(mixed_index):
    with mixed_index.database.read(OPERATOR) as unit:
        config = mixed_index.config_id(unit)
        keys = keys_of_all_children(unit, config)
        by_one = rows(find_records_by_key(unit, config, keys))
        by_two = rows(find_records_by_key(unit, config, keys, partial(mixed_index.database.read, OPERATOR)))
    assert sorted(by_two) == sorted(by_one)
    assert len(set(by_one)) == len(by_one) > CHILDREN


def test_key_removed_in_a_segment_no_longer_finds_its_record(mixed_index):
    with mixed_index.database.write(OPERATOR, "load") as unit:
        config = mixed_index.config_id(unit)
        keys = keys_of_all_children(unit, config)
        before = rows(find_records_by_key(unit, config, keys))
        own = unit.keys.forward.packed_keys(config, range(2, CHILDREN + 1, 3))
        width = STORED_DTYPE.itemsize
        lost = {(int(np.frombuffer(packed.keys, STORED_DTYPE)[0]), record) for record, packed in own.items()}
        fewer = {record: packed._replace(keys=packed.keys[width:]) for record, packed in own.items()}
        unit.keys.write(config, fewer, unit.commit_no, as_segment=True, rewritten=own)
    with mixed_index.database.read(OPERATOR) as unit:
        by_one = rows(find_records_by_key(unit, config, keys))
        by_two = rows(find_records_by_key(unit, config, keys, partial(mixed_index.database.read, OPERATOR)))
    assert sorted(by_one) == sorted(by_two) == sorted({*before} - lost)
    assert lost <= {*before}


def test_rows_compacted_between_the_two_snapshots_are_found(mixed_index):
    with mixed_index.database.read(OPERATOR) as unit:
        config = mixed_index.config_id(unit)
        keys = keys_of_all_children(unit, config)
        by_one = rows(find_records_by_key(unit, config, keys))
        by_two = rows(
            find_records_by_key(
                unit,
                config,
                keys,
                partial(open_snapshot_after, partial(compact_all, mixed_index), mixed_index),
            )
        )
    assert set(by_two) == set(by_one)


@pytest.fixture
def main_rows_by_second_thread(monkeypatch):
    """Let only the second thread read the main table."""
    is_read = threading.Event()
    find_in_second, find_records = key_lookup._find_in_second_snapshot, KeySegments.find_records

    def find_and_signal(*arguments):
        try:
            return find_in_second(*arguments)
        finally:
            is_read.set()

    def find_after_signal(self, *arguments):
        if threading.current_thread() is threading.main_thread():
            assert is_read.wait(30)
            is_read.clear()
        return find_records(self, *arguments)

    monkeypatch.setattr(key_lookup, "_find_in_second_snapshot", find_and_signal)
    return lambda: monkeypatch.setattr(KeySegments, "find_records", find_after_signal)


def test_pairs_are_those_of_the_first_snapshot_despite_later_writes(mixed_index, main_rows_by_second_thread):
    late_child = many_children(1)[0] | {"local_id": "late"}
    write = partial(upsert, mixed_index, OPERATOR, "ccwis", late_child)
    with mixed_index.database.read(OPERATOR) as unit:
        config = mixed_index.config_id(unit)
        candidates = {-1: packed_records(unit, config, 1)[0]}
        resources = ScoringResources(mixed_index.home)
        with PairScorer(mixed_index.matcher.model, resources) as single_scorer:
            expected = single_scorer.score_pairs(unit, config, candidates).to_edges()
        main_rows_by_second_thread()
        with PairScorer(
            mixed_index.matcher.model,
            resources,
            open_snapshot=partial(open_snapshot_after, write, mixed_index),
        ) as concurrent_scorer:
            assert concurrent_scorer.score_pairs(unit, config, candidates).to_edges() == expected
        open_second_snapshot = partial(
            open_snapshot_after,
            partial(upsert, mixed_index, OPERATOR, "ccwis", late_child | {"local_id": "later"}),
            mixed_index,
        )
        assert (
            score_candidate_pairs(
                unit, mixed_index.matcher, config, candidates, resources, open_second_snapshot
            ).to_edges()
            == expected
        )
    assert set(expected) == {(-1, 1)}


def test_failure_of_the_second_thread_is_raised(mixed_index):
    def fail():
        raise StoreError("the disk is full")

    with mixed_index.database.read(OPERATOR) as unit:
        config = mixed_index.config_id(unit)
        keys = keys_of_all_children(unit, config)
        with pytest.raises(StoreError, match="full"):
            find_records_by_key(unit, config, keys, partial(open_snapshot_after, fail, mixed_index))


def test_interrupt_while_the_second_thread_starts_leaves_it_nothing_to_read(mixed_index, monkeypatch):
    submit, remaining_groups = key_lookup.ThreadPoolExecutor.submit, []

    def submit_and_interrupt(pool, work, open_again, config, groups, remaining):
        remaining_groups.append(remaining)
        submit(pool, threading.Event().wait, 0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr(key_lookup.ThreadPoolExecutor, "submit", submit_and_interrupt)
    with mixed_index.database.read(OPERATOR) as unit:
        config = mixed_index.config_id(unit)
        keys = keys_of_all_children(unit, config)
        with pytest.raises(KeyboardInterrupt):
            find_records_by_key(unit, config, keys, partial(mixed_index.database.read, OPERATOR))
    assert [len(remaining) for remaining in remaining_groups] == [0]
