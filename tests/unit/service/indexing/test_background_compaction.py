import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from mpi.domain.errors import StoreError
from mpi.service.indexing import background_compaction, compaction
from mpi.service.processes import pacing
from mpi.storage.key_index.key_segments import KeySegments
from tests.index import OPERATOR, load_rows
from tests.loads import children, sound, stopped_after, waiting


@pytest.fixture
def left(with_runs, monkeypatch):
    """An index in which a load that is done has left runs."""
    monkeypatch.setattr(compaction, "MAX_UNMERGED_RECORDS", 100_000)
    monkeypatch.setattr(compaction, "MIN_MERGE_RECORDS", 100_000)
    load_rows(with_runs, "sis", *children())
    assert waiting(with_runs) > 0
    return with_runs


def test_what_a_load_left_that_is_done_is_left_until_somebody_merges_it(left):
    looked = background_compaction.CompactionMonitor()
    assert not looked.is_compaction_due(left, OPERATOR), "whether somebody merges is seen by looking twice"
    assert looked.is_compaction_due(left, OPERATOR)
    with left.database.write(OPERATOR, "merge") as unit:
        unit.keys.segments.compact(1_000)
    assert not looked.is_compaction_due(left, OPERATOR)
    assert looked.is_compaction_due(left, OPERATOR)
    background_compaction.compact_leftover_segments(left.database, OPERATOR)
    assert waiting(left) == 0
    assert not looked.is_compaction_due(left, OPERATOR)
    assert not looked.is_compaction_due(left, OPERATOR)
    sound(left)


def test_what_an_interrupted_load_left_is_left_when_it_is_at_work_no_more(with_runs, monkeypatch):
    with stopped_after(monkeypatch, 2):
        load_rows(with_runs, "sis", *children())
    now = [100.0]
    monkeypatch.setattr(background_compaction.time, "monotonic", lambda: now[0])
    looked = background_compaction.CompactionMonitor()
    assert not looked.is_compaction_due(with_runs, OPERATOR)
    now[0] += background_compaction.ABANDONED_AFTER_S / 2
    with with_runs.database.write(OPERATOR, "a load") as unit:
        config = with_runs.config_id(unit)
        own = unit.keys.packed_keys(config, [1])
        unit.keys.delete(config, [1])
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
    assert not looked.is_compaction_due(with_runs, OPERATOR)
    now[0] += background_compaction.ABANDONED_AFTER_S / 2
    assert not looked.is_compaction_due(with_runs, OPERATOR), "a run was begun half that time ago"
    now[0] += background_compaction.ABANDONED_AFTER_S / 2
    assert looked.is_compaction_due(with_runs, OPERATOR)


def test_of_two_that_merge_one_goes_on_and_the_other_leaves_it_the_rest(left, monkeypatch):
    merge, sizes = KeySegments.compact, {}

    def a_little(self, most):
        name = threading.current_thread().name
        sizes[name] = sizes.get(name, 0) + 1
        return merge(self, min(most, 40))

    monkeypatch.setattr(KeySegments, "compact", a_little)
    both = [
        threading.Thread(target=background_compaction.compact_leftover_segments, args=(left.database, OPERATOR), name=name)
        for name in ("first", "second")
    ]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert waiting(left) == 0
    assert min(sizes.values()) < max(sizes.values()) / 4
    sound(left)


def test_it_rests_long_only_beside_others_who_write(left, monkeypatch):
    merge, rests = KeySegments.compact, []

    def rested(seconds):
        rests.append(seconds)
        if len(rests) == 3:
            load_rows(left, "sis", {"local_id": "another", "first_name": "Zo", "last_name": "Quist"})

    monkeypatch.setattr(KeySegments, "compact", lambda self, most: merge(self, min(most, 40)))
    monkeypatch.setattr(background_compaction, "REST_FACTOR", 1_000_000.0)
    clock = SimpleNamespace(perf_counter=time.perf_counter, monotonic=time.monotonic, sleep=rested)
    monkeypatch.setattr(pacing, "time", clock)
    background_compaction.compact_leftover_segments(left.database, OPERATOR)
    assert len(rests) > 6
    assert max(rests[:3]) <= pacing.TARGET_TRANSACTION_S
    assert min(rests[4:]) > 100 * pacing.TARGET_TRANSACTION_S


def test_a_process_of_its_own_merges_what_a_load_left(left):
    background_compaction.compact_in_child_process(left.database, OPERATOR)
    assert waiting(left) == 0
    sound(left)


def test_a_process_that_is_ended_while_it_merges_is_told_of_and_leaves_a_sound_index(left):
    with ThreadPoolExecutor() as pool:
        merging = pool.submit(background_compaction.compact_in_child_process, left.database, OPERATOR)
        until = time.monotonic() + 60
        while not place_of_the_merge(left):
            assert time.monotonic() < until
            assert not merging.done()
        [begun] = multiprocessing.active_children()
        begun.kill()
        with pytest.raises(StoreError, match="was ended: another goes on where it stopped"):
            merging.result()
    assert place_of_the_merge(left)
    assert waiting(left) > 0
    sound(left)
    background_compaction.compact_leftover_segments(left.database, OPERATOR)
    assert waiting(left) == 0
    sound(left)


def place_of_the_merge(index):
    with index.database.read(OPERATOR) as unit:
        return unit.keys.segments.compaction_cursors()


def test_what_keeps_a_process_from_merging_is_told(left, monkeypatch):
    monkeypatch.setattr(left.database, "url", "sqlite:////nowhere/mpi.db")
    with pytest.raises(StoreError, match="cannot be opened"):
        background_compaction.compact_in_child_process(left.database, OPERATOR)
