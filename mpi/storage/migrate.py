"""Creation, upgrade and check of the database schema.

Alembic and the declarations of all tables are imported by the functions that use them: a database of the
current schema, as nearly every command finds it, needs neither.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, text

from mpi.domain.errors import StoreError
from mpi.storage.backends import ledger_file, postgresql, restore_mark
from mpi.storage.backends.ledger_hashes import hash_former_lines
from mpi.storage.unit_of_work.database import Database, sqlite_path, translate_errors

if TYPE_CHECKING:
    from alembic.config import Config

SCHEMA_REVISION = "0056"
"""Schema revision of this program version: that of the latest migration."""
_MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaState(StrEnum):
    """State of a database's schema compared with this program version."""

    MISSING = "missing"
    BEHIND = "behind"
    CURRENT = "current"
    NEWER = "newer"
    RESTORING = "restoring"
    """A restore into the database has not ended."""


def schema_state(database: Database) -> SchemaState:
    """Compare a database's schema with this program version's."""
    path = sqlite_path(database.url)
    if path is not None and restore_mark.is_file_marked(path):
        return SchemaState.RESTORING
    with translate_errors(), database.engine.connect() as connection:
        if path is None and restore_mark.is_schema_marked(connection):
            return SchemaState.RESTORING
        return _schema_state_of(connection)


def upgrade(database: Database) -> SchemaState:
    """Upgrade the database's schema in one transaction.

    Returns:
        The state of the schema before the upgrade.

    Raises:
        StoreError: the database is of a newer program version, or its ledger file is missing or of
            another index.
    """
    from alembic import command  # noqa: PLC0415 - see above

    _require_restored(database)
    with translate_errors(), database.engine.begin() as connection:
        ledger_path = database.ledger_path
        if database.is_postgresql:
            postgresql.create_schema(connection)
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
            if ledger_path is None:
                hash_former_lines(connection)
            else:
                with database.ledger.engine.begin() as ledger_connection:
                    hash_former_lines(ledger_connection)
            if database.is_postgresql:
                postgresql.use_byte_collation(connection)
    return old_state


def create_at(connection: Connection, revision: str) -> None:
    """Create the empty PostgreSQL schema of a revision, for a backup's rows.

    Raises:
        StoreError: no migration of this program leads to the revision.
    """
    from alembic import command  # noqa: PLC0415 - see above

    if revision not in _known_revisions():
        raise StoreError(_NEWER_SCHEMA)
    postgresql.create_schema(connection)
    config = _alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    postgresql.use_byte_collation(connection)


def read_revision(connection: Connection) -> str | None:
    """Return the revision of a database's schema; None without one.

    Raises:
        StoreError: the database is from a newer version of the program.
    """
    revision = _stored_revision(connection)
    if revision is not None and revision not in _known_revisions():
        raise StoreError(_NEWER_SCHEMA)
    return revision


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
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - see above
    from alembic.migration import MigrationContext  # noqa: PLC0415 - see above
    from sqlmodel import SQLModel  # noqa: PLC0415 - see above

    import mpi.storage.tables  # noqa: F401, PLC0415 - registers the tables

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
        case SchemaState.RESTORING:
            raise StoreError(_UNFINISHED_RESTORE)


def _require_restored(database: Database) -> None:
    if schema_state(database) is SchemaState.RESTORING:
        raise StoreError(_UNFINISHED_RESTORE)


def _require_ledger(database: Database) -> None:
    path = database.ledger_path
    if path is not None and not path.exists():
        raise StoreError(f"the ledger {path} is missing: restore it from a backup")


_NEWER_SCHEMA = (
    "the database is from a newer version of the program: install that version, or restore a backup"
)
_UNFINISHED_RESTORE = "a restore of this index has not ended: run mpi restore again, with the same backup"


def _alembic_config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("recursive_version_locations", "true")
    return config


@cache
def _known_revisions() -> frozenset[str]:
    """Return all schema revisions that this program version knows.

    Cached, since the program's files do not change while it runs.
    """
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see above

    script = ScriptDirectory.from_config(_alembic_config())
    return frozenset(revision.revision for revision in script.walk_revisions())


def _schema_state_of(connection: Connection) -> SchemaState:
    current = _stored_revision(connection)
    if current is None:
        return SchemaState.MISSING
    if current == SCHEMA_REVISION:
        return SchemaState.CURRENT
    return SchemaState.BEHIND if current in _known_revisions() else SchemaState.NEWER


def _stored_revision(connection: Connection) -> str | None:
    """Return the schema revision that Alembic noted in the database, if any."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
