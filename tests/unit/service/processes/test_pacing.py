"""Test pacing: batch sizes and rests adapt to other writers."""

import threading
import time
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from mpi.domain.tuning import PacingTuning
from mpi.service.processes import pacing
from mpi.service.processes.pacing import AdaptiveBatchSize, Pace
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR

TARGET_S, REST_S = 0.125, 0.0625
"""Seconds that are exact as floats."""
TUNING = PacingTuning(transaction_s=TARGET_S, rest_s=REST_S, contended_transaction_s=TARGET_S)


class FakeClock:
    """A clock that only a test moves."""

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
def fake_clock(monkeypatch):
    """The clock of pacing, with a target and a rest that are exact as floats."""
    clock = FakeClock()
    monkeypatch.setattr(pacing, "time", clock)
    return clock


def run_turns(batch_size, fake_clock, *durations, others=True):
    """Run transactions of the given durations, and return the batch size after each."""
    sizes = []
    for seconds in durations:
        with batch_size.timed_turn():
            if others:
                batch_size.note_other_writer()
            fake_clock.now += seconds
        sizes.append(batch_size.max_items)
    return sizes


def test_sole_writer_uses_full_batches_and_does_not_rest(fake_clock):
    assert run_turns(AdaptiveBatchSize(10_000, tuning=TUNING), fake_clock, 3.0, 3.0, others=False) == [
        10_000,
        10_000,
    ]
    assert fake_clock.rests == []


def test_contended_writer_starts_small_and_adapts_to_the_target_time(fake_clock):
    batch_size = AdaptiveBatchSize(10_000, contended_items=20, tuning=TUNING)
    assert run_turns(batch_size, fake_clock, TARGET_S / 2) == [40]
    assert run_turns(batch_size, fake_clock, TARGET_S / 8, TARGET_S * 4) == [80, 20]
    assert run_turns(batch_size, fake_clock, TARGET_S * 40) == [1]
    assert fake_clock.rests == [REST_S] * 4


def test_batches_grow_again_once_nobody_else_has_written_for_a_while(fake_clock):
    batch_size = AdaptiveBatchSize(100, contended_items=20, tuning=TUNING)
    assert run_turns(batch_size, fake_clock, TARGET_S) == [20]
    assert run_turns(batch_size, fake_clock, TARGET_S, others=False) == [20]
    fake_clock.now += TUNING.contended_for_s
    assert run_turns(batch_size, fake_clock, 1.0, 1.0, 1.0, others=False) == [40, 80, 100]


def test_time_spent_waiting_for_others_does_not_count(fake_clock):
    batch_size = AdaptiveBatchSize(10_000, contended_items=20, tuning=TUNING)
    with batch_size.timed_turn():
        fake_clock.now += TARGET_S * 40
        unit = FakeDatabase(fake_clock, waits=TARGET_S * 40)
        batch_size.note_begin(unit)
        # The next statement waits for the store too.
        unit.wait_for_store()
        batch_size.note_other_writer()
        fake_clock.now += TARGET_S / 2
    assert batch_size.max_items == 40


def test_transaction_that_notices_another_writer_is_already_small(fake_clock):
    batch_size = AdaptiveBatchSize(10_000, contended_items=20, tuning=TUNING)
    with batch_size.timed_turn():
        batch_size.note_other_writer()
        assert batch_size.max_items == 20
        fake_clock.now += 0.001


SLEEP, SELECT_ONE = text("SELECT pg_sleep(0.05)"), text("SELECT 1")


def test_server_time_counts_even_if_the_result_is_not_read(index):
    if not index.database.is_postgresql:
        pytest.skip("SQLite has done what it is told when it answers")
    pace = Pace(index.database, OPERATOR, "test")
    # The first statement of its kind is prepared, which waits for the server.
    for batch in pace.batches([1, 2, 3], initial_items=1):
        with batch.transaction() as unit:
            unit.connection.execute(SLEEP)
    assert batch.duration_s >= 0.05


def test_batch_duration_excludes_waiting_for_another_writer(index):
    held, another_process = threading.Event(), Database(index.database.url)

    def write():
        with another_process.write(OPERATOR, "test") as unit:
            unit.connection.execute(SELECT_ONE).all()
            held.set()
            time.sleep(1.0)

    writer = threading.Thread(target=write)
    writer.start()
    held.wait()
    [batch] = Pace(index.database, OPERATOR, "test").batches([1])
    with batch.transaction() as unit:
        unit.connection.execute(SELECT_ONE).all()
    writer.join()
    another_process.dispose()
    assert batch.duration_s < 0.9


def test_rest_lasts_rest_factor_times_the_transaction(fake_clock, monkeypatch):
    for rest_factor in (1, 4):
        pace = Pace(FakeDatabase(fake_clock, TARGET_S), OPERATOR, "test", tuning=TUNING)
        pace.rest_factor = rest_factor
        with pace.transaction():
            pass
    assert fake_clock.rests == [TARGET_S, 4 * TARGET_S]


class FakeDatabase:
    """A database whose transactions all take the same time after a wait."""

    def __init__(self, fake_clock, seconds=0.0, waits=0.0):
        self._hours, self._seconds, self._waits = fake_clock, seconds, waits

    @contextmanager
    def write(self, _viewer, _kind):
        yield self
        self._hours.now += self._seconds

    def wait_for_store(self):
        self._hours.now += self._waits
        self._waits = 0.0
