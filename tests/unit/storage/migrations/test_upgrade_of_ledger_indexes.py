"""Upgrade of a ledger from before it was indexed by client, action, purpose and agreement."""

from alembic import command
from sqlalchemy import inspect

from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database

NEW = {
    "disclosure": {
        "ix_disclosure_client",
        "ix_disclosure_action",
        "ix_disclosure_purpose",
        "ix_disclosure_agreement",
    },
    "refusal": {"ix_refusal_minute"},
}


def list_indexes(database):
    inspector = inspect(database.ledger.engine)
    return {table: {index["name"] for index in inspector.get_indexes(table)} for table in NEW}


def downgrade(database):
    """Return a database and its ledger to the version before, as that version left them."""
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0028")
    if database.ledger is not database:
        with database.ledger.engine.begin() as ledger:
            for name in sorted(set().union(*NEW.values())):
                ledger.exec_driver_sql(f"DROP INDEX {name}")


def test_an_upgrade_indexes_the_ledger_on_both_stores(tmp_path, database_url):
    database = Database(database_url or f"sqlite:///{tmp_path / 'old.db'}")
    migrate.upgrade(database)
    downgrade(database)
    assert not any(NEW[table] & indexes for table, indexes in list_indexes(database).items())
    for _ in range(2):
        migrate.upgrade(database)
    assert all(NEW[table] <= indexes for table, indexes in list_indexes(database).items())
    assert migrate.schema_drift(database) == []
    database.dispose()


def test_an_upgrade_that_was_killed_after_the_ledger_was_indexed_is_repeated(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'old.db'}")
    migrate.upgrade(database)
    config = migrate._alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0028")
    assert migrate.upgrade(database) is migrate.SchemaState.BEHIND
    assert migrate.schema_drift(database) == []
    database.dispose()
