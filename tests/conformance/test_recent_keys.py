"""Keys in runs are searched, dropped and merged like all others, on either store."""

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
from mpi.storage.key_index import blocking_keys, key_segments
from mpi.storage.key_index.key_segments import KeySegments
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from tests.index import OPERATOR, a_child, all_keys, an_index, load_rows, many_children, own_keys

LEAST, GREATEST = -(2**63), 2**63 - 1
SHARED = 5
GROUPS = (1, 2)


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as index:
        yield index


@pytest.fixture
def unit(index):
    with index.database.write(OPERATOR, "test") as unit:
        yield unit


def group_of(record):
    return GROUPS[record % 2]


def put(unit, config, records, commit_no=1, *, as_segment=False):
    """A key that all share, one that two share, and the greatest."""
    own = {n: own_keys(group_of(n), LEAST + n // 2, SHARED, GREATEST) for n in records}
    unit.keys.write(config, own, commit_no, as_segment=as_segment)


def in_runs(unit):
    """One configuration with records among all and in runs, of three transactions."""
    put(unit, 1, (1, 2))
    for commit_no, records in ((4, (3, 6)), (7, (4, 8)), (9, (5,))):
        put(unit, 1, records, commit_no, as_segment=True)


def are_in_runs(unit, config=1):
    """How many keys runs have still."""
    return sum(rows.shape[1] for rows in unit.keys.segments.iterate_rows(config))


def stored(unit):
    """The records of each run, as they are stored."""
    rows = unit.connection.execute(text("SELECT record_ids, lost_ids FROM key_run ORDER BY number")).all()
    return [{int(n) for column in row for n in np.frombuffer(column, STORED_DTYPE)} for row in rows]


def merge_all(unit, most=1_000):
    while unit.keys.segments.compact(most):
        pass


@pytest.fixture(autouse=True)
def small_runs(monkeypatch):
    """Of two transactions some are put together, and some are not."""
    monkeypatch.setattr(key_segments, "MAX_JOINED_KEYS", 6)


def keys_of(*records):
    return sorted((key, n) for n in records for key in (LEAST + n // 2, SHARED, GREATEST))


def test_they_are_found_by_whatever_searches(unit):
    in_runs(unit)
    put(unit, 2, range(20, 24), 4, as_segment=True)
    assert are_in_runs(unit) == 15
    assert all_keys(unit, 1) == keys_of(1, 2, 3, 4, 5, 6, 8)
    found = [(LEAST + 1, 2), (LEAST + 1, 3), *((SHARED, n) for n in (1, 2, 3, 4, 5, 6, 8))]
    few, many = [LEAST + 1, 0, SHARED], [LEAST + 1, *range(30)]
    for wanted in (few, many):
        assert sorted(unit.keys.find_records(1, GROUPS, wanted)) == found
        parts = unit.keys.find_records_in_parts(1, GROUPS, wanted)
        assert sorted(tuple(row) for part in parts for row in part.T.tolist()) == found
        assert [part.shape[1] for part in unit.keys.find_records_in_parts(1, [9], wanted) if part.size] == []
    assert sorted(unit.keys.find_records(1, [group_of(1)], [SHARED])) == [(SHARED, n) for n in (1, 3, 5)]
    assert len(unit.keys.find_records(1, GROUPS, [SHARED], limit_per_key=3)) > 3
    assert unit.keys.find_records(1, GROUPS, []) == []
    assert unit.keys.large_keys(1, 2) == [(SHARED, 7), (GREATEST, 7)]
    assert unit.keys.large_keys(3, 0) == []


@pytest.mark.parametrize("merged", [0, 1, 2, 3])
def test_a_large_key_is_counted_wherever_its_records_are(unit, merged):
    for n in range(1, 9):
        unit.keys.write(1, {n: own_keys(1, *range(n))}, n, as_segment=n > merged)
    sizes = {key: 8 - key for key in range(8)}
    for over in range(9):
        assert dict(unit.keys.large_keys(1, over)) == {
            key: size for key, size in sizes.items() if size > over
        }


def among_all(unit, config=1):
    """Key and record of every row that is among all, lost or not."""
    statement = text("SELECT key, record_id FROM blocking_key WHERE config_id = :config")
    return sorted(tuple(row) for row in unit.connection.execute(statement, {"config": config}))


def moved_away(unit, *records, as_segment=True, commit_no=12):
    """Records lose the key that all share, and the least, and get another."""
    now = {n: own_keys(group_of(n), 7, GREATEST) for n in records}
    unit.keys.write(1, now, commit_no, as_segment=as_segment, rewritten=now)


def test_a_key_that_a_record_lost_is_not_found_though_it_stays_among_all_until_it_is_merged(unit):
    in_runs(unit)
    there = among_all(unit)
    moved_away(unit, 1, 3)
    assert among_all(unit) == there
    expected = sorted([*keys_of(2, 4, 5, 6, 8), (7, 1), (7, 3), (GREATEST, 1), (GREATEST, 3)])
    assert all_keys(unit, 1) == expected
    wanted, found = [LEAST, SHARED, 7], [*((SHARED, n) for n in (2, 4, 5, 6, 8)), (7, 1), (7, 3)]
    assert sorted(unit.keys.find_records(1, GROUPS, wanted)) == found
    parts = unit.keys.find_records_in_parts(1, GROUPS, wanted)
    assert sorted(tuple(row) for part in parts for row in part.T.tolist()) == found
    assert unit.keys.large_keys(1, 2) == [(GREATEST, 7), (SHARED, 5)]
    merge_all(unit)
    assert among_all(unit) == all_keys(unit, 1) == expected


def test_of_too_many_it_is_seen_that_they_are_though_some_are_lost(unit):
    in_runs(unit)
    merge_all(unit)
    moved_away(unit, 2, 4, 6)
    # Those are the first that are found in the table; four are left.
    for most in (2, 3):
        assert len(unit.keys.find_records(1, GROUPS, [SHARED], limit_per_key=most)) > most
    for most in (4, 5, 7):
        assert len(unit.keys.find_records(1, GROUPS, [SHARED], limit_per_key=most)) == 4


def test_a_key_that_is_lost_twice_is_gone_once_it_is_merged(unit):
    group = group_of(1)
    unit.keys.write(1, {1: own_keys(group, 10, 20)}, 1)
    # Among all, in a run as well, in another as well, and then gone.
    for commit_no, keys in ((2, (10, 30)), (3, (10, 40)), (4, (50,))):
        unit.keys.write(1, {1: own_keys(group, *keys)}, commit_no, as_segment=True, rewritten=[1])
    assert all_keys(unit, 1) == [(50, 1)]
    merge_all(unit)
    assert among_all(unit) == all_keys(unit, 1) == [(50, 1)]


def test_a_key_that_a_record_lost_and_has_again_is_found_once(unit):
    put(unit, 1, (1, 2))
    moved_away(unit, 1, 2, commit_no=3)
    back = {1: own_keys(group_of(1), LEAST, SHARED, GREATEST)}
    unit.keys.write(1, back, 4, rewritten=back)
    expected = sorted([*keys_of(1), (7, 2), (GREATEST, 2)])
    assert all_keys(unit, 1) == expected
    assert unit.keys.find_records(1, GROUPS, [SHARED]) == [(SHARED, 1)]
    merge_all(unit)
    assert among_all(unit) == all_keys(unit, 1) == expected


def test_what_a_record_lost_and_has_again_is_found_once_it_is_corrected(unit):
    put(unit, 1, (1, 2))
    moved_away(unit, 1, commit_no=3)
    back = {1: own_keys(group_of(1), LEAST, SHARED, GREATEST)}
    unit.keys.write(1, back, 4, as_segment=True, rewritten=back)
    unit.keys.repair(1, [(group_of(1), SHARED, 1)])
    assert all_keys(unit, 1) == keys_of(1, 2)
    assert sorted(unit.keys.find_records(1, GROUPS, [SHARED])) == [(SHARED, 1), (SHARED, 2)]
    merge_all(unit)
    assert among_all(unit) == all_keys(unit, 1) == keys_of(1, 2)


def test_two_connections_find_what_one_finds_each_row_once(index, monkeypatch):
    monkeypatch.setattr(key_lookup, "MIN_KEYS_FOR_THREAD", 1)
    monkeypatch.setattr(key_lookup, "iter_chunks", partial(key_lookup.iter_chunks, size=30))
    load_rows(index, "ccwis", *many_children(60))
    with index.database.write(OPERATOR, "test") as unit:
        config = index.config_id(unit)
        own = unit.keys.packed_keys(config, range(1, 61))
        keys = sorted({key for each in unit.keys.keys_of(config, own).values() for key in each})
        fewer = {n: one._replace(keys=one.keys[STORED_DTYPE.itemsize :]) for n, one in own.items() if n % 3}
        unit.keys.write(config, fewer, unit.commit_no, as_segment=True, rewritten=fewer)
        expected = all_keys(unit, config)
    with index.database.read(OPERATOR) as unit:
        for again in (None, partial(index.database.read, OPERATOR)):
            found = key_lookup.find_records_by_key(unit, config, keys, again)
            assert sorted(tuple(row) for part in found for row in part.T.tolist()) == expected


def test_what_a_record_lost_is_destroyed_with_it(unit):
    put(unit, 1, (1, 3))
    moved_away(unit, 1, 3)
    unit.keys.segments.erase([1])
    unit.keys.delete(1, [1])
    assert stored(unit) == [{3}]
    assert 1 not in {record for _, record in among_all(unit)}
    assert all_keys(unit, 1) == [(7, 3), (GREATEST, 3)]


def test_what_small_transactions_put_into_runs_is_put_together(unit):
    for n in range(1, 21, 2):
        put(unit, 1, (n,), n, as_segment=True)
        # In the last run, to which the next is put.
        unit.keys.delete(1, [n] if n % 3 == 0 else [])
    runs = unit.keys.segments.segments_of(1)
    assert max(run.row_count for run in runs) == key_segments.MAX_JOINED_KEYS
    assert len(runs) < 10
    assert [run.number for run in runs] == sorted({run.number for run in runs})
    assert all_keys(unit, 1) == keys_of(1, 5, 7, 11, 13, 17, 19)
    # One that a merge has moved keys of is added to no more.
    unit.keys.segments.compact(1)
    begun = unit.keys.segments.segments_of(1)
    put(unit, 1, (21,), 21, as_segment=True)
    assert unit.keys.segments.segments_of(1)[:-1] == begun
    assert all_keys(unit, 1) == keys_of(1, 5, 7, 11, 13, 17, 19, 21)


def test_a_run_of_a_transaction_that_was_undone_is_not_taken_for_another(index):
    with pytest.raises(MpiError), index.database.write(OPERATOR, "test") as unit:
        put(unit, 1, (3,), 4, as_segment=True)
        assert all_keys(unit, 1) == keys_of(3)
        raise MpiError
    with index.database.write(OPERATOR, "test") as unit:
        put(unit, 1, (4,), 4, as_segment=True)
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
def test_what_is_dropped_is_dropped_from_runs_too(unit, drop):
    in_runs(unit)
    put(unit, 2, (3,), 4, as_segment=True)
    drop(unit)
    assert all_keys(unit, 1) == keys_of(1, 4, 6, 8)
    assert all_keys(unit, 2) == keys_of(3)
    unit.derived_data.delete_all(1)
    assert all_keys(unit, 1) == []
    assert all_keys(unit, 2) == keys_of(3)
    unit.derived_data.delete_all()
    assert all_keys(unit, 2) == []


def test_a_merge_moves_some_at_a_time_and_every_search_finds_the_same(unit):
    in_runs(unit)
    put(unit, 2, (30, 31), 8, as_segment=True)
    expected, left = all_keys(unit, 1), are_in_runs(unit, 1) + are_in_runs(unit, 2)
    while unit.keys.segments.compact(4):
        now = are_in_runs(unit, 1) + are_in_runs(unit, 2)
        assert left - 4 <= now <= left
        left = now
        assert all_keys(unit, 1) == expected
        assert all_keys(unit, 2) == keys_of(30, 31)
        assert len(unit.keys.find_records(1, GROUPS, [SHARED])) == 7
    assert left == 0
    assert unit.keys.segments.segments_of(1) == unit.keys.segments.segments_of(2) == []
    assert unit.keys.segments.uncompacted(1) == (0, False)
    assert unit.keys.segments.newest_mark() is None


def test_what_is_put_into_runs_while_they_are_merged_waits_for_the_next_merge(unit):
    in_runs(unit)
    assert unit.keys.segments.uncompacted(1) == (5, False)
    assert 0 < unit.keys.segments.compact(6) <= 6
    assert unit.keys.segments.uncompacted(1) == (5, True)
    unit.keys.write(1, {10: own_keys(GROUPS[0], LEAST)}, 11, as_segment=True)
    expected = all_keys(unit, 1)
    while unit.keys.segments.uncompacted(1).is_compacting:
        assert unit.keys.segments.compact(6)
        assert all_keys(unit, 1) == expected
    assert unit.keys.segments.uncompacted(1) == (1, False)
    merge_all(unit)
    assert (all_keys(unit, 1), unit.keys.segments.segments_of(1)) == (expected, [])


def test_what_was_gone_from_runs_that_are_merged_is_not_gone_from_later_ones(unit):
    in_runs(unit)
    unit.keys.delete(1, [3, 5])
    merge_all(unit)
    put(unit, 1, (3, 5), 12, as_segment=True)
    assert all_keys(unit, 1) == keys_of(1, 2, 3, 4, 5, 6, 8)


def test_a_record_that_is_corrected_is_in_no_run_any_more(unit):
    in_runs(unit)
    expected = all_keys(unit, 1)
    unit.keys.repair(1, [(group_of(5), SHARED, 5), (group_of(5), 77, 5)])
    assert all_keys(unit, 1) == expected
    assert are_in_runs(unit) == 12


@pytest.mark.parametrize("merged", [0, 6])
def test_what_is_erased_is_in_no_run_as_it_is_stored_either(unit, merged):
    in_runs(unit)
    put(unit, 2, (3,), 8, as_segment=True)
    if merged:
        unit.keys.segments.compact(merged)
    # What the process has read before is not what is searched afterwards.
    assert all_keys(unit, 1) == keys_of(1, 2, 3, 4, 5, 6, 8)
    for config in (1, 2):
        unit.keys.delete(config, [3, 4, 8])
    before = {run.mark for run in unit.keys.segments.segments_of(1)}
    unit.keys.segments.erase([3, 4, 8, 99])
    assert not {3, 4, 8} & set().union(*stored(unit))
    runs = [*unit.keys.segments.segments_of(1), *unit.keys.segments.segments_of(2)]
    assert [run.record_count for run in sorted(runs)] == [len(records) for records in stored(unit)]
    assert len(before & {run.mark for run in runs}) == len(before) - 2, "others are as they were"
    assert all_keys(unit, 1) == keys_of(1, 2, 5, 6)
    assert sorted(unit.keys.find_records(1, GROUPS, [SHARED])) == [(SHARED, n) for n in (1, 2, 5, 6)]
    merge_all(unit)
    assert (all_keys(unit, 1), all_keys(unit, 2)) == (keys_of(1, 2, 5, 6), [])


def test_what_is_merged_is_kept_in_memory_no_longer_though_numbers_of_runs_begin_anew(unit):
    in_runs(unit)
    unit.keys.find_records(1, GROUPS, [SHARED])
    many = unit.keys.segments.segments_of(1)
    assert {run.mark for run in many} <= unit.keys.segments._cache.keys()
    merge_all(unit)
    unit.keys.delete(1, [3, 5])
    put(unit, 1, (3, 5), 12, as_segment=True)
    unit.keys.find_records(1, GROUPS, [SHARED])
    [one] = unit.keys.segments.segments_of(1)
    assert one.number < many[-1].number
    assert unit.keys.segments._cache.keys() == {one.mark}


def test_the_keys_of_an_expunged_record_are_destroyed_wherever_they_are(index):
    load_rows(index, "ccwis", *many_children(20))
    with index.database.write(OPERATOR, "test") as unit:
        config = index.config_id(unit)
        own = unit.keys.packed_keys(config, range(1, 11))
        unit.keys.delete(config, own)
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
        source = unit.sources.get_by_code("ccwis")
        record = unit.records.find_by_local_ids(source.id, ["c3"])["c3"].id
    assert record in own
    upsert(index, OPERATOR, "ccwis", {**many_children(20)[3], "restrictions": [{"kind": "expunged"}]})
    with index.database.read(OPERATOR) as unit:
        assert record not in set().union(*stored(unit))
        assert record not in {found for _, found in all_keys(unit, config)}
    assert verify(index, OPERATOR) == []


def test_a_merge_that_is_not_committed_moves_nothing(index):
    with index.database.write(OPERATOR, "test") as unit:
        in_runs(unit)
        expected = all_keys(unit, 1)
    with index.database.write(OPERATOR, "test") as unit:
        unit.keys.segments.compact(4)
        before = are_in_runs(unit)
    with pytest.raises(MpiError), index.database.write(OPERATOR, "test") as unit:
        merge_all(unit)
        raise MpiError
    with index.database.read(OPERATOR) as unit:
        assert (all_keys(unit, 1), are_in_runs(unit)) == (expected, before)


def test_a_snapshot_has_each_key_once_while_they_are_merged_and_others_are_put(index):
    with index.database.write(OPERATOR, "test") as unit:
        in_runs(unit)
        expected = all_keys(unit, 1)
    with index.database.read(OPERATOR) as before, index.database.read(OPERATOR) as and_before:
        assert all_keys(before, 1) == all_keys(and_before, 1) == expected
        with index.database.write(OPERATOR, "test") as unit:
            unit.keys.segments.compact(1_000)
            put(unit, 1, (9,), 11, as_segment=True)
            unit.keys.delete(1, [3])
            assert all_keys(unit, 1) == keys_of(1, 2, 4, 5, 6, 8, 9)
        with index.database.write(OPERATOR, "test") as unit:
            merge_all(unit)
            assert all_keys(unit, 1) == keys_of(1, 2, 4, 5, 6, 8, 9)
        for snapshot in (before, and_before):
            # What this process keeps of runs is of another moment by now.
            assert all_keys(snapshot, 1) == expected
    with index.database.read(OPERATOR) as after:
        assert (after.keys.segments.segments_of(1), all_keys(after, 1)) == ([], keys_of(1, 2, 4, 5, 6, 8, 9))


def test_runs_are_read_once_and_kept_in_memory_as_long_as_they_are_there(index):
    with index.database.write(OPERATOR, "test") as unit:
        in_runs(unit)
        runs = unit.keys.segments.segments_of(1)
    with patch.object(
        KeySegments, "_read_content", autospec=True, side_effect=KeySegments._read_content
    ) as stored:
        for _ in range(2):
            with index.database.read(OPERATOR) as unit:
                assert len(unit.keys.find_records(1, GROUPS, [SHARED])) == 7
                kept = unit.connection.immutable_cache["key_run"]
        assert stored.call_count == len(runs) == len(kept)
    with index.database.write(OPERATOR, "test") as unit:
        merge_all(unit)
    with index.database.read(OPERATOR) as unit:
        assert len(unit.keys.find_records(1, GROUPS, [SHARED])) == 7
    assert kept == {}


CONFIGS = (1, 2)
SOME = st.sets(st.integers(1, 9), max_size=4)
VERSIONS = st.dictionaries(st.integers(1, 9), st.frozensets(st.integers(0, 4), max_size=3), max_size=4)
"""Which of some keys a record has."""
STEPS = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.just("put"), VERSIONS, st.booleans()),
            st.tuples(st.just("drop"), SOME, st.none()),
            st.tuples(st.just("drop range"), SOME, st.none()),
            st.tuples(st.just("expunge"), SOME, st.none()),
            st.tuples(st.just("correct"), SOME, st.none()),
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
    some = range(min(records, default=1), max(records, default=0) + 1)
    unit.keys.delete_range(config, some.start, some.stop - 1)
    return {config: some}


def expunge(unit, _config, records):
    unit.keys.segments.erase(records)
    for config in CONFIGS:
        unit.keys.delete(config, records)
    assert not records & set().union(*stored(unit))
    return dict.fromkeys(CONFIGS, records)


DROPPING = {"drop": drop, "drop range": drop_range, "expunge": expunge}


def in_a_version(n, version):
    """What has the last of the keys is in another group."""
    return own_keys(group_of(n + (4 in version)), *sorted(version))


@given(STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_comes_before_what_is_searched_is_what_the_records_have(unit, steps):
    unit.derived_data.delete_all()
    having = {config: {} for config in CONFIGS}
    commit_no = 1
    for (step, records, how), config, is_another_commit in steps:
        commit_no += is_another_commit
        if step == "put":
            own = {n: in_a_version(n, version) for n, version in records.items()}
            had = own.keys() & having[config].keys()
            unit.keys.write(config, own, commit_no, as_segment=how, rewritten=had)
            having[config] |= records
        elif step == "correct":
            unit.keys.repair(config, [(group, 0, n) for n in records for group in GROUPS])
        elif step == "merge":
            unit.keys.segments.compact(how)
        else:
            for each, gone in DROPPING[step](unit, config, records).items():
                having[each] = {n: version for n, version in having[each].items() if n not in gone}
        for each in CONFIGS:
            keys = sorted((key, n) for n, version in having[each].items() for key in version)
            assert all_keys(unit, each) == keys
            assert sorted(unit.keys.find_records(each, GROUPS, {key for key, _ in keys})) == keys
            sizes = Counter(key for key, _ in keys)
            for over in (0, 1, 2):
                large = {key: size for key, size in sizes.items() if size > over}
                assert dict(unit.keys.large_keys(each, over)) == large
            assert are_keys_consistent(unit, each)
    runs = sorted(run for config in CONFIGS for run in unit.keys.segments.segments_of(config))
    assert [run.record_count for run in runs] == [len(records) for records in stored(unit)]


def test_keys_that_a_record_keeps_are_left_where_they_are(unit):
    put(unit, 1, (1, 2))
    now = {n: own_keys(group_of(n), 7, SHARED, GREATEST) for n in (1, 2)}
    with patch.object(blocking_keys, "insert_columns", side_effect=blocking_keys.insert_columns) as written:
        unit.keys.write(1, now, 2, rewritten=now)
    assert written.call_args.args[2]["key"] == [7, 7]
    assert all_keys(unit, 1) == sorted((key, n) for n in (1, 2) for key in (7, SHARED, GREATEST))


DAMAGE = {
    "forgotten": "DELETE FROM key_merge",
    "lost": "INSERT INTO gone_from_runs SELECT config_id, record_id, 9 FROM record_keys",
    "in both": "INSERT INTO blocking_key SELECT config_id, group_id, 5, 1 FROM record_keys LIMIT 1",
    "another's": "UPDATE key_run SET record_ids = :of_others",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_runs_that_are_damaged_are_told_of_and_mended(index, damage):
    load_rows(index, "ccwis", *many_children(20), a_child("x"))
    with index.database.write(OPERATOR, "test") as unit:
        config = index.config_id(unit)
        own = unit.keys.packed_keys(config, range(1, 11))
        unit.keys.delete(config, own)
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
        assert 0 < unit.keys.segments.compact(6) < are_in_runs(unit, config)
        expected = all_keys(unit, config)
    assert verify(index, OPERATOR) == []
    with index.database.engine.begin() as connection:
        [stored] = connection.execute(text("SELECT record_ids FROM key_run")).scalars()
        connection.execute(text(damage), {"of_others": stored[8:] + stored[:8]})
    # What this process has read before is sound.
    index.database._sessions._immutable_cache.clear()
    assert [finding.law for finding in verify(index, OPERATOR)] == [5]
    assert rebuild(index, OPERATOR).is_empty
    with index.database.read(OPERATOR) as unit:
        assert all_keys(unit, config) == expected
        assert unit.keys.segments.count_uncompacted_rows() == 0
    assert verify(index, OPERATOR) == []


def test_keys_of_a_record_that_changes_while_others_are_mended_are_mended_too(index):
    known = many_children(20)
    load_rows(index, "ccwis", *known)
    with index.database.engine.begin() as connection:
        connection.execute(text("DELETE FROM blocking_key WHERE record_id = 1"))
    [finding] = verify(index, OPERATOR)
    assert finding.law == 5
    mend = derived_sync.repair_keys

    def meanwhile(carrier, config_id):
        for child in known:
            upsert(index, OPERATOR, "ccwis", child | {"postal_code": "43999"})
        mend(carrier, config_id)

    with patch.object(derived_sync, "repair_keys", meanwhile):
        rebuild(index, OPERATOR)
    assert verify(index, OPERATOR) == []
