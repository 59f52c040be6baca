"""Test background compaction of segments that loads leave behind."""

import multiprocessing
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from mpi.domain.errors import StoreError
from mpi.domain.tuning import DEFAULT_TUNING
from mpi.service.indexing import background_compaction
from mpi.service.processes import pacing
from mpi.storage.key_index.key_segments import KeySegments
from tests.index import OPERATOR, load_rows, make_tuning, with_tuning
from tests.loads import check_index, children, count_uncompacted_records, interrupted_load


@pytest.fixture
def leftover_index(segmented_index):
    """An index in which a finished load has left segments."""
    limits = {"forced_records": 100_000, "worthwhile_records": 100_000}
    segmented_index = with_tuning(segmented_index, compaction=limits)
    load_rows(segmented_index, "sis", *children())
    assert count_uncompacted_records(segmented_index) > 0
    return segmented_index


def test_compaction_is_due_once_no_other_process_compacts(leftover_index):
    monitor = background_compaction.CompactionMonitor()
    assert not monitor.is_compaction_due(leftover_index, OPERATOR), (
        "a second check is needed to see whether another process compacts"
    )
    assert monitor.is_compaction_due(leftover_index, OPERATOR)
    with leftover_index.database.write(OPERATOR, "merge") as unit:
        unit.keys.segments.compact(1_000)
    assert not monitor.is_compaction_due(leftover_index, OPERATOR)
    assert monitor.is_compaction_due(leftover_index, OPERATOR)
    background_compaction.compact_leftover_segments(leftover_index.database, OPERATOR)
    assert count_uncompacted_records(leftover_index) == 0
    assert not monitor.is_compaction_due(leftover_index, OPERATOR)
    assert not monitor.is_compaction_due(leftover_index, OPERATOR)
    check_index(leftover_index)


def test_segments_of_an_interrupted_load_are_due_once_it_is_inactive(segmented_index, monkeypatch):
    with interrupted_load(monkeypatch, 2):
        load_rows(segmented_index, "sis", *children())
    now = [100.0]
    monkeypatch.setattr(background_compaction.time, "monotonic", lambda: now[0])
    monitor = background_compaction.CompactionMonitor()
    assert not monitor.is_compaction_due(segmented_index, OPERATOR)
    now[0] += background_compaction.ABANDONED_AFTER_S / 2
    with segmented_index.database.write(OPERATOR, "a load") as unit:
        config = segmented_index.config_id(unit)
        own = unit.keys.forward.packed_keys(config, [1])
        unit.keys.delete(config, [1])
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
    assert not monitor.is_compaction_due(segmented_index, OPERATOR)
    now[0] += background_compaction.ABANDONED_AFTER_S / 2
    assert not monitor.is_compaction_due(segmented_index, OPERATOR), (
        "a segment was written half that time ago"
    )
    now[0] += background_compaction.ABANDONED_AFTER_S / 2
    assert monitor.is_compaction_due(segmented_index, OPERATOR)


def test_second_concurrent_compaction_leaves_the_work_to_the_first(leftover_index, monkeypatch):
    compact, sizes = KeySegments.compact, {}

    def compact_few(self, most):
        name = threading.current_thread().name
        sizes[name] = sizes.get(name, 0) + 1
        return compact(self, min(most, 40))

    monkeypatch.setattr(KeySegments, "compact", compact_few)
    threads = [
        threading.Thread(
            target=background_compaction.compact_leftover_segments,
            args=(leftover_index.database, OPERATOR),
            name=name,
        )
        for name in ("first", "second")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count_uncompacted_records(leftover_index) == 0
    assert min(sizes.values()) < max(sizes.values()) / 4
    check_index(leftover_index)


def test_compaction_rests_long_only_while_others_write(leftover_index, monkeypatch):
    rests = []
    tuning = make_tuning(compaction={"background_rows": 40, "background_rest_factor": 1_000_000.0})

    def record_rest(seconds):
        rests.append(seconds)
        if len(rests) == 3:
            load_rows(
                leftover_index,
                "sis",
                {"local_id": "another", "first_name": "Zo", "last_name": "Quist"},
            )

    clock = SimpleNamespace(perf_counter=time.perf_counter, monotonic=time.monotonic, sleep=record_rest)
    monkeypatch.setattr(pacing, "time", clock)
    background_compaction.compact_leftover_segments(leftover_index.database, OPERATOR, tuning)
    assert len(rests) > 6
    assert max(rests[:3]) <= DEFAULT_TUNING.pacing.transaction_s
    assert min(rests[4:]) > 100 * DEFAULT_TUNING.pacing.transaction_s


def test_child_process_compacts_segments_of_a_load(leftover_index):
    background_compaction.compact_in_child_process(leftover_index.database, OPERATOR)
    assert count_uncompacted_records(leftover_index) == 0
    check_index(leftover_index)


def test_killed_compaction_raises_an_error_and_leaves_a_sound_index(leftover_index):
    with ThreadPoolExecutor() as pool:
        compaction_run = pool.submit(
            background_compaction.compact_in_child_process, leftover_index.database, OPERATOR
        )
        deadline = time.monotonic() + 60
        while not read_compaction_cursors(leftover_index):
            assert time.monotonic() < deadline
            assert not compaction_run.done()
        [child] = multiprocessing.active_children()
        child.kill()
        with pytest.raises(StoreError, match="was ended: another goes on where it stopped"):
            compaction_run.result()
    assert read_compaction_cursors(leftover_index)
    assert count_uncompacted_records(leftover_index) > 0
    check_index(leftover_index)
    background_compaction.compact_leftover_segments(leftover_index.database, OPERATOR)
    assert count_uncompacted_records(leftover_index) == 0
    check_index(leftover_index)


def read_compaction_cursors(index):
    with index.database.read(OPERATOR) as unit:
        return unit.keys.segments.compaction_cursors()


def test_failure_to_open_the_database_is_reported():
    missing_database = SimpleNamespace(url="sqlite:////nowhere/mpi.db")
    with pytest.raises(StoreError, match="cannot be opened"):
        background_compaction.compact_in_child_process(missing_database, OPERATOR)
