"""How much is written at a time."""

import threading
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from mpi.service.processes import pacing
from mpi.service.processes.pacing import CONTENDED_FOR_S, AdaptiveBatchSize, Pace
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR

TARGET_S, REST_S = 0.125, 0.0625
"""Seconds that add up without a remainder."""


class Hours:
    """A clock that goes only when it is told to."""

    def __init__(self):
        self.now = 100.0
        self.rests = []

    def monotonic(self):
        return self.now

    perf_counter = monotonic

    def sleep(self, seconds):
        self.rests.append(seconds)
        self.now += seconds


@pytest.fixture
def hours(monkeypatch):
    made = Hours()
    monkeypatch.setattr(pacing, "time", made)
    monkeypatch.setattr(pacing, "CONTENDED_TARGET_S", TARGET_S)
    monkeypatch.setattr(pacing, "MIN_REST_S", REST_S)
    return made


def turns(portions, hours, *spent, others=True):
    """Transactions that take so long; how many items the next of each may have."""
    found = []
    for seconds in spent:
        with portions.timed_turn():
            if others:
                portions.note_other_writer()
            hours.now += seconds
        found.append(portions.max_items)
    return found


def test_alone_it_writes_as_much_as_it_may_and_does_not_rest(hours):
    assert turns(AdaptiveBatchSize(10_000), hours, 3.0, 3.0, others=False) == [10_000, 10_000]
    assert hours.rests == []


def test_beside_others_it_begins_with_few_and_takes_as_many_as_fit_the_time(hours):
    portions = AdaptiveBatchSize(10_000, contended_items=20)
    assert turns(portions, hours, TARGET_S / 2) == [40]
    assert turns(portions, hours, TARGET_S / 8, TARGET_S * 4) == [80, 20]
    assert turns(portions, hours, TARGET_S * 40) == [1]
    assert hours.rests == [REST_S] * 4


def test_it_grows_again_once_nobody_else_has_written_for_a_while(hours):
    portions = AdaptiveBatchSize(100, contended_items=20)
    assert turns(portions, hours, TARGET_S) == [20]
    assert turns(portions, hours, TARGET_S, others=False) == [20]
    hours.now += CONTENDED_FOR_S
    assert turns(portions, hours, 1.0, 1.0, 1.0, others=False) == [40, 80, 100]


def test_what_it_waited_for_others_is_not_its_own_time(hours):
    portions = AdaptiveBatchSize(10_000, contended_items=20)
    with portions.timed_turn():
        hours.now += TARGET_S * 40
        unit = _Written(hours, waits=TARGET_S * 40)
        portions.note_begin(unit)
        # As does whatever is asked next.
        unit.wait_for_store()
        portions.note_other_writer()
        hours.now += TARGET_S / 2
    assert portions.max_items == 40


def test_the_transaction_that_notices_others_is_already_small(hours):
    portions = AdaptiveBatchSize(10_000, contended_items=20)
    with portions.timed_turn():
        portions.note_other_writer()
        assert portions.max_items == 20
        hours.now += 0.001


SLEEP, ONE = text("SELECT pg_sleep(0.05)"), text("SELECT 1")


def test_what_a_server_does_for_a_part_counts_as_its_time_though_nobody_has_read_the_answer(index):
    if not index.database.is_postgresql:
        pytest.skip("SQLite has done what it is told when it answers")
    pace = Pace(index.database, OPERATOR, "test")
    # What is told for the first time is composed, and waited for.
    for part in pace.batches([1, 2, 3], initial_items=1):
        with part.transaction() as unit:
            unit.connection.execute(SLEEP)
    assert part.duration_s >= 0.05


def test_what_a_part_waits_for_another_writer_is_not_its_own_time(index):
    held, another_process = threading.Event(), Database(index.database.url)

    def write():
        with another_process.write(OPERATOR, "test") as unit:
            unit.connection.execute(ONE).all()
            held.set()
            time.sleep(1.0)

    writer = threading.Thread(target=write)
    writer.start()
    held.wait()
    [part] = Pace(index.database, OPERATOR, "test").batches([1])
    with part.transaction() as unit:
        unit.connection.execute(ONE).all()
    writer.join()
    another_process.dispose()
    assert part.duration_s < 0.9


def test_a_pace_rests_as_many_times_as_long_as_a_transaction_took_as_it_is_told(hours, monkeypatch):
    monkeypatch.setattr(pacing, "TARGET_TRANSACTION_S", TARGET_S)
    for rests in (1, 4):
        pace = Pace(_Written(hours, TARGET_S), OPERATOR, "test")
        pace.rest_factor = rests
        with pace.transaction():
            pass
    assert hours.rests == [TARGET_S, 4 * TARGET_S]


class _Written:
    """A database of which every transaction takes as long, after it has waited for its turn."""

    def __init__(self, hours, seconds=0.0, waits=0.0):
        self._hours, self._seconds, self._waits = hours, seconds, waits

    @contextmanager
    def write(self, _viewer, _kind):
        yield self
        self._hours.now += self._seconds

    def wait_for_store(self):
        self._hours.now += self._waits
        self._waits = 0.0
