"""A database of SQLite, and how much of it is in the file itself and not only in its log."""

import sqlite3
import time
from contextlib import closing


def opened(path):
    """A database of one table, with a log that nobody copies but who is asked to."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE t (x)")
    return connection


def rows_in_file(path):
    """How many rows are in the file itself, whatever its log has."""
    alone = path.with_suffix(".copy")
    alone.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(alone)) as reader:
        try:
            return reader.execute("SELECT count(*) FROM t").fetchone()[0]
        except sqlite3.DatabaseError:  # in the middle of a checkpoint the file is nothing without its log
            return 0


def log_bytes(path):
    """How long the log is."""
    return path.with_name(path.name + "-wal").stat().st_size


def within_seconds(seconds, condition):
    """Whether something comes to be so in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
