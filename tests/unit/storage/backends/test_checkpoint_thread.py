"""Checkpoints of SQLite's log by a thread beside the writers."""

import sqlite3
import time
from contextlib import closing

from mpi.domain.tuning import StorageTuning
from mpi.domain.viewer import make_operator
from mpi.storage.backends.checkpoint_thread import COMMITS_PER_CHECKPOINT, Checkpointer
from tests.index import open_test_index
from tests.sqlite_log import log_bytes, open_database, rows_in_file, within_seconds


def write_rows(connection, count):
    for _ in range(count):
        connection.execute("INSERT INTO t VALUES (1)")


def test_enough_commits_trigger_a_checkpoint_while_the_log_stays_open(tmp_path):
    path = tmp_path / "log.db"
    connection = open_database(path)
    checkpoints = Checkpointer(path, StorageTuning(checkpoint_interval_s=3_600))
    write_rows(connection, 3)
    for _ in range(COMMITS_PER_CHECKPOINT - 1):
        checkpoints.count_commit()
    assert not rows_in_file(path)
    checkpoints.count_commit()
    assert within_seconds(10, lambda: rows_in_file(path))
    checkpoints.stop()
    connection.close()


def test_a_rare_commit_triggers_a_checkpoint_after_the_interval(tmp_path):
    path = tmp_path / "log.db"
    connection = open_database(path)
    checkpoints = Checkpointer(path, StorageTuning(checkpoint_interval_s=0))
    write_rows(connection, 3)
    checkpoints.count_commit()
    assert within_seconds(10, lambda: rows_in_file(path))
    checkpoints.stop()
    connection.close()


def test_the_thread_ends_with_the_database_and_restarts_with_the_next_use(tmp_path):
    path = tmp_path / "log.db"
    connection = open_database(path)
    checkpoints = Checkpointer(path, StorageTuning())
    for _ in range(2):
        for _ in range(COMMITS_PER_CHECKPOINT):
            checkpoints.count_commit()
        checkpoints.stop()
    write_rows(connection, 1)
    for _ in range(COMMITS_PER_CHECKPOINT):
        checkpoints.count_commit()
    assert within_seconds(10, lambda: rows_in_file(path))
    checkpoints.stop()
    connection.close()


def test_a_commit_of_the_index_is_counted(tmp_path, monkeypatch):
    counts = []
    monkeypatch.setattr(Checkpointer, "count_commit", lambda *_: counts.append(1))
    with open_test_index(tmp_path) as index, index.database.write(make_operator(), "test") as unit:
        count_before = len(counts)
        unit.ensure_commit()
    assert len(counts) == count_before + 1


def test_the_log_is_truncated_on_request(tmp_path):
    path = tmp_path / "log.db"
    with closing(open_database(path)) as connection:
        write_rows(connection, 3)
        assert log_bytes(path)
        Checkpointer(path, StorageTuning()).truncate_log()
        assert not log_bytes(path)
        assert rows_in_file(path)


def test_a_log_with_a_reader_is_kept_without_a_long_wait(tmp_path):
    path = tmp_path / "log.db"
    with (
        closing(open_database(path)) as connection,
        closing(sqlite3.connect(path, isolation_level=None)) as reader,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM t").fetchone()
        write_rows(connection, 3)
        start = time.monotonic()
        Checkpointer(path, StorageTuning()).truncate_log()
        assert time.monotonic() - start < 5
        assert log_bytes(path)
        assert reader.execute("SELECT count(*) FROM t").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (3,)
