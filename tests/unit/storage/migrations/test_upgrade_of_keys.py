"""Schema upgrades of keys: packed rows (0012), segments (0013, 0014) and removed keys (0016)."""

import numpy as np
import pytest
from alembic import command
from sqlalchemy import inspect, text

from mpi.storage import migrate
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from mpi.storage.unit_of_work.database import Database

KEYS = {(1, 1, 3): [-9, 4], (1, 2, 5_000): [4], (1, 1, 5_001): [-(2**63), 2**63 - 1], (2, 1, 3): [7]}
"""Keys by configuration, visibility group and record."""


@pytest.fixture
def older_schema(tmp_path, database_url):
    database = Database(database_url or f"sqlite:///{tmp_path / 'old.db'}")
    config = migrate._alembic_config()
    config.attributes["take_over"] = lambda _: None
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        command.downgrade(config, "0011")
        yield connection, config
        # The next test expects the current schema.
        command.upgrade(config, "head")
    database.dispose()


def test_every_record_keeps_its_keys(older_schema):
    connection, config = older_schema
    for (configuration, group, record), keys in KEYS.items():
        for key in reversed(keys):
            connection.execute(
                text(
                    "INSERT INTO blocking_key (config_id, group_id, key, record_id) VALUES (:c, :g, :k, :r)"
                ),
                {"c": configuration, "g": group, "k": key, "r": record},
            )
    command.upgrade(config, "0012")
    rows = connection.execute(text("SELECT config_id, group_id, record_id, packed FROM record_keys")).all()
    assert {tuple(row[:3]): np.frombuffer(row[3], STORED_DTYPE).tolist() for row in rows} == KEYS
    assert inspect(connection).get_indexes("blocking_key") == []
    command.downgrade(config, "0011")
    assert connection.execute(text("SELECT count(*) FROM blocking_key")).scalar() == 6


def test_an_index_without_keys_is_upgraded(older_schema):
    connection, config = older_schema
    command.upgrade(config, "0012")
    assert connection.execute(text("SELECT count(*) FROM record_keys")).scalar() == 0


def test_a_downgrade_compacts_the_keys_in_segments(older_schema):
    connection, config = older_schema
    command.upgrade(config, "0013")
    rows = [(1, 5, 1, -9, 3), (1, 5, 1, 4, 3), (1, 7, 2, 4, 8), (2, 7, 1, 4, 3)]
    for row in rows:
        values = ", ".join(map(str, row))
        connection.execute(
            text(f"INSERT INTO recent_key (config_id, run, group_id, key, record_id) VALUES ({values})")
        )
    # One key is in both tables by damage, and one is in no segment.
    connection.execute(text("INSERT INTO blocking_key VALUES (1, 1, 4, 3), (1, 1, 6, 9)"))
    command.downgrade(config, "0012")
    rows_after = connection.execute(
        text("SELECT config_id, group_id, key, record_id FROM blocking_key")
    ).all()
    expected = {(row[0], *row[2:]) for row in rows} | {(1, 1, 6, 9)}
    assert sorted(tuple(row) for row in rows_after) == sorted(expected)
    assert "recent_key" not in inspect(connection).get_table_names()
    connection.execute(text("DELETE FROM blocking_key"))


def test_an_upgrade_compacts_the_keys_in_segments_of_rows(older_schema):
    connection, config = older_schema
    command.upgrade(config, "0013")
    connection.execute(text("INSERT INTO recent_key VALUES (1, 5, 1, -9, 3), (1, 7, 2, 4, 8)"))
    connection.execute(text("INSERT INTO blocking_key VALUES (1, 1, -9, 3), (1, 1, 6, 9)"))
    command.upgrade(config, "0014")
    rows_after = connection.execute(
        text("SELECT config_id, group_id, key, record_id FROM blocking_key")
    ).all()
    assert sorted(tuple(row) for row in rows_after) == [(1, 1, -9, 3), (1, 1, 6, 9), (1, 2, 4, 8)]
    connection.execute(text("DELETE FROM blocking_key"))


def test_a_downgrade_compacts_packed_keys_without_the_deleted_ones(older_schema):
    connection, config = older_schema
    command.upgrade(config, "0014")
    insert = text("INSERT INTO key_run VALUES (:number, :config, 7, 1, 2, :size, 1, :keys, :records)")
    for number, configuration, rows in (
        (1, 1, [(-9, 3), (4, 8)]),
        (2, 1, [(4, 8), (5, 3)]),
        (3, 2, [(5, 8)]),
    ):
        keys, records = (np.array(column, STORED_DTYPE).tobytes() for column in zip(*rows, strict=True))
        values = {
            "number": number,
            "config": configuration,
            "size": len(rows),
            "keys": keys,
            "records": records,
        }
        connection.execute(insert, values)
    # In the first segment record 8 is deleted, and a compaction has moved the first key.
    connection.execute(text("INSERT INTO gone_from_runs (config_id, record_id, run) VALUES (1, 8, 1)"))
    connection.execute(text("INSERT INTO key_merge VALUES (1, 1, 1, -9, 3)"))
    connection.execute(text("INSERT INTO blocking_key VALUES (1, 1, -9, 3)"))
    command.downgrade(config, "0013")
    rows_after = connection.execute(
        text("SELECT config_id, group_id, key, record_id FROM blocking_key")
    ).all()
    assert sorted(tuple(row) for row in rows_after) == [
        (1, 1, -9, 3),
        (1, 1, 4, 8),
        (1, 1, 5, 3),
        (2, 1, 5, 8),
    ]
    assert connection.execute(text("SELECT count(*) FROM recent_key")).scalar() == 0
    connection.execute(text("DELETE FROM blocking_key"))


def test_a_downgrade_removes_lost_keys_from_the_base_table(older_schema):
    connection, config = older_schema
    command.upgrade(config, "0015")
    connection.execute(
        text("INSERT INTO key_run VALUES (1, 1, 7, 1, 1, 1, 1, :keys, :records)"),
        {name: np.array([n], STORED_DTYPE).tobytes() for name, n in (("keys", 3), ("records", 8))},
    )
    command.upgrade(config, "0016")
    [[keys, records]] = connection.execute(text("SELECT lost_keys, lost_ids FROM key_run")).all()
    assert (bytes(keys), bytes(records)) == (b"", b"")
    lost_columns = {
        name: np.array(rows, STORED_DTYPE).tobytes()
        for name, rows in (("keys", [-9, 4]), ("records", [3, 8]))
    }
    connection.execute(text("UPDATE key_run SET lost_keys = :keys, lost_ids = :records"), lost_columns)
    # A compaction removed the first key, which then returned; a segment outside that compaction lost the
    # fifth.
    connection.execute(text("INSERT INTO key_merge VALUES (1, 1, 1, -9, 3)"))
    connection.execute(
        text("INSERT INTO key_run VALUES (2, 1, 8, 1, 1, 1, 1, :none, :none, :keys, :records)"),
        {"none": b"", **{n: np.array([-10], STORED_DTYPE).tobytes() for n in ("keys", "records")}},
    )
    rows = "(1, 1, -9, 3), (1, 1, 4, 8), (1, 1, 4, 9), (2, 1, 4, 8), (1, 1, -10, -10)"
    connection.execute(text(f"INSERT INTO blocking_key VALUES {rows}"))
    command.downgrade(config, "0015")
    rows_after = connection.execute(
        text("SELECT config_id, group_id, key, record_id FROM blocking_key")
    ).all()
    assert sorted(tuple(row) for row in rows_after) == [(1, 1, -9, 3), (1, 1, 4, 9), (2, 1, 4, 8)]
    columns = {column["name"] for column in inspect(connection).get_columns("key_run")}
    assert not columns & {"lost_keys", "lost_ids"}
    for table in ("blocking_key", "key_run", "key_merge"):
        connection.execute(text(f"DELETE FROM {table}"))
