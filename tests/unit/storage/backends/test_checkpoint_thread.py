"""SQLite's log is copied into the file beside the writers, not by them."""

import sqlite3
import time
from contextlib import closing

from mpi.domain.viewer import make_operator
from mpi.storage.backends import checkpoint_thread as checkpoints_module
from mpi.storage.backends.checkpoint_thread import COMMITS_PER_CHECKPOINT, Checkpointer
from tests.index import an_index
from tests.sqlite_log import log_bytes, opened, rows_in_file, within_seconds


def write(connection, times):
    for _ in range(times):
        connection.execute("INSERT INTO t VALUES (1)")


def test_after_enough_commits_the_log_is_copied_into_the_file_while_it_stays_open(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints_module, "CHECKPOINT_INTERVAL_S", 3_600)
    path = tmp_path / "log.db"
    connection = opened(path)
    checkpoints = Checkpointer(path)
    write(connection, 3)
    for _ in range(COMMITS_PER_CHECKPOINT - 1):
        checkpoints.count_commit()
    assert not rows_in_file(path)
    checkpoints.count_commit()
    assert within_seconds(10, lambda: rows_in_file(path))
    checkpoints.stop()
    connection.close()


def test_so_it_is_after_one_commit_of_a_work_that_seldom_commits(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints_module, "CHECKPOINT_INTERVAL_S", 0)
    path = tmp_path / "log.db"
    connection = opened(path)
    checkpoints = Checkpointer(path)
    write(connection, 3)
    checkpoints.count_commit()
    assert within_seconds(10, lambda: rows_in_file(path))
    checkpoints.stop()
    connection.close()


def test_the_thread_ends_when_the_database_is_closed_and_begins_again_when_it_is_used_again(tmp_path):
    path = tmp_path / "log.db"
    connection = opened(path)
    checkpoints = Checkpointer(path)
    for _ in range(2):
        for _ in range(COMMITS_PER_CHECKPOINT):
            checkpoints.count_commit()
        checkpoints.stop()
    write(connection, 1)
    for _ in range(COMMITS_PER_CHECKPOINT):
        checkpoints.count_commit()
    assert within_seconds(10, lambda: rows_in_file(path))
    checkpoints.stop()
    connection.close()


def test_a_commit_of_the_index_counts(tmp_path, monkeypatch):
    counted = []
    monkeypatch.setattr(Checkpointer, "count_commit", lambda *_: counted.append(1))
    with an_index(tmp_path) as index, index.database.write(make_operator(), "test") as unit:
        before = len(counted)
        unit.ensure_commit()
    assert len(counted) == before + 1


def test_the_log_begins_anew_when_that_is_asked_for(tmp_path):
    path = tmp_path / "log.db"
    with closing(opened(path)) as connection:
        write(connection, 3)
        assert log_bytes(path)
        Checkpointer(path).truncate_log()
        assert not log_bytes(path)
        assert rows_in_file(path)


def test_the_log_stays_where_somebody_reads_what_was_before_and_nobody_waits_long_for_that(tmp_path):
    path = tmp_path / "log.db"
    with closing(opened(path)) as connection, closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        write(connection, 3)
        began = time.monotonic()
        Checkpointer(path).truncate_log()
        assert time.monotonic() - began < 5
        assert log_bytes(path)
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)
