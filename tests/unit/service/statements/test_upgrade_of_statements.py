"""Test the upgrade of an index from before every statement was kept."""

from alembic import command
from sqlalchemy import text

from mpi.domain.viewer import make_operator
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database

OLD_ROWS = """
INSERT INTO agency VALUES (1, 'a', 'a');
INSERT INTO source (id, code, name, agency_id, kind, feed_mode, duplicates_expected, trust, complete_for,
  paused, group_id, created_commit) VALUES (1, 'sis', 'sis', 1, 'sis', 'delta', true, 0, '[]', false, 1, 1);
INSERT INTO commit_log (no, at, actor, client, kind) VALUES (1, '2026-01-01', 'x', 'x', 'load');
INSERT INTO commit_log (no, at, actor, client, kind) VALUES (2, '2026-01-02', 'x', 'x', 'load');
INSERT INTO record (id, source_id, local_id, group_id, state, canonical_key, version_id, last_seen) VALUES
  (1, 1, 'stands', 1, 'active', 11, 1, '2026-01-01'), (2, 1, 'restated', 1, 'active', 12, 2, '2026-01-05'),
  (3, 1, 'gone', 1, 'withdrawn', 13, 3, '2026-01-06');
INSERT INTO record_version (id, record_id, as_of, received_commit, state, content_hash, issues,
  payload) VALUES
  (1, 1, '2026-01-01', 1, 'active', 'h', '[]', '{}'), (2, 2, '2026-01-01', 1, 'active', 'h', '[]', '{}'),
  (3, 3, '2026-01-01', 1, 'active', 'h', '[]', '{}')
"""


def test_upgrade_keeps_the_statements_in_force(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in OLD_ROWS.split(";"):
            connection.execute(text(statement))
    assert migrate.upgrade(database) is migrate.SchemaState.BEHIND
    assert migrate.schema_drift(database) == []
    with database.read(make_operator()) as unit:
        assertions = unit.record_assertions.assertions_about([1, 2, 3])
    latest = {record: max(statements) for record, statements in assertions.items()}
    assert {record: latest_statement.version_id for record, latest_statement in latest.items()} == {
        1: 1,
        2: 2,
        3: None,
    }
    assert {record: latest_statement.as_of for record, latest_statement in latest.items()} == {
        1: "2026-01-01",
        2: "2026-01-05",
        3: "2026-01-06",
    }
    database.dispose()
