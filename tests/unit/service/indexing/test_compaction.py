"""The keys of a load go into runs, and are merged by it or by the next."""

import pytest

from mpi.domain.errors import StoreError
from mpi.service.indexing import compaction
from mpi.service.indexing.reindex import ignore_progress
from mpi.service.loads import batch_sizes, chunk_writer, pair_prefetch
from mpi.service.maintenance.rebuild import rebuild
from mpi.storage.key_index.key_segments import KeySegments
from tests.index import OPERATOR, load_rows, many_children
from tests.loads import children, sound, stopped_after, waiting


def runs(index) -> list[int]:
    """The runs that there are, by their marks."""
    with index.database.read(OPERATOR) as unit:
        return [run.mark for run in unit.keys.segments.segments_of(index.config_id(unit))]


def test_keys_that_an_interrupted_load_left_in_runs_are_merged_by_the_next(with_runs, monkeypatch):
    with stopped_after(monkeypatch, 2):
        load_rows(with_runs, "sis", *children(), digest="file")
    assert waiting(with_runs) > 0
    sound(with_runs)
    left = runs(with_runs)
    monkeypatch.setattr(compaction, "MAX_UNMERGED_RECORDS", waiting(with_runs) + 1)
    load_rows(with_runs, "sis", *children(), digest="file")
    assert not set(left) & set(runs(with_runs))
    sound(with_runs)


def test_a_load_leaves_no_more_than_may_wait(with_runs, monkeypatch):
    monkeypatch.setattr(compaction, "MIN_MERGE_RECORDS", 10_000)
    monkeypatch.setattr(compaction, "MAX_UNMERGED_RECORDS", 1_200)
    left = []
    for number in range(4):
        load_rows(with_runs, "sis", *many_children(500, 1_000 * number))
        left.append(waiting(with_runs))
    # What the third would leave besides is merged.
    assert left == [500, 1_000, 0, 500]
    sound(with_runs)


def test_keys_are_merged_as_long_as_pairs_are_waited_for_and_from_where_the_last_merge_ended(
    with_runs, monkeypatch
):
    monkeypatch.setattr(compaction, "MAX_UNMERGED_RECORDS", 100_000)
    monkeypatch.setattr(compaction, "_MAX_ROWS", 100)
    monkeypatch.setattr(pair_prefetch, "WORKER_FROM_STATEMENTS", 100)
    monkeypatch.setattr(batch_sizes, "LARGEST_WINDOW", 600)
    looks, places = iter([True, True, False, True, False] + [False] * 20), []
    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "is_running", lambda _: next(looks))
    merge = KeySegments.compact

    def noted(self, most):
        moved = merge(self, most)
        places.append(self._read_cursor(self._all_segments()[-1].config_id).position)
        return moved

    monkeypatch.setattr(KeySegments, "compact", noted)
    load_rows(with_runs, "sis", *children(), *many_children(1_300, 5_000))
    assert len(places) == 3
    assert places == sorted(set(places))
    sound(with_runs)


def test_in_a_large_index_a_merge_meanwhile_is_worth_it_of_a_share_of_all_only(with_runs, monkeypatch):
    monkeypatch.setattr(compaction, "MAX_UNMERGED_RECORDS", 100_000)
    monkeypatch.setattr(compaction, "MIN_MERGE_RECORDS", 10_000)
    load_rows(with_runs, "sis", *many_children(500, 1_000))
    monkeypatch.setattr(compaction, "MIN_MERGE_RECORDS", 1)
    load = compaction.LoadCompaction(with_runs, OPERATOR, 1_000, ignore_progress)
    with with_runs.database.write(OPERATOR, "load") as unit:
        assert load.should_write_segment(unit)
    monkeypatch.setattr(compaction, "MIN_MERGE_SHARE", 1)
    load.compact_while(lambda: True)
    assert waiting(with_runs) == 500
    monkeypatch.setattr(compaction, "MIN_MERGE_SHARE", 2)
    load.compact_while(lambda: True)
    assert waiting(with_runs) == 0
    sound(with_runs)


def test_a_merge_that_was_begun_is_carried_on_however_little_is_left(with_runs, monkeypatch):
    monkeypatch.setattr(compaction, "MIN_MERGE_RECORDS", 10_000)
    monkeypatch.setattr(compaction, "MAX_UNMERGED_RECORDS", 100_000)
    monkeypatch.setattr(pair_prefetch, "WORKER_FROM_STATEMENTS", 100)
    monkeypatch.setattr(batch_sizes, "LARGEST_WINDOW", 600)
    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "is_running", lambda _: True)
    load_rows(with_runs, "sis", *many_children(500, 1_000))
    left = runs(with_runs)
    with with_runs.database.write(OPERATOR, "load") as unit:
        assert unit.keys.segments.compact(100)
    load_rows(with_runs, "sis", *children(), *many_children(1_300, 5_000))
    assert not set(left) & set(runs(with_runs))
    sound(with_runs)


def test_a_small_file_writes_its_keys_among_all(with_runs, monkeypatch):
    monkeypatch.setattr(compaction, "MIN_STATEMENTS", 31)
    ran = []
    put = KeySegments.write
    monkeypatch.setattr(KeySegments, "write", lambda self, *rest: (ran.append(rest[0]), put(self, *rest)))
    load_rows(with_runs, "sis", *many_children(30))
    assert ran == []
    monkeypatch.setattr(compaction, "MIN_INDEX_RECORDS", 10_000)
    load_rows(with_runs, "sis", *many_children(40, 100))
    assert ran == []
    monkeypatch.setattr(compaction, "MIN_INDEX_RECORDS", 60)
    load_rows(with_runs, "sis", *many_children(40, 200))
    assert len(ran) == 1


@pytest.mark.parametrize("fault", [KeyboardInterrupt, StoreError])
def test_a_load_is_whole_though_its_last_merge_is_stopped(with_runs, monkeypatch, fault):
    def stop(*_):
        raise fault

    monkeypatch.setattr(compaction, "MIN_MERGE_RECORDS", 10_000)
    # At the end of the file alone.
    monkeypatch.setattr(compaction, "MAX_UNMERGED_RECORDS", 1_000)
    monkeypatch.setattr(KeySegments, "compact", stop)
    assert load_rows(with_runs, "sis", *children()).status == chunk_writer.LOADED
    assert with_runs.database.is_commit_begun, "an interrupt would say that it was not loaded"
    assert waiting(with_runs) > 0
    monkeypatch.undo()
    rebuild(with_runs, OPERATOR)
    assert waiting(with_runs) == 0
    sound(with_runs)


def test_keys_are_merged_a_few_at_a_time_once_others_write(with_runs, monkeypatch):
    sizes = []
    merge = KeySegments.compact

    def noted(self, most):
        sizes.append(most)
        return merge(self, most)

    monkeypatch.setattr(compaction, "MIN_MERGE_RECORDS", 10_000)
    # At the end of a file alone.
    monkeypatch.setattr(compaction, "MAX_UNMERGED_RECORDS", 1_000)
    monkeypatch.setattr(KeySegments, "compact", noted)
    load_rows(with_runs, "sis", *children())
    assert set(sizes) == {compaction._MAX_ROWS}
    sizes.clear()
    finish = chunk_writer.ChunkWriter._finish_load

    def and_they_write(self, unit, left):
        finish(self, unit, left)
        # As another process does once the load is whole.
        self._compaction.last_commit -= 1

    monkeypatch.setattr(chunk_writer.ChunkWriter, "_finish_load", and_they_write)
    load_rows(with_runs, "ccwis", *children("43009"))
    assert sizes[0] == compaction._CONTENDED_ROWS
    sound(with_runs)
