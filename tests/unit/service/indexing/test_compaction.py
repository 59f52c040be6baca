"""Test that keys of a load go into segments that this or the next load compacts."""

import pytest

from mpi.domain.errors import StoreError
from mpi.domain.tuning import DEFAULT_TUNING
from mpi.service.indexing import compaction
from mpi.service.indexing.reindex import ignore_progress
from mpi.service.loads import chunk_writer, pair_prefetch
from mpi.service.maintenance.rebuild import rebuild
from mpi.storage.key_index.key_segments import KeySegments
from tests.index import OPERATOR, load_rows, many_children, with_tuning
from tests.loads import check_index, children, count_uncompacted_records, interrupted_load


def segment_marks(index) -> list[int]:
    """Return the marks of all segments."""
    with index.database.read(OPERATOR) as unit:
        return [segment.mark for segment in unit.keys.segments.segments_of(index.config_id(unit))]


def test_segments_of_an_interrupted_load_are_compacted_by_the_next_load(segmented_index, monkeypatch):
    with interrupted_load(monkeypatch, 2):
        load_rows(segmented_index, "sis", *children(), digest="file")
    assert count_uncompacted_records(segmented_index) > 0
    check_index(segmented_index)
    leftover_marks = segment_marks(segmented_index)
    raised_index = with_tuning(
        segmented_index, compaction={"forced_records": count_uncompacted_records(segmented_index) + 1}
    )
    load_rows(raised_index, "sis", *children(), digest="file")
    assert not set(leftover_marks) & set(segment_marks(segmented_index))
    check_index(segmented_index)


def test_load_leaves_at_most_the_allowed_uncompacted_records(segmented_index):
    limits = {"worthwhile_records": 10_000, "forced_records": 1_200}
    segmented_index = with_tuning(segmented_index, compaction=limits)
    uncompacted = []
    for number in range(4):
        load_rows(segmented_index, "sis", *many_children(500, 1_000 * number))
        uncompacted.append(count_uncompacted_records(segmented_index))
    # The third load would exceed the limit, so it compacts.
    assert uncompacted == [500, 1_000, 0, 500]
    check_index(segmented_index)


@pytest.mark.slow
def test_compaction_runs_while_pairs_are_awaited_and_resumes_at_its_cursor(segmented_index, monkeypatch):
    segmented_index = with_tuning(
        segmented_index,
        compaction={"forced_records": 100_000, "transaction_rows": 100},
        load={"worker_statements": 100, "largest_window_statements": 600},
    )
    running_answers, positions = iter([True, True, False, True, False] + [False] * 20), []
    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "is_running", lambda _: next(running_answers))
    compact = KeySegments.compact

    def record_position(self, most):
        result = compact(self, most)
        positions.append(self._read_cursor(self._all_segments()[-1].config_id).position)
        return result

    monkeypatch.setattr(KeySegments, "compact", record_position)
    load_rows(segmented_index, "sis", *children(), *many_children(1_300, 5_000))
    assert len(positions) == 3
    assert positions == sorted(set(positions))
    check_index(segmented_index)


def test_large_index_compacts_during_a_load_only_above_a_share_of_all_records(segmented_index):
    limits = {"forced_records": 100_000, "worthwhile_records": 10_000}
    load_rows(with_tuning(segmented_index, compaction=limits), "sis", *many_children(500, 1_000))
    for share, uncompacted in ((1, 500), (2, 0)):
        limits = {"forced_records": 100_000, "worthwhile_records": 1, "worthwhile_share": share}
        tuned_index = with_tuning(segmented_index, compaction=limits)
        load_compaction = compaction.LoadCompaction(tuned_index, OPERATOR, 1_000, ignore_progress)
        with tuned_index.database.write(OPERATOR, "load") as unit:
            assert load_compaction.should_write_segment(unit)
        load_compaction.compact_while(lambda: True)
        assert count_uncompacted_records(tuned_index) == uncompacted
    check_index(segmented_index)


@pytest.mark.slow
def test_started_compaction_is_finished_even_if_little_remains(segmented_index, monkeypatch):
    segmented_index = with_tuning(
        segmented_index,
        compaction={"worthwhile_records": 10_000, "forced_records": 100_000},
        load={"worker_statements": 100, "largest_window_statements": 600},
    )
    monkeypatch.setattr(pair_prefetch.PairPrefetcher, "is_running", lambda _: True)
    load_rows(segmented_index, "sis", *many_children(500, 1_000))
    leftover_marks = segment_marks(segmented_index)
    with segmented_index.database.write(OPERATOR, "load") as unit:
        assert unit.keys.segments.compact(100)
    load_rows(segmented_index, "sis", *children(), *many_children(1_300, 5_000))
    assert not set(leftover_marks) & set(segment_marks(segmented_index))
    check_index(segmented_index)


def test_small_file_writes_its_keys_without_a_segment(segmented_index):
    uncompacted = count_uncompacted_records(segmented_index)
    for index_records, file, written in (
        (1, many_children(30), 0),
        (10_000, many_children(40, 100), 0),
        (141, many_children(40, 150), 0),
        (180, many_children(40, 200), 40),
    ):
        limits = {
            "file_statements": 31,
            "index_records": index_records,
            "worthwhile_records": 10_000,
        }
        load_rows(with_tuning(segmented_index, compaction=limits), "sis", *file)
        assert count_uncompacted_records(segmented_index) == uncompacted + written


@pytest.mark.parametrize("fault", [KeyboardInterrupt, StoreError])
def test_load_completes_even_if_its_last_compaction_is_interrupted(segmented_index, monkeypatch, fault):
    def stop(*_):
        raise fault

    # Compact only at the end of the file.
    limits = {"worthwhile_records": 10_000, "forced_records": 1_000}
    segmented_index = with_tuning(segmented_index, compaction=limits)
    monkeypatch.setattr(KeySegments, "compact", stop)
    assert load_rows(segmented_index, "sis", *children()).status == chunk_writer.LOADED
    assert segmented_index.database.is_commit_begun, "an interrupt would report the load as not done"
    assert count_uncompacted_records(segmented_index) > 0
    monkeypatch.undo()
    rebuild(segmented_index, OPERATOR)
    assert count_uncompacted_records(segmented_index) == 0
    check_index(segmented_index)


def test_compaction_steps_are_small_once_others_write(segmented_index, monkeypatch):
    sizes = []
    compact = KeySegments.compact

    def record_size(self, most):
        sizes.append(most)
        return compact(self, most)

    # Compact only at the end of a file.
    limits = {"worthwhile_records": 10_000, "forced_records": 1_000}
    segmented_index = with_tuning(segmented_index, compaction=limits)
    monkeypatch.setattr(KeySegments, "compact", record_size)
    load_rows(segmented_index, "sis", *children())
    assert set(sizes) == {DEFAULT_TUNING.compaction.transaction_rows}
    sizes.clear()
    finish = chunk_writer.ChunkWriter._finish_load

    def finish_with_other_writer(self, unit, remaining):
        finish(self, unit, remaining)
        # Imitate a commit of another process once the load is complete.
        self._compaction.last_commit -= 1

    monkeypatch.setattr(chunk_writer.ChunkWriter, "_finish_load", finish_with_other_writer)
    load_rows(segmented_index, "ccwis", *children("43009"))
    assert sizes[0] == DEFAULT_TUNING.compaction.contended_rows
    check_index(segmented_index)
