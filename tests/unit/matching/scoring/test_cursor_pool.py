"""Queries that are answered at once, and what becomes of them when whoever asked leaves."""

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
SOON_S = 20


@pytest.fixture
def connection():
    with duckdb.connect() as opened:
        yield opened


def two_minutes(cursor):
    return cursor.sql(TWO_MINUTES).fetchall()


@contextmanager
def interrupted_soon(when):
    """Press Ctrl-C when that is set, expect to be out soon, and press it again, so that failing ends too."""
    main, out, late = threading.main_thread().ident, threading.Event(), []

    def press():
        when.wait(SOON_S)
        # A thread that is just about to wait for a lock overlooks a signal.
        time.sleep(0.1)
        signal.pthread_kill(main, signal.SIGINT)
        while not out.wait(SOON_S):
            late.append(True)
            signal.pthread_kill(main, signal.SIGINT)

    pressing = threading.Thread(target=press)
    # An interrupt is lost in what is called back at a collection, as Hypothesis is.
    gc.disable()
    try:
        with pytest.raises(KeyboardInterrupt):
            pressing.start()
            try:
                yield
            finally:
                out.set()
    finally:
        gc.enable()
        pressing.join()
    assert not late


def test_each_query_is_answered_more_of_them_than_threads(connection):
    with CursorPool(connection, 2) as at_once:
        asked = [
            at_once.submit(lambda cursor, number=number: cursor.sql(f"SELECT {number}").fetchall())
            for number in range(7)
        ]
        assert [answered.result() for answered in asked] == [[(number,)] for number in range(7)]


def test_an_interrupt_ends_what_is_asked_and_what_would_be_next(connection):
    begun, asked_later = threading.Event(), []

    def first(cursor):
        begun.set()
        return two_minutes(cursor)

    with interrupted_soon(begun), CursorPool(connection, 2) as at_once:
        asked = [at_once.submit(first) for _ in range(2)]
        at_once.submit(asked_later.append)
        asked[0].result()
    assert not asked_later


def test_an_interrupt_ends_a_query_that_is_begun_after_it(connection):
    begun = threading.Event()

    def late(cursor):
        begun.set()
        time.sleep(0.5)
        return two_minutes(cursor)

    with interrupted_soon(begun), CursorPool(connection, 2) as at_once:
        at_once.submit(late).result()


def test_an_interrupt_while_a_thread_begins_leaves_no_query_behind(connection, monkeypatch):
    start, begun, over = threading.Thread.start, threading.Event(), threading.Event()

    def at_work(cursor):
        begun.set()
        try:
            return two_minutes(cursor)
        finally:
            over.set()

    def interrupted(thread):
        start(thread)
        begun.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt), CursorPool(connection, 2) as at_once:
        at_once.submit(at_work)
    assert over.is_set()
    connection.close()


def test_a_query_that_comes_to_its_turn_after_all_have_left_is_not_asked(connection, monkeypatch):
    kept, asked = [], []
    monkeypatch.setattr(
        "mpi.matching.scoring.cursor_pool.ThreadPoolExecutor.submit", lambda _, *work: kept.append(work)
    )
    with CursorPool(connection, 2) as at_once:
        at_once.submit(asked.append)
    answer, *rest = kept[0]
    with pytest.raises(CancelledError):
        answer(*rest)
    assert not asked


def test_an_error_of_one_query_is_told_and_ends_the_others(connection):
    began = time.monotonic()
    with pytest.raises(duckdb.CatalogException), CursorPool(connection, 2) as at_once:
        at_once.submit(two_minutes)
        at_once.submit(lambda cursor: cursor.sql("FROM nowhere").fetchall()).result()
    assert time.monotonic() - began < SOON_S


def test_whoever_is_interrupted_while_pairs_are_scored_does_not_wait_for_them(tmp_path, monkeypatch):
    weighed, begun = PairQuery.weigh, threading.Event()

    def begins(*asked, **named):
        begun.set()
        return weighed(*asked, **named)

    monkeypatch.setattr(PairQuery, "weigh", begins)
    monkeypatch.setattr(PairQuery, "write_sql", lambda *_: TWO_MINUTES)
    pairs = pa.table({"lo": range(-50, 0), "hi": range(50)}, schema=PAIR_SCHEMA)
    with LoadScorer(load_model(find_model_folder()), ScoringResources(tmp_path), pairs_per_thread=10) as kept:
        with interrupted_soon(begun):
            kept.score(pairs, -200.0, ())
        assert kept._connection.sql("SELECT current_setting('disabled_optimizers')").fetchall() == [("",)]
