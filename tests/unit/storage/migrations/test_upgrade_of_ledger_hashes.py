"""Upgrade of a ledger from before it was a Merkle tree."""

from alembic import command
from sqlalchemy import text

from mpi.domain.ledger.line_hash import commit_to, hash_line
from mpi.domain.viewer import make_operator
from mpi.storage import migrate
from mpi.storage.backends.ledger_file import TRIGGERS
from mpi.storage.unit_of_work.database import Database

LINES = """
INSERT INTO disclosure (id, at, client, action, record_ids, fields, handle) VALUES
  (1, '2026-01-01', 'a', 'person.read', '[3,14]', '[]', NULL),
  (2, '2026-01-02', 'b', 'crosswalk.export', '[]', '["é"]', 'all@1')
"""


def test_an_upgrade_hashes_the_lines_that_are_there(tmp_path, database_url):
    database = Database(database_url or f"sqlite:///{tmp_path / 'old.db'}")
    migrate.upgrade(database)
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0033")
    with database.ledger.engine.begin() as ledger:
        if not database.is_postgresql:
            for statement in (
                *(f"DROP TRIGGER {name}" for name in TRIGGERS),
                *(f"ALTER TABLE disclosure DROP COLUMN {name}" for name in ("nonce", "leaf", "commitment")),
                "DROP TABLE ledger_node",
                "DROP TABLE ledger_root",
            ):
                ledger.execute(text(statement))
        ledger.execute(text(LINES))
    assert migrate.upgrade(database) is migrate.SchemaState.BEHIND
    assert migrate.schema_drift(database) == []
    with database.ledger.read(make_operator()) as unit:
        lines = list(unit.ledger_tree.iterate_lines())
    assert [line.leaf for line in lines] == [
        hash_line(line.public, commit_to(line.nonce, line.personal)) for line in lines
    ]
    assert len({line.nonce for line in lines}) == 2
    database.dispose()
