"""Test large blocks: an alarm above one size, a deferred search above another."""

import logging

import pytest

from mpi.service.core.block_limits import BlockLimits
from mpi.service.maintenance.verify import verify
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.persons.search import search_persons
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.upsert import upsert
from mpi.service.records.upsert_result import Outcome
from mpi.service.records.withdrawal import withdraw
from tests.index import (
    OPERATOR,
    crosswalk,
    load_rows,
    make_child,
    open_test_index,
    partition_of,
    reopen_database,
    with_settings,
)

NAMESAKE_COUNT = 8


@pytest.fixture
def namesake_index(tmp_path, database_url):
    """An index of children with one name, on each store in turn."""
    with open_test_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as opened:
        load_rows(
            opened,
            "sis",
            *(make_child(f"S{n}", birth_date=f"2014-01-0{1 + n}") for n in range(NAMESAKE_COUNT)),
        )
        yield opened


def with_block_limits(index, alarm: int, hard: int):
    return with_settings(index, block_limits=BlockLimits(alarm, hard))


def count_pending(index) -> int:
    with index.database.read(OPERATOR) as unit:
        return unit.large_blocks.count_pending()


def queued_block_sizes(index) -> list[int]:
    with index.database.read(OPERATOR) as unit:
        return [block.records for block in unit.large_blocks.all(index.config_id(unit))]


def test_block_above_the_alarm_size_is_searched_logged_and_queued_once(namesake_index, caplog):
    limited_index = with_block_limits(namesake_index, alarm=NAMESAKE_COUNT, hard=100)
    with caplog.at_level(logging.WARNING, "mpi.blocks"):
        first = upsert(limited_index, OPERATOR, "ccwis", make_child("u1", birth_date="2014-01-01"))
        upsert(limited_index, OPERATOR, "ccwis", make_child("u2", birth_date="2014-01-02"))
    assert first.outcome is Outcome.LINKED
    assert not first.pending
    assert queued_block_sizes(namesake_index) == [NAMESAKE_COUNT + 1]
    [line] = [record.getMessage() for record in caplog.records if record.name == "mpi.blocks"]
    assert str(NAMESAKE_COUNT + 1) in line
    assert "Okonkwo" not in line.title()
    assert count_pending(namesake_index) == 0


def test_request_above_the_hard_size_is_pending_until_the_worker_finishes_it(namesake_index):
    limited_index = with_block_limits(namesake_index, alarm=2, hard=NAMESAKE_COUNT)
    answer = upsert(limited_index, OPERATOR, "ccwis", make_child("u1", birth_date="2014-01-01"))
    assert (answer.outcome, answer.pending, answer.provisional) == (Outcome.REVIEW, True, True)
    assert answer.enterprise_id
    assert count_pending(namesake_index) == 1
    assert queued_block_sizes(namesake_index) == [NAMESAKE_COUNT + 1]
    links = crosswalk(namesake_index)
    assert links["ccwis", "u1"] != links["sis", "S0"]
    repeated = upsert(limited_index, OPERATOR, "ccwis", make_child("u1", birth_date="2014-01-01"))
    assert (repeated.outcome, repeated.pending) == (Outcome.REVIEW, True)
    assert verify(namesake_index, OPERATOR) == [], "a pending record is a recorded hold, not a finding"
    assert finish_deferred_searches(limited_index, OPERATOR) == 1
    links = crosswalk(namesake_index)
    assert links["ccwis", "u1"] == links["sis", "S0"]
    settled = read_change_feed(namesake_index, OPERATOR, limit=1000).events[-1]
    assert (settled.cause, settled.local_id, settled.after) == ("settled", "u1", links["ccwis", "u1"])
    assert not upsert(limited_index, OPERATOR, "ccwis", make_child("u1", birth_date="2014-01-01")).pending
    assert count_pending(namesake_index) == 0
    assert verify(namesake_index, OPERATOR) == []
    assert recluster(namesake_index, OPERATOR, namesake_index.matcher, apply=False).is_empty


def test_known_record_stays_with_its_person_until_its_search_is_finished(namesake_index):
    upsert(namesake_index, OPERATOR, "ccwis", make_child("u1", birth_date="2014-01-01"))
    before = crosswalk(namesake_index)
    limited_index = with_block_limits(namesake_index, alarm=2, hard=NAMESAKE_COUNT)
    answer = upsert(limited_index, OPERATOR, "ccwis", make_child("u1", birth_date="2014-01-02"))
    assert (answer.outcome, answer.pending, answer.provisional) == (Outcome.REVIEW, True, True)
    assert crosswalk(namesake_index) == before
    finish_deferred_searches(limited_index, OPERATOR)
    links = crosswalk(namesake_index)
    assert links["ccwis", "u1"] == links["sis", "S1"]
    assert verify(namesake_index, OPERATOR) == []


def test_partition_does_not_depend_on_when_searches_finish(tmp_path):
    sent = [make_child(f"u{n}", birth_date=f"2014-01-0{1 + n % 5}", grade=str(n)) for n in range(6)]
    partitions = []
    for hard in (1_000, 3, 5):
        with open_test_index(tmp_path / str(hard), "sis", "ccwis", secret="11" * 32) as index:
            limited_index = with_block_limits(index, alarm=2, hard=hard)
            for record in sent if hard != 5 else reversed(sent):
                upsert(limited_index, OPERATOR, "ccwis", record)
                if hard == 3 and record["local_id"] == "u4":
                    finish_deferred_searches(limited_index, OPERATOR)
            assert (count_pending(index) > 0) == (hard < 1_000)
            finish_deferred_searches(limited_index, OPERATOR)
            assert verify(index, OPERATOR) == []
            partitions.append(partition_of(index))
    assert partitions[0] == partitions[1] == partitions[2]


def test_record_withdrawn_or_loaded_while_pending_is_not_resolved_again(namesake_index):
    limited_index = with_block_limits(namesake_index, alarm=2, hard=NAMESAKE_COUNT)
    for number in (1, 2):
        upsert(limited_index, OPERATOR, "ccwis", make_child(f"u{number}", birth_date="2014-01-01"))
    withdraw(limited_index, OPERATOR, "ccwis", "u1")
    load_rows(limited_index, "ccwis", make_child("u2", birth_date="2014-01-03"))
    finish_deferred_searches(limited_index, OPERATOR)
    links = crosswalk(namesake_index)
    assert ("ccwis", "u1") not in links
    assert links["ccwis", "u2"] == links["sis", "S2"]
    assert count_pending(namesake_index) == 0
    assert verify(namesake_index, OPERATOR) == []


def test_kill_while_a_record_is_finished_leaves_it_pending(namesake_index, monkeypatch):
    limited_index = with_block_limits(namesake_index, alarm=2, hard=NAMESAKE_COUNT)
    upsert(limited_index, OPERATOR, "ccwis", make_child("u1", birth_date="2014-01-01"))
    before = crosswalk(namesake_index)

    def interrupt(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mpi.service.resolution.resolve.publish", interrupt)
    with pytest.raises(KeyboardInterrupt):
        finish_deferred_searches(limited_index, OPERATOR)
    monkeypatch.undo()
    assert count_pending(namesake_index) == 1
    assert crosswalk(namesake_index) == before
    assert finish_deferred_searches(limited_index, OPERATOR) == 1


def test_block_read_in_batches_is_found_completely(namesake_index):
    query = {name: value for name, value in make_child(birth_date="2014-01-05").items() if name != "local_id"}
    expected = search_persons(namesake_index, OPERATOR, query)
    assert len(expected) > 3
    with reopen_database(namesake_index, feature_batch_records=3) as batching_index:
        assert search_persons(batching_index, OPERATOR, query) == expected
        upsert(batching_index, OPERATOR, "ccwis", make_child("u1", birth_date="2014-01-07"))
    links = crosswalk(namesake_index)
    assert links["ccwis", "u1"] == links["sis", "S6"]
    assert verify(namesake_index, OPERATOR) == []
