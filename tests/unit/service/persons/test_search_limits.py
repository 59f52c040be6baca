"""Test the limits on a client's searches, per minute and per child, over all processes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mpi.domain.errors import RecordError, SearchLimitError
from mpi.domain.viewer import Action
from mpi.service.core.index import SearchLimits
from mpi.service.persons.persons import look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, crosswalk, make_child, reopen_database, with_settings

CLERK = replace(OPERATOR, client="clerk")
CHILD = make_child(None)
NOBODY = make_child(None, first_name="Bo", last_name="Zwart", birth_date="2001-01-05", postal_code=None)


def limit_searches(index, per_minute: int = 1_000, per_child: int = 1_000):
    """Return the index with other limits, and a child that searches find."""
    upsert(index, OPERATOR, "sis", make_child("1"))
    return with_settings(index, search_limits=SearchLimits(per_minute, per_child))


def count_lines(index) -> int:
    """Return the number of searches on the disclosure ledger."""
    with index.database.read(OPERATOR) as unit:
        return sum(line.action == Action.PERSON_SEARCH for line in unit.disclosures.all())


def test_client_waits_once_its_searches_of_a_minute_are_used_up(index, manual_clock):
    index = limit_searches(index, per_minute=3)
    for _ in range(3):
        assert search_persons(index, CLERK, CHILD)
        manual_clock.advance(seconds=10)
    with pytest.raises(SearchLimitError, match="within a minute") as refusal:
        search_persons(index, CLERK, CHILD)
    assert refusal.value.retry_after_s == 30
    manual_clock.advance(seconds=30)
    assert search_persons(index, CLERK, CHILD)
    with pytest.raises(SearchLimitError):
        search_persons(index, CLERK, CHILD)


def test_searches_that_find_nobody_count_too(index, manual_clock):
    index = limit_searches(index, per_minute=1)
    assert search_persons(index, CLERK, NOBODY) == []
    with pytest.raises(SearchLimitError):
        search_persons(index, CLERK, CHILD)


def test_other_requests_and_other_clients_do_not_count(index, manual_clock):
    index = limit_searches(index, per_minute=1, per_child=1)
    eid = crosswalk(index)["sis", "1"]
    for _ in range(3):
        look_up_person(index, CLERK, eid)
    assert search_persons(index, OPERATOR, CHILD)
    assert search_persons(index, CLERK, CHILD)


def test_refused_search_is_not_on_the_ledger_and_does_not_prolong_the_wait(index, manual_clock):
    index = limit_searches(index, per_minute=1)
    search_persons(index, CLERK, CHILD)
    for _ in range(3):
        manual_clock.advance(seconds=15)
        with pytest.raises(SearchLimitError):
            search_persons(index, CLERK, CHILD)
    assert count_lines(index) == 1
    manual_clock.advance(seconds=15)
    assert search_persons(index, CLERK, CHILD)


def test_search_that_is_too_short_is_refused_as_such_and_does_not_count(index, manual_clock):
    index = limit_searches(index, per_minute=1)
    for _ in range(3):
        with pytest.raises(RecordError):
            search_persons(index, CLERK, {"sex": "F"})
    assert search_persons(index, CLERK, CHILD)


def test_child_that_was_found_often_today_is_found_no_more_until_tomorrow(index, manual_clock):
    index = limit_searches(index, per_child=2)
    search_persons(index, CLERK, CHILD)
    manual_clock.advance(hours=4)
    search_persons(index, CLERK, CHILD)
    with pytest.raises(SearchLimitError, match="within a day") as refusal:
        search_persons(index, CLERK, CHILD)
    assert refusal.value.retry_after_s == 20 * 3600
    assert search_persons(index, CLERK, NOBODY) == []
    manual_clock.advance(hours=20)
    assert search_persons(index, CLERK, CHILD)


def test_searches_that_find_another_record_of_the_child_count_too(index, manual_clock):
    index = limit_searches(index, per_child=2)
    ssn = {"ssn": "412-55-9182"}
    for source, last_name in (("sis", "Okonkwo"), ("ccwis", "Quist")):
        upsert(index, OPERATOR, source, make_child("7", last_name=last_name, **ssn))
    links = crosswalk(index)
    assert links["sis", "7"] == links["ccwis", "7"]
    for last_name in ("Okonkwo", "Quist"):
        [found, *_] = search_persons(index, CLERK, make_child(None, last_name=last_name, **ssn))
        assert found.enterprise_id == links["sis", "7"]
    with index.database.read(OPERATOR) as unit:
        lines = [line for line in unit.disclosures.all() if line.action == Action.PERSON_SEARCH]
    assert len({line.record_ids for line in lines}) == 2
    with pytest.raises(SearchLimitError):
        search_persons(index, CLERK, make_child(None, last_name="Okonkwo", **ssn))


def test_processes_that_search_at_once_answer_no_more_than_the_limit_together(index):
    index = limit_searches(index, per_minute=5)
    start = threading.Barrier(12)

    def search(opened) -> bool:
        start.wait(30)
        try:
            return bool(search_persons(opened, CLERK, CHILD))
        except SearchLimitError:
            return False

    with reopen_database(index) as other_process, ThreadPoolExecutor(12) as pool:
        answered = sum(pool.map(search, [index, other_process] * 6))
    assert answered == 5
    assert count_lines(index) == 5
