"""Pool of DuckDB cursors: concurrent queries, and their end after an interrupt."""

import gc
import signal
import threading
import time
from concurrent.futures import CancelledError
from contextlib import contextmanager

import duckdb
import pyarrow as pa
import pytest

from mpi.matching.compiler.pair_query import PairQuery
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.matching.scoring.batch_scorer import LoadScorer, ScoringResources
from mpi.matching.scoring.cursor_pool import CursorPool
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA

TWO_MINUTES = "SELECT count(*) FROM range(200000) AS a, range(200000) AS b WHERE a.range + b.range = -1"
TIMEOUT_S = 20


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        yield opened


def run_two_minute_query(cursor):
    return cursor.sql(TWO_MINUTES).fetchall()


@contextmanager
def interrupt_soon(ready):
    """Send Ctrl-C once ready, expect to leave soon, and send it again so that a failing test ends."""
    main_thread, has_left, overdue = threading.main_thread().ident, threading.Event(), []

    def send_interrupts():
        ready.wait(TIMEOUT_S)
        # A thread that is about to wait for a lock misses a signal.
        time.sleep(0.1)
        signal.pthread_kill(main_thread, signal.SIGINT)
        while not has_left.wait(TIMEOUT_S):
            overdue.append(True)
            signal.pthread_kill(main_thread, signal.SIGINT)

    sender = threading.Thread(target=send_interrupts)
    # An interrupt is lost in a callback of the garbage collector, such as Hypothesis's.
    gc.disable()
    try:
        with pytest.raises(KeyboardInterrupt):
            sender.start()
            try:
                yield
            finally:
                has_left.set()
    finally:
        gc.enable()
        sender.join()
    assert not overdue


def test_more_queries_than_threads_are_all_answered(connection):
    with CursorPool(connection, 2) as pool:
        futures = [
            pool.submit(lambda cursor, number=number: cursor.sql(f"SELECT {number}").fetchall())
            for number in range(7)
        ]
        assert [future.result() for future in futures] == [[(number,)] for number in range(7)]


def test_an_interrupt_ends_running_queries_and_starts_no_more(connection):
    has_begun, later_queries = threading.Event(), []

    def run_first(cursor):
        has_begun.set()
        return run_two_minute_query(cursor)

    with interrupt_soon(has_begun), CursorPool(connection, 2) as pool:
        futures = [pool.submit(run_first) for _ in range(2)]
        pool.submit(later_queries.append)
        futures[0].result()
    assert not later_queries


def test_an_interrupt_ends_a_query_that_starts_after_it(connection):
    has_begun = threading.Event()

    def start_late(cursor):
        has_begun.set()
        time.sleep(0.5)
        return run_two_minute_query(cursor)

    with interrupt_soon(has_begun), CursorPool(connection, 2) as pool:
        pool.submit(start_late).result()


def test_an_interrupt_while_a_thread_starts_leaves_no_query_behind(connection, monkeypatch):
    start, has_begun, has_ended = threading.Thread.start, threading.Event(), threading.Event()

    def run_query(cursor):
        has_begun.set()
        try:
            return run_two_minute_query(cursor)
        finally:
            has_ended.set()

    def start_interrupted(thread):
        start(thread)
        has_begun.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start_interrupted)
    with pytest.raises(KeyboardInterrupt), CursorPool(connection, 2) as pool:
        pool.submit(run_query)
    assert has_ended.is_set()
    connection.close()


def test_a_query_whose_turn_comes_after_an_exit_is_not_run(connection, monkeypatch):
    submitted, run_queries = [], []
    monkeypatch.setattr(
        "mpi.matching.scoring.cursor_pool.ThreadPoolExecutor.submit", lambda _, *work: submitted.append(work)
    )
    with CursorPool(connection, 2) as pool:
        pool.submit(run_queries.append)
    answer, *arguments = submitted[0]
    with pytest.raises(CancelledError):
        answer(*arguments)
    assert not run_queries


def test_an_error_of_one_query_is_raised_and_ends_the_others(connection):
    start = time.monotonic()
    with pytest.raises(duckdb.CatalogException), CursorPool(connection, 2) as pool:
        pool.submit(run_two_minute_query)
        pool.submit(lambda cursor: cursor.sql("FROM nowhere").fetchall()).result()
    assert time.monotonic() - start < TIMEOUT_S


def test_an_interrupt_during_scoring_does_not_wait_for_the_query(tmp_path, monkeypatch):
    weigh, has_begun = PairQuery.weigh, threading.Event()

    def note_and_weigh(*arguments, **options):
        has_begun.set()
        return weigh(*arguments, **options)

    monkeypatch.setattr(PairQuery, "weigh", note_and_weigh)
    monkeypatch.setattr(PairQuery, "write_sql", lambda *_: TWO_MINUTES)
    pairs = pa.table({"lo": range(-50, 0), "hi": range(50)}, schema=PAIR_SCHEMA)
    with LoadScorer(
        load_model(find_model_folder()), ScoringResources(tmp_path), pairs_per_thread=10
    ) as scorer:
        with interrupt_soon(has_begun):
            scorer.score(pairs, -200.0, ())
        assert scorer._connection.sql("SELECT current_setting('disabled_optimizers')").fetchall() == [("",)]
