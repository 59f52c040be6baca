"""SQLite database in WAL mode, with helpers that read its file and its log."""

import sqlite3
import time
from contextlib import closing


def open_database(path):
    """Open a new database of one table, whose log is checkpointed only on request."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE t (x)")
    return connection


def rows_in_file(path):
    """Return how many rows are in the database file itself, without its log."""
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(copy)) as reader:
        try:
            return reader.execute("SELECT count(*) FROM t").fetchone()[0]
        except sqlite3.DatabaseError:  # in the middle of a checkpoint the file is unreadable without its log
            return 0


def log_bytes(path):
    """Return the length of the log in bytes."""
    return path.with_name(path.name + "-wal").stat().st_size


def within_seconds(seconds, condition):
    """Return whether a condition becomes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
