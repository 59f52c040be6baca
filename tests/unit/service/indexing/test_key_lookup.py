"""Keys read by two threads: the same is found as by one, whatever is committed meanwhile."""

import threading
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from mpi.domain.errors import StoreError
from mpi.matching.scoring.load_scorer import ScoringResources
from mpi.service.indexing import key_lookup
from mpi.service.indexing.key_lookup import find_records_by_key
from mpi.service.indexing.pairing import PairScorer, score_candidate_pairs
from mpi.service.records.upsert import upsert
from mpi.storage.key_index.key_segments import KeySegments
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from tests.index import OPERATOR, an_index, load_rows, many_children
from tests.loads import in_small_chunks
from tests.unit.service.indexing.test_pairing import as_stored

CHILDREN = 400


@pytest.fixture
def index(tmp_path, monkeypatch):
    """Children whose keys lie among all and in runs; every part is of thirty keys."""
    in_small_chunks(monkeypatch)
    chunked = key_lookup.iter_chunks
    monkeypatch.setattr(key_lookup, "MIN_KEYS_FOR_THREAD", 1)
    monkeypatch.setattr(key_lookup, "iter_chunks", partial(chunked, size=30))
    with an_index(tmp_path / "home", "sis", "ccwis") as opened:
        load_rows(opened, "sis", *many_children(CHILDREN))
        with opened.database.write(OPERATOR, "load") as unit:
            config = opened.config_id(unit)
            own = unit.keys.packed_keys(config, range(1, CHILDREN + 1, 3))
            unit.keys.delete(config, own)
            unit.keys.write(config, own, unit.commit_no, as_segment=True)
            assert unit.keys.segments.count_uncompacted_rows()
        yield opened


def keys_of_all(unit, config):
    own = unit.keys.keys_of(config, range(1, CHILDREN + 1))
    return sorted({key for keys in own.values() for key in keys})


def rows(parts):
    return [tuple(row) for part in parts for row in np.asarray(part).T.tolist()]


@contextmanager
def after(act, index):
    """Another transaction, begun once something was done."""
    act()
    with index.database.read(OPERATOR) as unit:
        yield unit


def merged(index):
    with index.database.write(OPERATOR, "load") as unit:
        assert unit.keys.segments.compact(1_000_000)


def test_two_threads_find_what_one_finds_each_row_once(index):
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        keys = keys_of_all(unit, config)
        alone = rows(find_records_by_key(unit, config, keys))
        together = rows(find_records_by_key(unit, config, keys, partial(index.database.read, OPERATOR)))
    assert sorted(together) == sorted(alone)
    assert len(set(alone)) == len(alone) > CHILDREN


def test_a_key_that_a_record_lost_in_a_run_finds_it_no_more(index):
    with index.database.write(OPERATOR, "load") as unit:
        config = index.config_id(unit)
        keys = keys_of_all(unit, config)
        before = rows(find_records_by_key(unit, config, keys))
        own = unit.keys.packed_keys(config, range(2, CHILDREN + 1, 3))
        width = STORED_DTYPE.itemsize
        lost = {(int(np.frombuffer(one.keys, STORED_DTYPE)[0]), record) for record, one in own.items()}
        fewer = {record: one._replace(keys=one.keys[width:]) for record, one in own.items()}
        unit.keys.write(config, fewer, unit.commit_no, as_segment=True, rewritten=own)
    with index.database.read(OPERATOR) as unit:
        alone = rows(find_records_by_key(unit, config, keys))
        together = rows(find_records_by_key(unit, config, keys, partial(index.database.read, OPERATOR)))
    assert sorted(alone) == sorted(together) == sorted({*before} - lost)
    assert lost <= {*before}


def test_what_is_merged_between_the_two_snapshots_is_found(index):
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        keys = keys_of_all(unit, config)
        alone = rows(find_records_by_key(unit, config, keys))
        together = rows(find_records_by_key(unit, config, keys, partial(after, partial(merged, index), index)))
    assert set(together) == set(alone)


@pytest.fixture
def all_by_the_second(monkeypatch):
    """What lies among all is read by the second thread alone."""
    is_read = threading.Event()
    another, recent = key_lookup._find_in_second_snapshot, KeySegments.find_records

    def by_another(*asked):
        try:
            return another(*asked)
        finally:
            is_read.set()

    def by_the_first(self, *asked):
        if threading.current_thread() is threading.main_thread():
            assert is_read.wait(30)
            is_read.clear()
        return recent(self, *asked)

    monkeypatch.setattr(key_lookup, "_find_in_second_snapshot", by_another)
    return lambda: monkeypatch.setattr(KeySegments, "find_records", by_the_first)


def test_pairs_are_those_of_the_first_snapshot_whatever_is_written_between_the_two(index, all_by_the_second):
    late = many_children(1)[0] | {"local_id": "late"}
    write = partial(upsert, index, OPERATOR, "ccwis", late)
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        mine = {-1: as_stored(unit, config, 1)[0]}
        place = ScoringResources(index.home)
        with PairScorer(index.matcher.model, place) as alone:
            expected = alone.score_pairs(unit, config, mine).to_edges()
        all_by_the_second()
        with PairScorer(index.matcher.model, place, open_snapshot=partial(after, write, index)) as together:
            assert together.score_pairs(unit, config, mine).to_edges() == expected
        later = partial(after, partial(upsert, index, OPERATOR, "ccwis", late | {"local_id": "later"}), index)
        assert score_candidate_pairs(unit, index.matcher, config, mine, place, later).to_edges() == expected
    assert set(expected) == {(-1, 1)}


def test_the_failure_of_either_thread_is_told(index):
    def fail():
        raise StoreError("the disk is full")

    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        keys = keys_of_all(unit, config)
        with pytest.raises(StoreError, match="full"):
            find_records_by_key(unit, config, keys, partial(after, fail, index))


def test_whoever_is_interrupted_while_the_second_thread_begins_leaves_it_nothing_to_read(index, monkeypatch):
    begin, lefts = key_lookup.ThreadPoolExecutor.submit, []

    def interrupted(pool, work, again, config, groups, left):
        lefts.append(left)
        begin(pool, threading.Event().wait, 0.1)
        raise KeyboardInterrupt

    monkeypatch.setattr(key_lookup.ThreadPoolExecutor, "submit", interrupted)
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        keys = keys_of_all(unit, config)
        with pytest.raises(KeyboardInterrupt):
            find_records_by_key(unit, config, keys, partial(index.database.read, OPERATOR))
    assert [len(left) for left in lefts] == [0]
