"""Keys in runs are searched, dropped and merged like all others, on either store; PostgreSQL has no runs."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from mpi.domain.errors import MpiError
from mpi.service.rebuild import rebuild
from mpi.service.verify import verify
from mpi.storage.repositories import blocking_keys
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


def put(unit, config, records, run=None):
    """A key that all share, one that two share, and the greatest."""
    own = {n: own_keys(group_of(n), LEAST + n // 2, SHARED, GREATEST) for n in records}
    unit.keys.put(config, own, run or 1, run)


def in_runs(unit):
    """One configuration with records among all and in three runs."""
    put(unit, 1, (1, 2))
    for run, records in ((4, (3, 6)), (7, (4, 8)), (9, (5,))):
        put(unit, 1, records, run)


def keys_of(*records):
    return sorted((key, n) for n in records for key in (LEAST + n // 2, SHARED, GREATEST))


def test_they_are_found_by_whatever_searches(unit, monkeypatch):
    in_runs(unit)
    put(unit, 2, range(20, 24), 4)
    assert unit.keys.recent.waiting() == (27 if unit.keys.recent.are_kept else 0)
    assert all_keys(unit, 1) == keys_of(1, 2, 3, 4, 5, 6, 8)
    found = [(LEAST + 1, 2), (LEAST + 1, 3), *((SHARED, n) for n in (1, 2, 3, 4, 5, 6, 8))]
    wanted = [LEAST + 1, 0, SHARED]
    assert sorted(unit.keys.sharing(1, GROUPS, wanted)) == found
    assert sorted(unit.keys.sharing(1, [group_of(1)], [SHARED])) == [(SHARED, n) for n in (1, 3, 5)]
    assert len(unit.keys.sharing(1, GROUPS, [SHARED], most=3)) > 3
    for read_whole in (1, 100):
        monkeypatch.setattr(blocking_keys, "READ_WHOLE", read_whole)
        parts = unit.keys.found_by(1, GROUPS, wanted)
        assert sorted(tuple(row) for part in parts for row in part.T.tolist()) == found
        assert [part.shape[1] for part in unit.keys.found_by(1, [9], wanted) if part.size] == []
    assert unit.keys.large(1, 2) == [(SHARED, 7), (GREATEST, 7)]
    assert unit.keys.large(3, 0) == []


@pytest.mark.parametrize(
    "drop",
    [
        lambda unit: unit.keys.drop(1, [2, 3, 5]),
        lambda unit: [unit.keys.drop_range(1, n, n) for n in (2, 3, 5)],
        lambda unit: unit.derived.drop_own(1, [3, 2, 5]),
    ],
)
def test_what_is_dropped_is_dropped_from_runs_too(unit, drop):
    in_runs(unit)
    put(unit, 2, (3,), 4)
    drop(unit)
    assert all_keys(unit, 1) == keys_of(1, 4, 6, 8)
    assert all_keys(unit, 2) == keys_of(3)
    unit.derived.drop_all(1)
    assert all_keys(unit, 1) == []
    assert all_keys(unit, 2) == keys_of(3)
    unit.derived.drop_all()
    assert all_keys(unit, 2) == []


def test_a_merge_moves_some_at_a_time_and_every_search_finds_the_same(unit):
    in_runs(unit)
    put(unit, 2, (30, 31), 8)
    expected, left = all_keys(unit, 1), unit.keys.recent.waiting()
    while left:
        moved = unit.keys.recent.merge(4).rows
        assert 0 < moved <= 4
        assert unit.keys.recent.waiting() == left - moved
        left -= moved
        assert all_keys(unit, 1) == expected
        assert all_keys(unit, 2) == keys_of(30, 31)
        assert len(unit.keys.sharing(1, GROUPS, [SHARED])) == 7
    assert unit.keys.recent.merge(4).rows == 0
    assert unit.keys.recent.runs(1) == []


def test_a_merge_goes_on_after_a_place_and_comes_round_to_what_was_added_before_it(unit):
    if not unit.keys.recent.are_kept:
        pytest.skip("PostgreSQL has no runs")
    in_runs(unit)
    merged = unit.keys.recent.merge(6)
    places, moved = [merged.place], merged.rows
    unit.keys.put(1, {10: own_keys(GROUPS[0], LEAST)}, 11, 11)
    expected = all_keys(unit, 1)
    while places[-1]:
        merged = unit.keys.recent.merge(6, places[-1])
        places.append(merged.place)
        moved += merged.rows
        assert all_keys(unit, 1) == expected
    assert len(places) > 2
    assert places[:-1] == sorted(set(places[:-1]))
    assert (moved, unit.keys.recent.runs(1)) == (15, [11]), (
        "what came before the place waits for the next turn"
    )
    assert unit.keys.recent.merge(6).rows == 1
    assert (all_keys(unit, 1), unit.keys.recent.runs(1)) == (expected, [])


def test_a_merge_that_is_not_committed_moves_nothing(index):
    with index.database.write(OPERATOR, "test") as unit:
        in_runs(unit)
        expected, before = all_keys(unit, 1), unit.keys.recent.waiting()
    with index.database.write(OPERATOR, "test") as unit:
        before -= unit.keys.recent.merge(4).rows
    with pytest.raises(MpiError), index.database.write(OPERATOR, "test") as unit:
        unit.keys.recent.merge(4)
        raise MpiError
    with index.database.read(OPERATOR) as unit:
        assert (all_keys(unit, 1), unit.keys.recent.waiting()) == (expected, before)


def test_a_snapshot_has_each_key_once_while_they_are_merged(index):
    with index.database.write(OPERATOR, "test") as unit:
        in_runs(unit)
        expected = all_keys(unit, 1)
    with index.database.read(OPERATOR) as before:
        assert before.keys.recent.runs(1) == ([4, 7, 9] if before.keys.recent.are_kept else [])
        with index.database.write(OPERATOR, "test") as unit:
            unit.keys.recent.merge(1_000)
        assert all_keys(before, 1) == expected
    with index.database.read(OPERATOR) as after:
        assert (after.keys.recent.runs(1), all_keys(after, 1)) == ([], expected)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sets(st.integers(1, 9), max_size=4), st.none()),
        st.tuples(st.just("put"), st.sets(st.integers(1, 9), max_size=4), st.integers(0, 2)),
        st.tuples(st.just("drop"), st.sets(st.integers(1, 9), max_size=4), st.none()),
        st.tuples(st.just("merge"), st.booleans(), st.integers(1, 12)),
    ),
    max_size=12,
)


@given(STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_comes_before_what_is_searched_is_what_the_records_have(unit, steps):
    unit.derived.drop_all()
    having, runs, place = set(), {}, ()
    for commit, (step, records, number) in enumerate(steps, 1):
        if step == "put":
            # A run that several transactions put into is named by the first.
            run = None if number is None else runs.setdefault(number, commit)
            own = {n: own_keys(group_of(n), LEAST + n // 2, SHARED, GREATEST) for n in records - having}
            unit.keys.put(1, own, commit, run)
            having |= records
        elif step == "drop":
            unit.keys.drop(1, records)
            having -= records
        else:
            place = unit.keys.recent.merge(number, place if records else ()).place
        assert all_keys(unit, 1) == keys_of(*having)


@pytest.mark.parametrize("is_lost", [True, False])
def test_runs_that_are_damaged_are_told_of_and_mended(index, is_lost):
    if index.database.is_postgresql:
        pytest.skip("PostgreSQL has no runs")
    load_rows(index, "ccwis", *many_children(20), a_child("x"))
    with index.database.write(OPERATOR, "test") as unit:
        config = index.config_id(unit)
        own = unit.keys.own(config, [1, 2])
        unit.keys.drop(config, [1, 2])
        unit.keys.put(config, own, unit.commit_no, unit.commit_no)
        expected = all_keys(unit, config)
    assert verify(index, OPERATOR) == []
    damage = (
        "DELETE FROM recent_key WHERE record_id = 1"
        if is_lost
        else "INSERT INTO blocking_key SELECT config_id, group_id, key, record_id FROM recent_key LIMIT 3"
    )
    with index.database.engine.begin() as connection:
        connection.execute(text(damage))
    assert [finding.law for finding in verify(index, OPERATOR)] == [5]
    assert rebuild(index, OPERATOR).is_empty
    with index.database.read(OPERATOR) as unit:
        assert all_keys(unit, config) == expected
        assert unit.keys.recent.waiting() == 0
    assert verify(index, OPERATOR) == []
