"""Key segments are searched, deleted and compacted correctly, on either store."""

from collections import Counter
from functools import partial
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mpi.domain.errors import MpiError
from mpi.service.indexing import key_lookup
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.recluster import derived_sync
from mpi.service.recluster.key_verification import are_keys_consistent
from mpi.service.records.upsert import upsert
from mpi.storage.key_index import blocking_keys
from mpi.storage.key_index.key_segments import KeySegments
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from tests.index import (
    OPERATOR,
    all_keys,
    expunge,
    load_rows,
    make_child,
    make_tuning,
    many_children,
    open_test_index,
    pack_keys,
)

LEAST, GREATEST = -(2**63), 2**63 - 1
SHARED = 5
GROUPS = (1, 2)


MAX_JOINED_KEYS = 6
"""Limit of joined segments, with which only some transactions share one."""


@pytest.fixture
def index(tmp_path, database_url):
    tuning = make_tuning(
        storage={"joined_keys": MAX_JOINED_KEYS, "second_reader_keys": 1, "lookup_chunk_keys": 30}
    )
    with open_test_index(
        tmp_path / "home", "sis", "ccwis", database_url=database_url, tuning=tuning
    ) as index:
        yield index


def group_of(record):
    return GROUPS[record % 2]


def write_keys(unit, config, records, commit_no=1, *, as_segment=False):
    """Write a key that all records share, one that two share, and the greatest key."""
    own = {n: pack_keys(group_of(n), LEAST + n // 2, SHARED, GREATEST) for n in records}
    unit.keys.write(config, own, commit_no, as_segment=as_segment)


def write_segments(unit):
    """Store records in the base table and in segments of three transactions."""
    write_keys(unit, 1, (1, 2))
    for commit_no, records in ((4, (3, 6)), (7, (4, 8)), (9, (5,))):
        write_keys(unit, 1, records, commit_no, as_segment=True)


def count_segment_rows(unit, config=1):
    """Return how many rows the segments still hold."""
    return sum(rows.shape[1] for rows in unit.keys.segments.iterate_rows(config))


def stored_records(unit):
    """Return the records of each segment, as they are stored."""
    rows = unit.connection.execute(text("SELECT record_ids, lost_ids FROM key_run ORDER BY number")).all()
    return [{int(n) for column in row for n in np.frombuffer(column, STORED_DTYPE)} for row in rows]


def compact_all(unit, max_rows=1_000):
    while unit.keys.segments.compact(max_rows):
        pass


def keys_of(*records):
    return sorted((key, n) for n in records for key in (LEAST + n // 2, SHARED, GREATEST))


def test_keys_in_segments_are_found_by_every_search(unit):
    write_segments(unit)
    write_keys(unit, 2, range(20, 24), 4, as_segment=True)
    assert count_segment_rows(unit) == 15
    assert all_keys(unit, 1) == keys_of(1, 2, 3, 4, 5, 6, 8)
    expected_pairs = [(LEAST + 1, 2), (LEAST + 1, 3), *((SHARED, n) for n in (1, 2, 3, 4, 5, 6, 8))]
    few_keys, many_keys = [LEAST + 1, 0, SHARED], [LEAST + 1, *range(30)]
    for keys in (few_keys, many_keys):
        assert sorted(unit.keys.find_records(1, GROUPS, keys)) == expected_pairs
        parts = unit.keys.find_records_in_parts(1, GROUPS, keys)
        assert sorted(tuple(row) for part in parts for row in part.T.tolist()) == expected_pairs
        assert [part.shape[1] for part in unit.keys.find_records_in_parts(1, [9], keys) if part.size] == []
    assert sorted(unit.keys.find_records(1, [group_of(1)], [SHARED])) == [(SHARED, n) for n in (1, 3, 5)]
    assert len(unit.keys.find_records(1, GROUPS, [SHARED], limit_per_key=3)) > 3
    assert unit.keys.find_records(1, GROUPS, []) == []
    assert unit.keys.large_keys(1, 2) == [(SHARED, 7), (GREATEST, 7)]
    assert unit.keys.large_keys(3, 0) == []


@pytest.mark.parametrize("merged", [0, 1, 2, 3])
def test_a_large_key_is_counted_across_base_table_and_segments(unit, merged):
    for n in range(1, 9):
        unit.keys.write(1, {n: pack_keys(1, *range(n))}, n, as_segment=n > merged)
    sizes = {key: 8 - key for key in range(8)}
    for limit in range(9):
        assert dict(unit.keys.large_keys(1, limit)) == {
            key: size for key, size in sizes.items() if size > limit
        }


def base_rows(unit, config=1):
    """Return key and record of every row of the base table, removed keys included."""
    statement = text("SELECT key, record_id FROM blocking_key WHERE config_id = :config")
    return sorted(tuple(row) for row in unit.connection.execute(statement, {"config": config}))


def move_records(unit, *records, as_segment=True, commit_no=12):
    """Rewrite records with another key instead of the shared and the least one."""
    new_keys = {n: pack_keys(group_of(n), 7, GREATEST) for n in records}
    unit.keys.write(1, new_keys, commit_no, as_segment=as_segment, rewritten=new_keys)


def test_a_removed_key_is_not_found_before_it_is_compacted(unit):
    write_segments(unit)
    rows_before = base_rows(unit)
    move_records(unit, 1, 3)
    assert base_rows(unit) == rows_before
    expected = sorted([*keys_of(2, 4, 5, 6, 8), (7, 1), (7, 3), (GREATEST, 1), (GREATEST, 3)])
    assert all_keys(unit, 1) == expected
    keys, expected_pairs = [LEAST, SHARED, 7], [*((SHARED, n) for n in (2, 4, 5, 6, 8)), (7, 1), (7, 3)]
    assert sorted(unit.keys.find_records(1, GROUPS, keys)) == expected_pairs
    parts = unit.keys.find_records_in_parts(1, GROUPS, keys)
    assert sorted(tuple(row) for part in parts for row in part.T.tolist()) == expected_pairs
    assert unit.keys.large_keys(1, 2) == [(GREATEST, 7), (SHARED, 5)]
    compact_all(unit)
    assert base_rows(unit) == all_keys(unit, 1) == expected


def test_a_search_reports_an_oversized_block_even_with_removed_keys(unit):
    write_segments(unit)
    compact_all(unit)
    move_records(unit, 2, 4, 6)
    # The first matches in the table are the removed keys; four records are left.
    for limit in (2, 3):
        assert len(unit.keys.find_records(1, GROUPS, [SHARED], limit_per_key=limit)) > limit
    for limit in (4, 5, 7):
        assert len(unit.keys.find_records(1, GROUPS, [SHARED], limit_per_key=limit)) == 4


def test_a_key_removed_twice_is_gone_after_compaction(unit):
    group = group_of(1)
    unit.keys.write(1, {1: pack_keys(group, 10, 20)}, 1)
    # The key is in the base table, then also in a segment, then in a second one, and then gone.
    for commit_no, keys in ((2, (10, 30)), (3, (10, 40)), (4, (50,))):
        unit.keys.write(1, {1: pack_keys(group, *keys)}, commit_no, as_segment=True, rewritten=[1])
    assert all_keys(unit, 1) == [(50, 1)]
    compact_all(unit)
    assert base_rows(unit) == all_keys(unit, 1) == [(50, 1)]


def test_a_key_removed_and_written_again_is_found_once(unit):
    write_keys(unit, 1, (1, 2))
    move_records(unit, 1, 2, commit_no=3)
    restored_keys = {1: pack_keys(group_of(1), LEAST, SHARED, GREATEST)}
    unit.keys.write(1, restored_keys, 4, rewritten=restored_keys)
    expected = sorted([*keys_of(1), (7, 2), (GREATEST, 2)])
    assert all_keys(unit, 1) == expected
    assert unit.keys.find_records(1, GROUPS, [SHARED]) == [(SHARED, 1)]
    compact_all(unit)
    assert base_rows(unit) == all_keys(unit, 1) == expected


def test_a_key_removed_and_written_again_is_found_once_after_repair(unit):
    write_keys(unit, 1, (1, 2))
    move_records(unit, 1, commit_no=3)
    restored_keys = {1: pack_keys(group_of(1), LEAST, SHARED, GREATEST)}
    unit.keys.write(1, restored_keys, 4, as_segment=True, rewritten=restored_keys)
    unit.keys.repair(1, [(group_of(1), SHARED, 1)])
    assert all_keys(unit, 1) == keys_of(1, 2)
    assert sorted(unit.keys.find_records(1, GROUPS, [SHARED])) == [(SHARED, 1), (SHARED, 2)]
    compact_all(unit)
    assert base_rows(unit) == all_keys(unit, 1) == keys_of(1, 2)


def test_two_connections_find_each_row_once(index):
    load_rows(index, "ccwis", *many_children(60))
    with index.database.write(OPERATOR, "test") as unit:
        config = index.config_id(unit)
        own = unit.keys.forward.packed_keys(config, range(1, 61))
        keys = sorted({key for each in unit.keys.forward.keys_of(config, own).values() for key in each})
        remaining_keys = {
            n: packed_keys._replace(keys=packed_keys.keys[STORED_DTYPE.itemsize :])
            for n, packed_keys in own.items()
            if n % 3
        }
        unit.keys.write(config, remaining_keys, unit.commit_no, as_segment=True, rewritten=remaining_keys)
        expected = all_keys(unit, config)
    with index.database.read(OPERATOR) as unit:
        for open_second_read in (None, partial(index.database.read, OPERATOR)):
            parts = key_lookup.find_records_by_key(unit, config, keys, open_second_read)
            assert sorted(tuple(row) for part in parts for row in part.T.tolist()) == expected


def test_erasing_a_record_destroys_its_removed_keys(unit):
    write_keys(unit, 1, (1, 3))
    move_records(unit, 1, 3)
    unit.keys.segments.erase([1])
    unit.keys.delete(1, [1])
    assert stored_records(unit) == [{3}]
    assert 1 not in {record for _, record in base_rows(unit)}
    assert all_keys(unit, 1) == [(7, 3), (GREATEST, 3)]


def test_segments_of_small_transactions_are_joined(unit):
    for n in range(1, 21, 2):
        write_keys(unit, 1, (n,), n, as_segment=True)
        # Deletes from the last segment, to which the next record is appended.
        unit.keys.delete(1, [n] if n % 3 == 0 else [])
    segments = unit.keys.segments.segments_of(1)
    assert max(run.row_count for run in segments) == MAX_JOINED_KEYS
    assert len(segments) < 10
    assert [run.number for run in segments] == sorted({run.number for run in segments})
    assert all_keys(unit, 1) == keys_of(1, 5, 7, 11, 13, 17, 19)
    # Nothing is appended to a segment that a compaction has taken rows from.
    unit.keys.segments.compact(1)
    compacting_segments = unit.keys.segments.segments_of(1)
    write_keys(unit, 1, (21,), 21, as_segment=True)
    assert unit.keys.segments.segments_of(1)[:-1] == compacting_segments
    assert all_keys(unit, 1) == keys_of(1, 5, 7, 11, 13, 17, 19, 21)


def test_a_segment_of_a_rolled_back_transaction_is_not_confused_with_a_later_one(index):
    with pytest.raises(MpiError), index.database.write(OPERATOR, "test") as unit:
        write_keys(unit, 1, (3,), 4, as_segment=True)
        assert all_keys(unit, 1) == keys_of(3)
        raise MpiError
    with index.database.write(OPERATOR, "test") as unit:
        write_keys(unit, 1, (4,), 4, as_segment=True)
    with index.database.read(OPERATOR) as unit:
        assert all_keys(unit, 1) == keys_of(4)


@pytest.mark.parametrize(
    "drop",
    [
        lambda unit: unit.keys.delete(1, [2, 3, 5]),
        lambda unit: [unit.keys.delete_range(1, n, n) for n in (2, 3, 5)],
        lambda unit: unit.derived_data.delete_features_and_keys(1, [3, 2, 5]),
    ],
)
def test_deleted_records_are_deleted_from_segments(unit, drop):
    write_segments(unit)
    write_keys(unit, 2, (3,), 4, as_segment=True)
    drop(unit)
    assert all_keys(unit, 1) == keys_of(1, 4, 6, 8)
    assert all_keys(unit, 2) == keys_of(3)
    unit.derived_data.delete_all(1)
    assert all_keys(unit, 1) == []
    assert all_keys(unit, 2) == keys_of(3)
    unit.derived_data.delete_all()
    assert all_keys(unit, 2) == []


def test_compaction_moves_a_limited_number_of_rows_and_keeps_search_results(unit):
    write_segments(unit)
    write_keys(unit, 2, (30, 31), 8, as_segment=True)
    expected, rows_left = all_keys(unit, 1), count_segment_rows(unit, 1) + count_segment_rows(unit, 2)
    while unit.keys.segments.compact(4):
        rows_now = count_segment_rows(unit, 1) + count_segment_rows(unit, 2)
        assert rows_left - 4 <= rows_now <= rows_left
        rows_left = rows_now
        assert all_keys(unit, 1) == expected
        assert all_keys(unit, 2) == keys_of(30, 31)
        assert len(unit.keys.find_records(1, GROUPS, [SHARED])) == 7
    assert rows_left == 0
    assert unit.keys.segments.segments_of(1) == unit.keys.segments.segments_of(2) == []
    assert unit.keys.segments.uncompacted(1) == (0, False)
    assert unit.keys.segments.newest_mark() is None


def test_a_segment_written_during_compaction_waits_for_the_next_one(unit):
    write_segments(unit)
    assert unit.keys.segments.uncompacted(1) == (5, False)
    assert 0 < unit.keys.segments.compact(6) <= 6
    assert unit.keys.segments.uncompacted(1) == (5, True)
    unit.keys.write(1, {10: pack_keys(GROUPS[0], LEAST)}, 11, as_segment=True)
    expected = all_keys(unit, 1)
    while unit.keys.segments.uncompacted(1).is_compacting:
        assert unit.keys.segments.compact(6)
        assert all_keys(unit, 1) == expected
    assert unit.keys.segments.uncompacted(1) == (1, False)
    compact_all(unit)
    assert (all_keys(unit, 1), unit.keys.segments.segments_of(1)) == (expected, [])


def test_a_deletion_in_compacted_segments_does_not_affect_later_segments(unit):
    write_segments(unit)
    unit.keys.delete(1, [3, 5])
    compact_all(unit)
    write_keys(unit, 1, (3, 5), 12, as_segment=True)
    assert all_keys(unit, 1) == keys_of(1, 2, 3, 4, 5, 6, 8)


def test_a_repaired_record_is_in_no_segment(unit):
    write_segments(unit)
    expected = all_keys(unit, 1)
    unit.keys.repair(1, [(group_of(5), SHARED, 5), (group_of(5), 77, 5)])
    assert all_keys(unit, 1) == expected
    assert count_segment_rows(unit) == 12


@pytest.mark.parametrize("merged", [0, 6])
def test_an_erased_record_is_in_no_stored_segment(unit, merged):
    write_segments(unit)
    write_keys(unit, 2, (3,), 8, as_segment=True)
    if merged:
        unit.keys.segments.compact(merged)
    # The segments that this process has read before must not be searched afterwards.
    assert all_keys(unit, 1) == keys_of(1, 2, 3, 4, 5, 6, 8)
    for config in (1, 2):
        unit.keys.delete(config, [3, 4, 8])
    marks_before = {run.mark for run in unit.keys.segments.segments_of(1)}
    unit.keys.segments.erase([3, 4, 8, 99])
    assert not {3, 4, 8} & set().union(*stored_records(unit))
    segments = [*unit.keys.segments.segments_of(1), *unit.keys.segments.segments_of(2)]
    assert [run.record_count for run in sorted(segments)] == [
        len(records) for records in stored_records(unit)
    ]
    assert len(marks_before & {run.mark for run in segments}) == len(marks_before) - 2, (
        "others are as they were"
    )
    assert all_keys(unit, 1) == keys_of(1, 2, 5, 6)
    assert sorted(unit.keys.find_records(1, GROUPS, [SHARED])) == [(SHARED, n) for n in (1, 2, 5, 6)]
    compact_all(unit)
    assert (all_keys(unit, 1), all_keys(unit, 2)) == (keys_of(1, 2, 5, 6), [])


def test_compacted_segments_leave_the_cache_even_if_numbers_are_reused(unit):
    write_segments(unit)
    unit.keys.find_records(1, GROUPS, [SHARED])
    segments = unit.keys.segments.segments_of(1)
    assert {run.mark for run in segments} <= unit.keys.segments._cache.keys()
    compact_all(unit)
    unit.keys.delete(1, [3, 5])
    write_keys(unit, 1, (3, 5), 12, as_segment=True)
    unit.keys.find_records(1, GROUPS, [SHARED])
    [segment] = unit.keys.segments.segments_of(1)
    assert segment.number < segments[-1].number
    assert unit.keys.segments._cache.keys() == {segment.mark}


def test_the_keys_of_an_expunged_record_are_destroyed_everywhere(index):
    load_rows(index, "ccwis", *many_children(20))
    with index.database.write(OPERATOR, "test") as unit:
        config = index.config_id(unit)
        own = unit.keys.forward.packed_keys(config, range(1, 11))
        unit.keys.delete(config, own)
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
        source = unit.sources.get_by_code("ccwis")
        record = unit.records.find_by_local_ids(source.id, ["c3"])["c3"].id
    assert record in own
    expunge(index, "ccwis", many_children(20)[3])
    with index.database.read(OPERATOR) as unit:
        assert record not in set().union(*stored_records(unit))
        assert record not in {found_record for _, found_record in all_keys(unit, config)}
    assert verify(index, OPERATOR) == []


def test_a_rolled_back_compaction_moves_nothing(index):
    with index.database.write(OPERATOR, "test") as unit:
        write_segments(unit)
        expected = all_keys(unit, 1)
    with index.database.write(OPERATOR, "test") as unit:
        unit.keys.segments.compact(4)
        rows_before = count_segment_rows(unit)
    with pytest.raises(MpiError), index.database.write(OPERATOR, "test") as unit:
        compact_all(unit)
        raise MpiError
    with index.database.read(OPERATOR) as unit:
        assert (all_keys(unit, 1), count_segment_rows(unit)) == (expected, rows_before)


def test_a_snapshot_has_each_key_once_during_compaction_and_writes(index):
    with index.database.write(OPERATOR, "test") as unit:
        write_segments(unit)
        expected = all_keys(unit, 1)
    with index.database.read(OPERATOR) as first_snapshot, index.database.read(OPERATOR) as second_snapshot:
        assert all_keys(first_snapshot, 1) == all_keys(second_snapshot, 1) == expected
        with index.database.write(OPERATOR, "test") as unit:
            unit.keys.segments.compact(1_000)
            write_keys(unit, 1, (9,), 11, as_segment=True)
            unit.keys.delete(1, [3])
            assert all_keys(unit, 1) == keys_of(1, 2, 4, 5, 6, 8, 9)
        with index.database.write(OPERATOR, "test") as unit:
            compact_all(unit)
            assert all_keys(unit, 1) == keys_of(1, 2, 4, 5, 6, 8, 9)
        for snapshot in (first_snapshot, second_snapshot):
            # The cached segments are of a later moment by now.
            assert all_keys(snapshot, 1) == expected
    with index.database.read(OPERATOR) as after:
        assert (after.keys.segments.segments_of(1), all_keys(after, 1)) == ([], keys_of(1, 2, 4, 5, 6, 8, 9))


def test_segments_are_read_once_and_cached_while_they_exist(index):
    with index.database.write(OPERATOR, "test") as unit:
        write_segments(unit)
        segments = unit.keys.segments.segments_of(1)
    with patch.object(
        KeySegments, "_read_content", autospec=True, side_effect=KeySegments._read_content
    ) as read_content:
        for _ in range(2):
            with index.database.read(OPERATOR) as unit:
                assert len(unit.keys.find_records(1, GROUPS, [SHARED])) == 7
                cache = unit.connection.immutable_cache["key_run"]
        assert read_content.call_count == len(segments) == len(cache)
    with index.database.write(OPERATOR, "test") as unit:
        compact_all(unit)
    with index.database.read(OPERATOR) as unit:
        assert len(unit.keys.find_records(1, GROUPS, [SHARED])) == 7
    assert cache == {}


CONFIGS = (1, 2)
RECORD_SETS = st.sets(st.integers(1, 9), max_size=4)
KEYS_BY_RECORD = st.dictionaries(st.integers(1, 9), st.frozensets(st.integers(0, 4), max_size=3), max_size=4)
"""The keys of each record, as indices into a short list."""
STEPS = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.just("put"), KEYS_BY_RECORD, st.booleans()),
            st.tuples(st.just("drop"), RECORD_SETS, st.none()),
            st.tuples(st.just("drop range"), RECORD_SETS, st.none()),
            st.tuples(st.just("expunge"), RECORD_SETS, st.none()),
            st.tuples(st.just("correct"), RECORD_SETS, st.none()),
            st.tuples(st.just("merge"), st.none(), st.integers(1, 12)),
        ),
        st.sampled_from(CONFIGS),
        st.booleans(),
    ),
    max_size=20,
)


def drop(unit, config, records):
    unit.keys.delete(config, records)
    return {config: records}


def drop_range(unit, config, records):
    removed = range(min(records, default=1), max(records, default=0) + 1)
    unit.keys.delete_range(config, removed.start, removed.stop - 1)
    return {config: removed}


def erase(unit, _config, records):
    unit.keys.segments.erase(records)
    for config in CONFIGS:
        unit.keys.delete(config, records)
    assert not records & set().union(*stored_records(unit))
    return dict.fromkeys(CONFIGS, records)


REMOVALS = {"drop": drop, "drop range": drop_range, "expunge": erase}


def make_keys(n, version):
    """Make keys of a version; a version with the last key is in another group."""
    return pack_keys(group_of(n + (4 in version)), *sorted(version))


@given(STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_sequence_of_writes_is_searched_like_the_current_keys(unit, steps):
    unit.derived_data.delete_all()
    keys_by_config = {config: {} for config in CONFIGS}
    commit_no = 1
    for (step, records, option), config, is_another_commit in steps:
        commit_no += is_another_commit
        if step == "put":
            own = {n: make_keys(n, version) for n, version in records.items()}
            rewritten = own.keys() & keys_by_config[config].keys()
            unit.keys.write(config, own, commit_no, as_segment=option, rewritten=rewritten)
            keys_by_config[config] |= records
        elif step == "correct":
            unit.keys.repair(config, [(group, 0, n) for n in records for group in GROUPS])
        elif step == "merge":
            unit.keys.segments.compact(option)
        else:
            for each, removed in REMOVALS[step](unit, config, records).items():
                keys_by_config[each] = {
                    n: version for n, version in keys_by_config[each].items() if n not in removed
                }
        for each in CONFIGS:
            keys = sorted((key, n) for n, version in keys_by_config[each].items() for key in version)
            assert all_keys(unit, each) == keys
            assert sorted(unit.keys.find_records(each, GROUPS, {key for key, _ in keys})) == keys
            sizes = Counter(key for key, _ in keys)
            for limit in (0, 1, 2):
                large_keys = {key: size for key, size in sizes.items() if size > limit}
                assert dict(unit.keys.large_keys(each, limit)) == large_keys
            assert are_keys_consistent(unit, each)
    segments = sorted(run for config in CONFIGS for run in unit.keys.segments.segments_of(config))
    assert [run.record_count for run in segments] == [len(records) for records in stored_records(unit)]


def test_keys_that_a_record_keeps_are_not_rewritten(unit):
    write_keys(unit, 1, (1, 2))
    new_keys = {n: pack_keys(group_of(n), 7, SHARED, GREATEST) for n in (1, 2)}
    with patch.object(
        blocking_keys, "insert_columns", side_effect=blocking_keys.insert_columns
    ) as insert_columns:
        unit.keys.write(1, new_keys, 2, rewritten=new_keys)
    assert insert_columns.call_args.args[2]["key"] == [7, 7]
    assert all_keys(unit, 1) == sorted((key, n) for n in (1, 2) for key in (7, SHARED, GREATEST))


DAMAGE = {
    "forgotten": "DELETE FROM key_merge",
    "lost": "INSERT INTO gone_from_runs SELECT config_id, record_id, 9 FROM record_keys",
    "in both": "INSERT INTO blocking_key SELECT config_id, group_id, 5, 1 FROM record_keys LIMIT 1",
    "another's": "UPDATE key_run SET record_ids = :of_others",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_segments_are_reported_and_rebuilt(index, damage):
    load_rows(index, "ccwis", *many_children(20), make_child("x"))
    with index.database.write(OPERATOR, "test") as unit:
        config = index.config_id(unit)
        own = unit.keys.forward.packed_keys(config, range(1, 11))
        unit.keys.delete(config, own)
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
        assert 0 < unit.keys.segments.compact(6) < count_segment_rows(unit, config)
        expected = all_keys(unit, config)
    assert verify(index, OPERATOR) == []
    with index.database.engine.begin() as connection:
        [record_ids] = connection.execute(text("SELECT record_ids FROM key_run")).scalars()
        connection.execute(text(damage), {"of_others": record_ids[8:] + record_ids[:8]})
    # What this process has cached is sound.
    index.database._sessions._immutable_cache.clear()
    assert [finding.law for finding in verify(index, OPERATOR)] == [5]
    assert rebuild(index, OPERATOR).is_empty
    with index.database.read(OPERATOR) as unit:
        assert all_keys(unit, config) == expected
        assert unit.keys.segments.count_uncompacted_rows() == 0
    assert verify(index, OPERATOR) == []


def test_keys_of_a_record_that_changes_during_a_rebuild_are_rebuilt_too(index):
    children = many_children(20)
    load_rows(index, "ccwis", *children)
    with index.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM blocking_key WHERE record_id = 1"))
    [finding] = verify(index, OPERATOR)
    assert finding.law == 5
    repair_keys = derived_sync.repair_keys

    def change_and_repair(carrier, config_id):
        for child in children:
            upsert(index, OPERATOR, "ccwis", child | {"postal_code": "43999"})
        repair_keys(carrier, config_id)

    with patch.object(derived_sync, "repair_keys", change_and_repair):
        rebuild(index, OPERATOR)
    assert verify(index, OPERATOR) == []
