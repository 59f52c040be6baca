"""An index from before every statement was kept is upgraded to one where loads can be undone."""

from alembic import command
from sqlalchemy import text

from mpi.domain.viewer import make_operator
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database

OLD = """
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


def test_what_was_said_before_is_what_stands_after(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for statement in OLD.split(";"):
            connection.execute(text(statement))
    assert migrate.upgrade(database) is migrate.SchemaState.BEHIND
    assert migrate.schema_drift(database) == []
    with database.read(make_operator()) as unit:
        heard = unit.record_assertions.assertions_about([1, 2, 3])
    latest = {record: max(said) for record, said in heard.items()}
    assert {record: one.version_id for record, one in latest.items()} == {1: 1, 2: 2, 3: None}
    assert {record: one.as_of for record, one in latest.items()} == {
        1: "2026-01-01",
        2: "2026-01-05",
        3: "2026-01-06",
    }
    database.dispose()
