"""Connections to SQLite."""

from sqlalchemy import make_url

from mpi.storage.backends.sqlite import open_engine


def take_connection(engine):
    """Take a connection, give it back, and return which one it was."""
    with engine.connect() as connection:
        return connection.connection.driver_connection


def test_calls_that_follow_each_other_use_one_connection(tmp_path):
    """Each connection has a cache of its own: with all in turn, memory grows with each of them."""
    engine = open_engine(make_url(f"sqlite:///{tmp_path / 'index.db'}"), busy_timeout_ms=1_000)
    at_once = [engine.connect() for _ in range(3)]
    for connection in at_once:
        connection.close()
    assert len({take_connection(engine) for _ in range(6)}) == 1
    engine.dispose()
