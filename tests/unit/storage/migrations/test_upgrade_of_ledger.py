"""Upgrade of a ledger from before it was indexed by record."""

from alembic import command
from sqlalchemy import text

from mpi.domain.viewer import make_operator
from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database

OLD_LINES = """
INSERT INTO disclosure (id, at, client, action, record_ids, fields, handle) VALUES
  (1, '2026-01-01', 'a', 'person.read', '[3,14]', '[]', NULL),
  (2, '2026-01-02', 'b', 'person.read', '[14,31]', '[]', NULL),
  (3, '2026-01-03', 'c', 'crosswalk.export', '[]', '[]', 'all@1'),
  (4, '2026-01-04', 'd', 'person.read', '[]', '[]', NULL)
"""


def test_every_line_of_an_old_ledger_is_found_by_record_and_date(tmp_path, database_url):
    database = Database(database_url or f"sqlite:///{tmp_path / 'old.db'}")
    migrate.upgrade(database)
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0002")
        connection.execute(text(OLD_LINES))
    assert migrate.upgrade(database) is migrate.SchemaState.BEHIND
    assert migrate.schema_drift(database) == []
    with database.read(make_operator()) as unit:
        clients = {
            record: [line.client for line in unit.disclosure_search.about_records("2026-01-01", [record])]
            for record in (1, 3, 14, 31)
        }
        later_clients = [line.client for line in unit.disclosure_search.about_records("2026-01-02", [3, 14])]
    assert clients == {1: ["c"], 3: ["a", "c"], 14: ["a", "b", "c"], 31: ["b", "c"]}
    assert later_clients == ["b", "c"]
    database.dispose()
