"""Schema 0008: tasks of an earlier version get the sources of their records."""

from alembic import command
from sqlalchemy import text

from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database

SETUP_STATEMENTS = (
    "INSERT INTO agency (id, code, name) VALUES (1, 'a', 'a')",
    (
        "INSERT INTO source (id, code, name, agency_id, kind, feed_mode, duplicates_expected, trust,"
        " complete_for, paused, group_id, created_commit) VALUES"
        " (1, 'sis', '', 1, 'sis', 'delta', 0, 0, '[]', 0, 1, 1),"
        " (2, 'ccwis', '', 1, 'ccwis', 'delta', 0, 0, '[]', 0, 1, 1)"
    ),
    (
        "INSERT INTO record (id, source_id, local_id, group_id, state, canonical_key, last_seen)"
        " VALUES (7, 2, 'x', 1, 'active', 7, ''), (9, 1, 'y', 1, 'active', 9, '')"
    ),
    (
        "INSERT INTO task (key, kind, lo, hi, weight, reason, opened_commit, question, subject, harm,"
        " harm_unflagged) VALUES ('k', 'pair', 7, 9, 1, 'band', 1, 'q', 7, 5, 4)"
    ),
)


def test_a_task_gets_the_source_of_each_of_its_records(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for statement in SETUP_STATEMENTS:
            connection.execute(text(statement))
        command.upgrade(config, "0008")
        sources = connection.execute(text("SELECT lo_source, hi_source, harm_unflagged FROM task")).one()
        assert sources == (2, 1, 4)
        command.downgrade(config, "0007")
        assert connection.execute(text("SELECT question FROM task")).scalar() == "q"
    database.dispose()
