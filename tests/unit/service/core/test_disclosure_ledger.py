"""The ledger as many threads write it: each line durable before its call is answered, few transactions."""

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
from tests.index import an_index

CALLS = 40


@pytest.fixture
def index(tmp_path):
    with an_index(tmp_path) as index:
        yield index


def lines(index):
    with index.database.read(make_operator()) as unit:
        return unit.disclosures.all()


def counting(monkeypatch, at_commit=lambda: None):
    """Count the ledger's transactions."""
    transactions = []
    write = Database.write

    @contextmanager
    def counted(self, viewer, kind, *rest):
        if kind == "disclose":
            at_commit()
            transactions.append(kind)
        with write(self, viewer, kind, *rest) as unit:
            yield unit

    monkeypatch.setattr(Database, "write", counted)
    return transactions


def test_calls_of_one_moment_share_a_transaction_and_each_has_its_line(index, monkeypatch):
    go = threading.Barrier(CALLS)
    transactions = counting(monkeypatch)

    def call(number):
        go.wait()
        disclose(index, make_operator(), Action.PERSON_READ, [number], ("now",))
        return {number} <= {record for line in lines(index) for record in line.record_ids}

    with ThreadPoolExecutor(CALLS) as pool:
        assert all(pool.map(call, range(1, CALLS + 1))), "a call was answered before its line was there"
    assert len(lines(index)) == CALLS
    assert len(transactions) < CALLS


def test_calls_that_come_while_another_process_writes_share_the_next_transaction(index, monkeypatch):
    transactions = counting(monkeypatch)
    with ThreadPoolExecutor(CALLS) as pool:
        with index.database.ledger.write(make_operator(), "another's", Lock.NONE):
            told = [
                pool.submit(disclose, index, make_operator(), Action.PERSON_READ, [number], ("now",))
                for number in range(1, CALLS + 1)
            ]
            until = time.monotonic() + 10
            while len(index.store.ledger._pending) < CALLS and time.monotonic() < until:
                time.sleep(0.005)
        for each in told:
            each.result(10)
    assert len(lines(index)) == CALLS
    assert len(transactions) == 1


def test_when_the_ledger_cannot_be_written_none_of_the_calls_that_waited_is_answered(index, monkeypatch):
    go = threading.Barrier(CALLS)
    counting(monkeypatch, at_commit=lambda: (_ for _ in ()).throw(StoreError("the disk is full")))

    def call(number):
        go.wait()
        with pytest.raises(StoreError):
            disclose(index, make_operator(), Action.PERSON_READ, [number], ("now",))

    with ThreadPoolExecutor(CALLS) as pool:
        list(pool.map(call, range(1, CALLS + 1)))
    assert lines(index) == []


def test_a_ledger_that_failed_once_is_written_again(index, monkeypatch):
    with monkeypatch.context() as failing:
        counting(failing, at_commit=lambda: (_ for _ in ()).throw(StoreError("the disk is full")))
        with pytest.raises(StoreError, match="disk is full"):
            disclose(index, make_operator(), Action.PERSON_READ, [1], ("now",))
    disclose(index, make_operator(), Action.PERSON_READ, [2], ("now",))
    assert [line.record_ids for line in lines(index)] == [(2,)]


def test_after_a_fault_that_nobody_foresaw_the_next_line_is_written(index, monkeypatch):
    faults = iter([RuntimeError("out of threads")])

    def at_commit():
        for fault in faults:
            raise fault

    counting(monkeypatch, at_commit)
    assert isinstance(handed_over(index, 1), StoreError)
    assert handed_over(index, 2) is None
    assert [line.record_ids for line in lines(index)] == [(2,)]


def test_lines_handed_in_one_after_the_other_are_written_once_all_are_there(index, monkeypatch):
    transactions = counting(monkeypatch)
    said, wakes = queue.SimpleQueue(), []
    for number in (1, 2, 3):
        hand_in(index, number, said.put, wakes.append)
    assert said.empty()
    [wake] = wakes
    wake()
    assert [said.get(timeout=10) for _ in range(3)] == [None] * 3
    assert [line.record_ids for line in lines(index)] == [(1,), (2,), (3,)]
    assert len(transactions) == 1
    hand_in(index, 4, said.put, lambda wake: wake())
    assert said.get(timeout=10) is None


def hand_in(index, record, told, soon=call_now):
    line = Disclosure("2026-01-01T00:00:00.000000Z", "d", None, "person", (record,), ("now",))
    index.store.ledger.write_in_background(index.database, make_operator(), lambda: line, told, soon)


def handed_over(index, record):
    """What the ledger's own thread says of a line."""
    said = queue.SimpleQueue()
    hand_in(index, record, said.put)
    return said.get(timeout=10)
