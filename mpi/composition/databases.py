"""Database of an index: its connection, upgrade, check and grants."""

from collections.abc import Iterator
from contextlib import contextmanager

from mpi.config import Settings
from mpi.domain.errors import StoreError
from mpi.domain.source import SHARED_SCOPE, check_scope_code
from mpi.domain.tuning import DEFAULT_TUNING, Tuning
from mpi.key_material import make_key_ring
from mpi.storage import ledger_grants, migrate
from mpi.storage.backends.restore_mark import is_file_marked
from mpi.storage.backends.scope_location import locate_scope
from mpi.storage.unit_of_work.database import Database, sqlite_path


def open_database(settings: Settings, tuning: Tuning = DEFAULT_TUNING) -> Database:
    """Connect to the database of an existing index.

    Raises:
        StoreError: the SQLite file of the index is missing.
        InputError: the scope's code is invalid.
    """
    if settings.scope != SHARED_SCOPE:
        check_scope_code(settings.scope)
    path = sqlite_path(locate_scope(settings.url, settings.scope))
    if (
        (settings.database_url is None or settings.scope != SHARED_SCOPE)
        and path is not None
        and not path.exists()
        and not is_file_marked(path)
    ):
        if settings.scope == SHARED_SCOPE:
            raise StoreError(f"there is no index in {settings.home}: run mpi init")
        raise StoreError(f"there is no index of the scope {settings.scope}: run mpi scope add")
    return connect_database(settings, tuning)


def connect_database(settings: Settings, tuning: Tuning) -> Database:
    """Connect to the database of an index, new or existing."""
    return Database(
        locate_scope(settings.url, settings.scope), tuning=tuning.storage, key_ring=make_key_ring(settings)
    )


@contextmanager
def dispose_on_failure(database: Database) -> Iterator[None]:
    """Close the database's connections if the block raises."""
    try:
        yield
    except BaseException:  # also on Ctrl-C: no connection may be left open
        database.dispose()
        raise


def upgrade_database(settings: Settings) -> migrate.SchemaState:
    """Upgrade the index's database to this version's schema.

    Returns:
        The state of the schema before the upgrade.

    Raises:
        StoreError: there is no index, or it is from a newer version of the program.
    """
    database = open_database(settings)
    try:
        if migrate.schema_state(database) is migrate.SchemaState.MISSING:
            migrate.require_current(database)
        return migrate.upgrade(database)
    finally:
        database.dispose()


def list_ledger_grants(settings: Settings, role: str, *, is_applied: bool) -> list[str]:
    """Return the SQL that lets a role only append to the ledger.

    Args:
        settings: the index, opened by the owner of its tables.
        role: name of the role that serves.
        is_applied: run the statements too.

    Raises:
        InputError: the store is SQLite, or the role's name is none.
        StoreError: the database refuses.
    """
    database = open_database(settings)
    try:
        migrate.require_current(database)
        return (
            ledger_grants.grant(database, role) if is_applied else ledger_grants.list_grants(database, role)
        )
    finally:
        database.dispose()


def check_database(settings: Settings) -> tuple[migrate.SchemaState, list[str]]:
    """Compare the database's schema with this version's schema.

    Returns:
        The state of the schema, and its differences from the declared tables.

    Raises:
        StoreError: there is no database.
    """
    database = open_database(settings)
    try:
        state = migrate.schema_state(database)
        return state, migrate.schema_drift(database) if state is migrate.SchemaState.CURRENT else []
    finally:
        database.dispose()
