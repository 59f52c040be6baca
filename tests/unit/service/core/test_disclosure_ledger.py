"""Test the disclosure log under concurrent writers: durable lines, few transactions."""

import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from mpi.domain.errors import StoreError
from mpi.domain.viewer import Action, make_operator
from mpi.service.core.disclosure import disclose
from mpi.service.core.disclosure_ledger import call_now
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.database import Database, Lock

CALLS = 40


def read_lines(index):
    with index.database.read(make_operator()) as unit:
        return unit.disclosures.all()


def count_transactions(monkeypatch, at_commit=lambda: None):
    """Record every transaction of the disclosure log in a list."""
    transactions = []
    write = Database.write

    @contextmanager
    def write_counted(self, viewer, kind, *rest):
        if kind == "disclose":
            at_commit()
            transactions.append(kind)
        with write(self, viewer, kind, *rest) as unit:
            yield unit

    monkeypatch.setattr(Database, "write", write_counted)
    return transactions


def test_concurrent_calls_share_a_transaction_and_each_has_its_line(sqlite_index, monkeypatch):
    barrier = threading.Barrier(CALLS)
    transactions = count_transactions(monkeypatch)

    def call(number):
        barrier.wait()
        disclose(sqlite_index, make_operator(), Action.PERSON_READ, [number], ("now",))
        return {number} <= {record for line in read_lines(sqlite_index) for record in line.record_ids}

    with ThreadPoolExecutor(CALLS) as pool:
        assert all(pool.map(call, range(1, CALLS + 1))), "a call was answered before its line was there"
    assert len(read_lines(sqlite_index)) == CALLS
    assert len(transactions) < CALLS


def test_calls_during_another_write_share_the_next_transaction(sqlite_index, monkeypatch):
    transactions = count_transactions(monkeypatch)
    with ThreadPoolExecutor(CALLS) as pool:
        with sqlite_index.database.ledger.write(make_operator(), "another's", Lock.NONE):
            futures = [
                pool.submit(disclose, sqlite_index, make_operator(), Action.PERSON_READ, [number], ("now",))
                for number in range(1, CALLS + 1)
            ]
            deadline = time.monotonic() + 10
            while len(sqlite_index.store.ledger._pending) < CALLS and time.monotonic() < deadline:
                time.sleep(0.005)
        for future in futures:
            future.result(10)
    assert len(read_lines(sqlite_index)) == CALLS
    assert len(transactions) == 1


def test_no_waiting_call_is_answered_when_the_log_cannot_be_written(sqlite_index, monkeypatch):
    barrier = threading.Barrier(CALLS)
    count_transactions(monkeypatch, at_commit=lambda: (_ for _ in ()).throw(StoreError("the disk is full")))

    def call(number):
        barrier.wait()
        with pytest.raises(StoreError):
            disclose(sqlite_index, make_operator(), Action.PERSON_READ, [number], ("now",))

    with ThreadPoolExecutor(CALLS) as pool:
        list(pool.map(call, range(1, CALLS + 1)))
    assert read_lines(sqlite_index) == []


def test_log_is_written_again_after_one_failure(sqlite_index, monkeypatch):
    with monkeypatch.context() as failing:
        count_transactions(failing, at_commit=lambda: (_ for _ in ()).throw(StoreError("the disk is full")))
        with pytest.raises(StoreError, match="disk is full"):
            disclose(sqlite_index, make_operator(), Action.PERSON_READ, [1], ("now",))
    disclose(sqlite_index, make_operator(), Action.PERSON_READ, [2], ("now",))
    assert [line.record_ids for line in read_lines(sqlite_index)] == [(2,)]


def test_next_line_is_written_after_an_unexpected_error(sqlite_index, monkeypatch):
    faults = iter([RuntimeError("out of threads")])

    def at_commit():
        for fault in faults:
            raise fault

    count_transactions(monkeypatch, at_commit)
    assert isinstance(write_and_wait(sqlite_index, 1), StoreError)
    assert write_and_wait(sqlite_index, 2) is None
    assert [line.record_ids for line in read_lines(sqlite_index)] == [(2,)]


def test_queued_lines_are_written_together_by_one_wake_call(sqlite_index, monkeypatch):
    transactions = count_transactions(monkeypatch)
    answers, wake_calls = queue.SimpleQueue(), []
    for number in (1, 2, 3):
        write_in_background(sqlite_index, number, answers.put, wake_calls.append)
    assert answers.empty()
    [wake] = wake_calls
    wake()
    assert [answers.get(timeout=10) for _ in range(3)] == [None] * 3
    assert [line.record_ids for line in read_lines(sqlite_index)] == [(1,), (2,), (3,)]
    assert len(transactions) == 1
    write_in_background(sqlite_index, 4, answers.put, lambda wake: wake())
    assert answers.get(timeout=10) is None


def write_in_background(index, record, on_written, schedule=call_now):
    line = Disclosure("2026-01-01T00:00:00.000000Z", "d", None, "person", (record,), ("now",))
    index.store.ledger.write_in_background(
        index.database, make_operator(), lambda: line, on_written, schedule
    )


def write_and_wait(index, record):
    """Write a line in the background and return its error, or None."""
    answers = queue.SimpleQueue()
    write_in_background(index, record, answers.put)
    return answers.get(timeout=10)
