"""Blocks past the alarm size are told of once; past the hard size a request waits for the worker."""

import logging

import pytest

from mpi.service.core.block_limits import BlockLimits
from mpi.service.maintenance.verify import verify
from mpi.service.persons.search import search_persons
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.upsert import Outcome, upsert, withdraw
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows, partition_of, with_settings

NAMESAKES = 8


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as made:
        load_rows(made, "sis", *(a_child(f"S{n}", birth_date=f"2014-01-0{1 + n}") for n in range(NAMESAKES)))
        yield made


def limited(index, alarm: int, hard: int):
    return with_settings(index, block_limits=BlockLimits(alarm, hard))


def waiting(index) -> int:
    with index.database.read(OPERATOR) as unit:
        return unit.large_blocks.count_pending()


def queued(index) -> list[int]:
    with index.database.read(OPERATOR) as unit:
        return [one.records for one in unit.large_blocks.all(index.config_id(unit))]


def test_past_the_alarm_size_a_block_is_searched_in_full_counted_logged_and_queued_once(index, caplog):
    told = limited(index, alarm=NAMESAKES, hard=100)
    with caplog.at_level(logging.WARNING, "mpi.blocks"):
        first = upsert(told, OPERATOR, "ccwis", a_child("u1", birth_date="2014-01-01"))
        upsert(told, OPERATOR, "ccwis", a_child("u2", birth_date="2014-01-02"))
    assert first.outcome is Outcome.LINKED
    assert not first.pending
    assert queued(index) == [NAMESAKES + 1]
    assert told.block_counts.past_alarm == 2
    [line] = [record.getMessage() for record in caplog.records if record.name == "mpi.blocks"]
    assert str(NAMESAKES + 1) in line
    assert "Okonkwo" not in line.title()
    assert waiting(index) == 0


def test_past_the_hard_size_a_request_is_answered_pending_and_the_worker_finishes_it(index):
    hot = limited(index, alarm=2, hard=NAMESAKES)
    answer = upsert(hot, OPERATOR, "ccwis", a_child("u1", birth_date="2014-01-01"))
    assert (answer.outcome, answer.pending, answer.provisional) == (Outcome.REVIEW, True, True)
    assert answer.enterprise_id
    assert waiting(index) == 1
    assert queued(index) == [NAMESAKES + 1]
    links = crosswalk(index)
    assert links["ccwis", "u1"] != links["sis", "S0"]
    again = upsert(hot, OPERATOR, "ccwis", a_child("u1", birth_date="2014-01-01"))
    assert (again.outcome, again.pending) == (Outcome.REVIEW, True)
    assert verify(index, OPERATOR) == [], "what waits is a hold on record, no breach"
    assert finish_deferred_searches(hot, OPERATOR) == 1
    links = crosswalk(index)
    assert links["ccwis", "u1"] == links["sis", "S0"]
    assert waiting(index) == 0
    assert verify(index, OPERATOR) == []
    assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty


def test_a_record_that_was_there_stays_where_it_was_until_it_is_finished(index):
    upsert(index, OPERATOR, "ccwis", a_child("u1", birth_date="2014-01-01"))
    before = crosswalk(index)
    hot = limited(index, alarm=2, hard=NAMESAKES)
    answer = upsert(hot, OPERATOR, "ccwis", a_child("u1", birth_date="2014-01-02"))
    assert (answer.outcome, answer.pending, answer.provisional) == (Outcome.REVIEW, True, False)
    assert crosswalk(index) == before
    finish_deferred_searches(hot, OPERATOR)
    links = crosswalk(index)
    assert links["ccwis", "u1"] == links["sis", "S1"]
    assert verify(index, OPERATOR) == []


def test_the_partition_is_the_same_finished_at_once_or_after_others_in_any_order(tmp_path):
    sent = [a_child(f"u{n}", birth_date=f"2014-01-0{1 + n % 5}", grade=str(n)) for n in range(6)]
    found = []
    for hard in (1_000, 3, 5):
        with an_index(tmp_path / str(hard), "sis", "ccwis", secret="11" * 32) as made:
            hot = limited(made, alarm=2, hard=hard)
            for record in sent if hard != 5 else reversed(sent):
                upsert(hot, OPERATOR, "ccwis", record)
                if hard == 3 and record["local_id"] == "u4":
                    finish_deferred_searches(hot, OPERATOR)
            assert (waiting(made) > 0) == (hard < 1_000)
            finish_deferred_searches(hot, OPERATOR)
            assert verify(made, OPERATOR) == []
            found.append(partition_of(made))
    assert found[0] == found[1] == found[2]


def test_what_is_withdrawn_or_loaded_while_it_waits_is_not_brought_back_or_done_twice(index):
    hot = limited(index, alarm=2, hard=NAMESAKES)
    for number in (1, 2):
        upsert(hot, OPERATOR, "ccwis", a_child(f"u{number}", birth_date="2014-01-01"))
    withdraw(hot, OPERATOR, "ccwis", "u1")
    load_rows(hot, "ccwis", a_child("u2", birth_date="2014-01-03"))
    finish_deferred_searches(hot, OPERATOR)
    links = crosswalk(index)
    assert ("ccwis", "u1") not in links
    assert links["ccwis", "u2"] == links["sis", "S2"]
    assert waiting(index) == 0
    assert verify(index, OPERATOR) == []


def test_a_kill_while_a_record_is_finished_leaves_it_waiting(index, monkeypatch):
    hot = limited(index, alarm=2, hard=NAMESAKES)
    upsert(hot, OPERATOR, "ccwis", a_child("u1", birth_date="2014-01-01"))
    before = crosswalk(index)

    def killed(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mpi.service.resolution.resolve.publish", killed)
    with pytest.raises(KeyboardInterrupt):
        finish_deferred_searches(hot, OPERATOR)
    monkeypatch.undo()
    assert waiting(index) == 1
    assert crosswalk(index) == before
    assert finish_deferred_searches(hot, OPERATOR) == 1


def test_a_block_read_in_parts_is_found_whole_by_requests_and_searches(index, monkeypatch):
    asked = {name: value for name, value in a_child(birth_date="2014-01-05").items() if name != "local_id"}
    whole = search_persons(index, OPERATOR, asked)
    monkeypatch.setattr("mpi.service.core.stored_features.FEATURES_PER_BATCH", 3)
    assert search_persons(index, OPERATOR, asked) == whole
    assert len(whole) > 3
    upsert(index, OPERATOR, "ccwis", a_child("u1", birth_date="2014-01-07"))
    links = crosswalk(index)
    assert links["ccwis", "u1"] == links["sis", "S6"]
    assert verify(index, OPERATOR) == []
