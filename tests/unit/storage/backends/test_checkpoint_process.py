"""A process of its own copies SQLite's log into the file, a few pages at a time."""

import sqlite3
import sys
import time
from contextlib import closing
from multiprocessing import active_children

import pytest

from mpi.storage.backends import checkpoint_process as copier_module
from mpi.storage.backends.checkpoint_process import copying_apart
from mpi.storage.backends.checkpoint_thread import COMMITS_PER_CHECKPOINT, Checkpointer
from tests.sqlite_log import log_bytes, opened, rows_in_file, within_seconds

paced_file = pytest.importorskip("mpi.storage.backends.throttled_file", reason="APSW is for Linux")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the call is Linux's")

PAGE = 4096


def write(connection, rows=300):
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * rows)
    connection.execute("COMMIT")


def test_what_was_committed_is_copied_while_it_is_read_and_written(tmp_path):
    path = tmp_path / "log.db"
    with closing(opened(path)) as connection, copying_apart(path) as copier:
        for times in range(1, 4):
            write(connection)
            assert copier.copy()
            assert within_seconds(10, lambda times=times: copier.copy() and rows_in_file(path) == 300 * times)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (900,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_log_is_empty_once_that_was_waited_for(tmp_path):
    path = tmp_path / "log.db"
    with closing(opened(path)) as connection, copying_apart(path) as copier:
        write(connection)
        assert copier.copy()
        assert copier.begin_log_anew()
        assert log_bytes(path) == 0
        assert rows_in_file(path) == 300


def test_a_log_from_which_somebody_reads_stays_and_nobody_waits_long_for_that(tmp_path):
    path = tmp_path / "log.db"
    with closing(opened(path)) as connection, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (0,)
        write(connection)
        with copying_apart(path) as copier:
            began = time.monotonic()
            assert copier.begin_log_anew()
            assert time.monotonic() - began < 10
        assert log_bytes(path)
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_while_one_checkpoint_is_made_no_other_is_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "log.db"
    with closing(opened(path)), copying_apart(path) as copier:
        asked = []
        ask = copier._ask
        monkeypatch.setattr(copier, "_ask", lambda what: (asked.append(what), ask(what)))
        monkeypatch.setattr(copier._pipe.__class__, "poll", lambda *_: False)
        for _ in range(5):
            assert copier.copy()
        assert len(asked) == 1


def test_the_process_ends_with_the_work(tmp_path):
    path = tmp_path / "log.db"
    with closing(opened(path)):
        with copying_apart(path):
            assert active_children()
        assert not active_children()


def test_where_the_process_was_ended_from_outside_the_threads_go_on(tmp_path):
    path = tmp_path / "log.db"
    checkpoints = Checkpointer(path)
    with closing(opened(path)) as connection, checkpoints.use_own_process():
        (process,) = active_children()
        process.kill()
        process.join()
        write(connection)
        assert within_seconds(
            20,
            lambda: (
                [checkpoints.count_commit() for _ in range(COMMITS_PER_CHECKPOINT)]
                and rows_in_file(path) == 300
            ),
        )
        # The thread may be at the last of those checkpoints still.
        assert within_seconds(10, lambda: checkpoints.truncate_log() or log_bytes(path) == 0)
    checkpoints.stop()


def test_where_it_cannot_be_had_the_thread_makes_them(tmp_path, monkeypatch):
    monkeypatch.setattr(copier_module.importlib.util, "find_spec", lambda _name: None)
    path = tmp_path / "log.db"
    checkpoints = Checkpointer(path)
    with closing(opened(path)) as connection, checkpoints.use_own_process():
        assert not active_children()
        write(connection)
        for _ in range(COMMITS_PER_CHECKPOINT):
            checkpoints.count_commit()
        assert within_seconds(10, lambda: rows_in_file(path) == 300)
    checkpoints.stop()


def test_the_disk_has_a_few_pages_before_more_are_written(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\0" * 100 * PAGE)
    pace = paced_file.Pace(str(path))
    handed = []
    pace._hand_over = lambda _file, begin, size, how: handed.append((begin, size, how))
    for page in range(20):
        pace.written(page * 3 * PAGE, PAGE)
    assert handed == [(0, (15 * 3 + 1) * PAGE, 7)]
    pace.hand_over()
    pace.hand_over()
    assert handed[1:] == [(16 * 3 * PAGE, (3 * 3 + 1) * PAGE, 7)]
