"""Records of a key that too many hold meet through the model's finer keys, on both stores."""

import pytest

from mpi.domain.snapshot import Snapshot
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from tests.index import OPERATOR, load_rows, make_child, open_test_index, with_tuning
from tests.laws.dense_blocks import (
    LIMIT,
    expected_edges,
    expected_keys,
    stored_edges,
    stored_keys,
    with_small_blocks,
)

NORTH, SOUTH = "43001", "45402"


@pytest.fixture
def refined(tmp_path, database_url):
    """An index whose names are refined by postal code, with small blocks."""
    refinements = {"names": ["postal_code"]}
    with open_test_index(
        tmp_path / "home", "sis", "ccwis", database_url=database_url, refinements=refinements
    ) as index:
        yield with_small_blocks(index)


def make_namesake(number: int, postal_code: str) -> dict[str, object]:
    """Return a child of the one name, born on a day of its own."""
    return make_child(f"r{number}", birth_date=f"2014-03-{number + 1:02d}", postal_code=postal_code)


def send(index, numbers: range, postal_code: str) -> None:
    """Send namesakes of a place one by one."""
    for number in numbers:
        upsert(index, OPERATOR, "sis", make_namesake(number, postal_code))


def check(index) -> None:
    """Check keys and pairs against those computed from the records."""
    finish_deferred_searches(index, OPERATOR)
    assert stored_keys(index) == expected_keys(index)
    assert stored_edges(index) == expected_edges(index)
    assert verify(index, OPERATOR) == []


def test_namesakes_of_one_place_stay_paired_above_the_limit(refined):
    send(refined, range(3), NORTH)
    send(refined, range(3, 6), SOUTH)
    check(refined)
    assert len(stored_edges(refined)) == 2 * 3


def test_later_namesake_is_compared_within_its_place(refined):
    send(refined, range(3), NORTH)
    send(refined, range(3, 6), SOUTH)
    finish_deferred_searches(refined, OPERATOR)
    send(refined, range(6, 7), NORTH)
    assert len(stored_edges(refined)) == 6 + 3
    upsert(refined, OPERATOR, "sis", make_namesake(6, SOUTH))
    assert len(stored_edges(refined)) == 3 + 6
    check(refined)


def test_finer_key_that_too_many_hold_brings_no_pairs(refined):
    send(refined, range(LIMIT + 2), NORTH)
    check(refined)
    assert stored_edges(refined) == {}
    send(refined, range(10, 12), SOUTH)
    check(refined)
    assert len(stored_edges(refined)) == 1
    for number in (0, 1):
        withdraw(refined, OPERATOR, "sis", f"r{number}")
    check(refined)
    assert len(stored_edges(refined)) == 6 + 1


def test_records_lose_their_finer_keys_once_the_key_brings_pairs_again(refined):
    send(refined, range(3), NORTH)
    send(refined, range(3, 6), SOUTH)
    finish_deferred_searches(refined, OPERATOR)
    key_count = len(stored_keys(refined)[1])
    for number in (0, 3):
        withdraw(refined, OPERATOR, "sis", f"r{number}")
    check(refined)
    assert len(stored_keys(refined)[2]) == key_count - 1


@pytest.mark.parametrize("duckdb_records", [2, 1000])
def test_namesakes_of_a_file_meet_within_their_place(refined, duckdb_records):
    batched = with_tuning(
        refined,
        scoring={"duckdb_records": duckdb_records},
        load={"sqlite_chunk_statements": 2, "postgresql_chunk_statements": 2},
    )
    send(batched, range(2), NORTH)
    rows = [make_namesake(number, SOUTH if number % 2 else NORTH) for number in range(2, 7)]
    load_rows(batched, "ccwis", *rows, snapshot=Snapshot.DELTA, confirm=True)
    check(batched)
    more = [make_namesake(number, SOUTH) for number in (7, 8)]
    load_rows(batched, "sis", *more, snapshot=Snapshot.DELTA, confirm=True)
    check(batched)


def test_rebuild_restores_finer_keys(refined):
    send(refined, range(3), NORTH)
    send(refined, range(3, 6), SOUTH)
    finish_deferred_searches(refined, OPERATOR)
    before = stored_keys(refined), stored_edges(refined)
    with refined.database.write(OPERATOR, "test") as unit:
        config_id = refined.config_id(unit)
        unit.keys.delete_all(config_id)
        unit.derived_data.delete_edges(config_id, before[1])
    rebuild(refined, OPERATOR)
    check(refined)
    assert (stored_keys(refined), stored_edges(refined)) == before
