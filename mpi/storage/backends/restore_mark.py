"""Mark of a database into which a restore has not ended.

On SQLite it is a file beside the database, on PostgreSQL an empty schema. Nobody opens a marked database,
except the process that restores it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

MARK_SCHEMA = "mpi_restore"
"""Schema that marks a PostgreSQL database."""
_ENDING = ".restoring"
_restored_here: list[bool] = []


def mark_path_of(database: Path) -> Path:
    """Return the file that marks an SQLite database: ``mpi.db.restoring``."""
    return database.with_name(f"{database.name}{_ENDING}")


def is_file_marked(database: Path) -> bool:
    """Return whether a mark keeps this process from an SQLite database."""
    return not _restored_here and mark_path_of(database).exists()


def is_schema_marked(connection: Connection) -> bool:
    """Return whether a mark keeps this process from a PostgreSQL database."""
    if _restored_here:
        return False
    found = connection.execute(text("SELECT to_regnamespace(:name) IS NOT NULL"), {"name": MARK_SCHEMA})
    return bool(found.scalar())


@contextmanager
def open_marked() -> Iterator[None]:
    """Let this process open the database that it restores."""
    _restored_here.append(True)
    try:
        yield
    finally:
        _restored_here.pop()
