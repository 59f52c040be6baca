"""Creation, upgrade and check of the database schema."""

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlmodel import SQLModel

import mpi.storage.tables  # noqa: F401 - registers the tables
from mpi.domain.errors import StoreError
from mpi.storage.backends import ledger_file, postgresql
from mpi.storage.unit_of_work.database import Database, translate_errors

_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaState(StrEnum):
    """State of a database's schema compared with this program version."""

    MISSING = "missing"
    BEHIND = "behind"
    CURRENT = "current"
    NEWER = "newer"


def schema_state(database: Database) -> SchemaState:
    """Compare a database's schema with this program version's."""
    with translate_errors(), database.engine.connect() as connection:
        return _schema_state_of(connection)


def upgrade(database: Database) -> SchemaState:
    """Upgrade the database's schema in one transaction.

    Returns:
        The state of the schema before the upgrade.

    Raises:
        StoreError: the database is of a newer program version, or its ledger file is missing or of
            another index.
    """
    with translate_errors(), database.engine.begin() as connection:
        ledger_path = database.ledger_path
        if database.is_postgresql:
            postgresql.lock_index(connection)
        old_state = _schema_state_of(connection)
        if old_state is SchemaState.NEWER:
            raise StoreError(_NEWER_SCHEMA)
        if old_state is SchemaState.CURRENT:
            _require_ledger(database)
        else:
            config = _alembic_config()
            config.attributes["connection"] = connection
            if ledger_path is not None:
                ledger = database.ledger.engine
                ledger_file.create_tables(ledger)
                if old_state is SchemaState.MISSING:
                    ledger_file.require_empty(ledger, ledger_path)
                config.attributes["take_over"] = lambda holder: ledger_file.copy_ledger(holder, ledger)
            command.upgrade(config, "head")
            if database.is_postgresql:
                postgresql.use_byte_collation(connection)
    return old_state


def latest_revision() -> str:
    """Return the schema revision of this program version."""
    return _revisions()[0]


def schema_drift(database: Database) -> list[str]:
    """Return differences between the database and the declared tables.

    An empty list means that both agree.
    """
    if database.ledger is database:
        return _table_drift(database, lambda _name: True)
    ledger_tables = {table.name for table in ledger_file.LEDGER_TABLES}
    return [
        *_table_drift(database, lambda name: name not in ledger_tables),
        *_table_drift(database.ledger, lambda name: name in ledger_tables),
    ]


def _table_drift(database: Database, is_included: Callable[[str], bool]) -> list[str]:
    def include_object(item: Any, name: str | None, kind: str, *_: object) -> bool:  # noqa: ANN401 - Alembic's own
        return is_included(str(name if kind == "table" else item.table.name))

    with translate_errors(), database.engine.connect() as connection:
        options = {"compare_type": True, "include_object": include_object}
        context = MigrationContext.configure(connection, opts=options)
        return [str(difference) for difference in compare_metadata(context, SQLModel.metadata)]


def require_current(database: Database) -> None:
    """Refuse a database that this program version cannot serve.

    Raises:
        StoreError: the schema is missing, older or newer, or the ledger file is missing.
    """
    match schema_state(database):
        case SchemaState.CURRENT:
            _require_ledger(database)
        case SchemaState.MISSING:
            raise StoreError("there is no index here yet: run mpi init")
        case SchemaState.BEHIND:
            raise StoreError("the database is of an older version: back it up, then run mpi db upgrade")
        case SchemaState.NEWER:
            raise StoreError(_NEWER_SCHEMA)


def _require_ledger(database: Database) -> None:
    path = database.ledger_path
    if path is not None and not path.exists():
        raise StoreError(f"the ledger {path} is missing: restore it from a backup")


_NEWER_SCHEMA = (
    "the database is from a newer version of the program: install that version, or restore a backup"
)


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


@cache
def _revisions() -> tuple[str, frozenset[str]]:
    """Return the latest schema revision and all known ones.

    Cached, since the program's files do not change while it runs.
    """
    script = ScriptDirectory.from_config(_alembic_config())
    return script.get_current_head() or "", frozenset(
        revision.revision for revision in script.walk_revisions()
    )


def _schema_state_of(connection: Connection) -> SchemaState:
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return SchemaState.MISSING
    newest_revision, known_revisions = _revisions()
    if current == newest_revision:
        return SchemaState.CURRENT
    return SchemaState.BEHIND if current in known_revisions else SchemaState.NEWER
