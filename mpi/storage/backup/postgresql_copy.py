"""Copies of an index's PostgreSQL rows, into and out of a backup.

The rows are copied by ``COPY`` in one snapshot of all schemas. The tables are made by the migrations of the
program. So neither needs the server's own programs, whose version would have to be the server's.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection

from mpi.domain.errors import ConflictError, InputError, StoreError
from mpi.domain.source import SHARED_SCOPE
from mpi.storage import migrate
from mpi.storage.backends.restore_mark import MARK_SCHEMA
from mpi.storage.backends.scope_location import SCHEMA_PREFIX
from mpi.storage.backup.archive import ArchivePart, ArchiveWriter
from mpi.storage.backup.sqlite_copy import ORDER_TABLE
from mpi.storage.unit_of_work.database import Database, translate_errors

TABLES = "tables"
"""Part of one scope that holds rows, by table."""
_REVISION_TABLE = "alembic_version"
_SCOPES = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'scope\\_%' ORDER BY 1"
_COLUMNS = (
    "SELECT c.relname, array_agg(a.attname ORDER BY a.attnum) FROM pg_class c "
    "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "AND a.attgenerated = '' WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind = 'r' "
    "GROUP BY 1 ORDER BY 1"
)
_SEQUENCES = (
    "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind = 'S' ORDER BY 1"
)
_FUNCTIONS = (
    "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = to_regnamespace(%s) "
    "AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1"
)
_FOREIGN_KEYS = (
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = to_regnamespace(%s) AND contype = 'f' ORDER BY 1, 2"
)
_INDEXES = (
    "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i "
    "JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = to_regnamespace(%s) "
    "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid) ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of all schemas of an index.

    Args:
        connection: connection within the snapshot's transaction.
        schemas: schema of each scope.
        description: revision, tables and sequences of each scope.
    """

    connection: psycopg.Connection[Any]
    schemas: Mapping[str, str]
    description: Mapping[str, Any]

    def write(self, writer: ArchiveWriter) -> None:
        """Add the rows of all tables to a backup."""
        for scope, contents in self.description.items():
            for table, columns in contents[TABLES].items():
                statement = _copy_statement(self.schemas[scope], table, columns, "TO STDOUT")
                with translate_errors(), self.connection.cursor().copy(statement) as rows:
                    writer.add_stream(f"{scope}/{TABLES}/{table}", rows)


@contextmanager
def open_snapshot(database: Database) -> Iterator[Snapshot]:
    """Open a snapshot of the shared index and all scopes.

    Raises:
        StoreError: the database cannot be read, or is from a newer version of the program.
    """
    with translate_errors(), database.engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            driver = _driver_of(connection)
            schemas = {SHARED_SCOPE: _own_schema(driver)}
            for [name] in driver.execute(_SCOPES).fetchall():
                schemas[name.removeprefix(SCHEMA_PREFIX)] = name
            described = {scope: _describe(driver, schema) for scope, schema in schemas.items()}
            description = {scope: contents for scope, contents in described.items() if contents is not None}
            if SHARED_SCOPE not in description:
                raise StoreError("there is no index in the database of MPI_DATABASE_URL: run mpi init")
            yield Snapshot(driver, schemas, description)


def _describe(driver: psycopg.Connection[Any], schema: str) -> dict[str, Any] | None:
    """Return revision, tables and sequences of a schema.

    Tables have their columns. None if the schema has no index.
    """
    tables = dict(driver.execute(_COLUMNS, (schema,)).fetchall())
    if tables.pop(_REVISION_TABLE, None) is None:
        return None
    revision = driver.execute(
        sql.SQL("SELECT version_num FROM {}").format(sql.Identifier(schema, _REVISION_TABLE))
    ).fetchone()
    sequences = {}
    for [name] in driver.execute(_SEQUENCES, (schema,)).fetchall():
        query = sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
        sequences[name] = driver.execute(query).fetchone()
    orders: tuple[int] | None = None
    if ORDER_TABLE in tables:
        query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, ORDER_TABLE))
        orders = driver.execute(query).fetchone()
    return {
        "schema": revision[0] if revision else None,
        "orders": orders[0] if orders else 0,
        TABLES: tables,
        "sequences": sequences,
    }


def begin_restore(database: Database) -> None:
    """Mark an empty database, after removing what an interrupted restore left.

    Raises:
        ConflictError: the database holds tables already.
        StoreError: the database cannot be written.
    """
    mark = sql.Identifier(MARK_SCHEMA)
    with translate_errors(), database.engine.begin() as connection:
        driver = _driver_of(connection)
        own = _own_schema(driver)
        scopes = [name for [name] in driver.execute(_SCOPES).fetchall()]
        tables = [name for name, _ in driver.execute(_COLUMNS, (own,)).fetchall()]
        is_marked = driver.execute("SELECT to_regnamespace(%s) IS NOT NULL", (MARK_SCHEMA,)).fetchone()
        if is_marked == (True,):
            for name in scopes:
                driver.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
            for name in tables:
                driver.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(own, name)))
            for [name] in driver.execute(_FUNCTIONS, (own,)).fetchall():
                driver.execute(f"DROP FUNCTION {name}".encode())
        elif scopes or tables:
            raise ConflictError("the database of MPI_DATABASE_URL holds tables already: name an empty one")
        driver.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(mark))


def restore_scope(database: Database, contents: Mapping[str, Any], parts: Iterator[ArchivePart]) -> None:
    """Write the rows of a scope in one transaction.

    Indexes and foreign keys are made after the rows, which checks and sorts all rows at once.

    Args:
        database: the scope's place.
        contents: what the backup's description says of the scope.
        parts: its parts, named ``tables/NAME/NUMBER``.

    Raises:
        InputError: the backup has a part that its description does not have.
        StoreError: the database refuses a row.
    """
    with translate_errors(), database.engine.begin() as connection:
        migrate.create_at(connection, contents["schema"])
        driver = _driver_of(connection)
        schema = _own_schema(driver)
        for table in contents[TABLES]:
            # Migrations write first rows.
            driver.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.Identifier(schema, table)))
        with _without_indexes(driver, schema):
            _copy_rows(driver, schema, contents[TABLES], parts)
        for name, (last, is_called) in contents["sequences"].items():
            query = sql.SQL("SELECT setval({}::regclass, %s, %s)").format(sql.Literal(f'"{schema}"."{name}"'))
            driver.execute(query, (last, is_called))


def finish_restore(database: Database) -> None:
    """Remove the mark: the index is whole."""
    with translate_errors(), database.engine.begin() as connection:
        statement = sql.SQL("DROP SCHEMA IF EXISTS {}").format(sql.Identifier(MARK_SCHEMA))
        _driver_of(connection).execute(statement)


def _copy_rows(
    driver: psycopg.Connection[Any],
    schema: str,
    tables: Mapping[str, list[str]],
    parts: Iterator[ArchivePart],
) -> None:
    part = next(parts, None)
    for table, columns in tables.items():
        statement = _copy_statement(schema, table, columns, "FROM STDIN")
        with driver.cursor().copy(statement) as rows:
            while part is not None and part.name.split("/")[-2] == table:
                for chunk in part.chunks():
                    rows.write(chunk)
                part = next(parts, None)
    if part is not None:
        raise InputError("the backup has a part that its description does not have: take another one")


@contextmanager
def _without_indexes(driver: psycopg.Connection[Any], schema: str) -> Iterator[None]:
    """Drop a schema's indexes and foreign keys; make them again afterwards."""
    keys = driver.execute(_FOREIGN_KEYS, (schema,)).fetchall()
    indexes = driver.execute(_INDEXES, (schema,)).fetchall()
    for table, name, _ in keys:
        driver.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())
    for name, _ in indexes:
        driver.execute(f"DROP INDEX {name}".encode())
    yield
    for _, definition in indexes:
        driver.execute(definition.encode())
    for table, name, definition in keys:
        driver.execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}'.encode())


def _copy_statement(schema: str, table: str, columns: list[str], direction: str) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = "COPY {} ({}) " + direction + " (FORMAT binary)"
    return sql.SQL(query).format(sql.Identifier(schema, table), names)


def _own_schema(driver: psycopg.Connection[Any]) -> str:
    [schema] = driver.execute("SELECT current_schema()").fetchone() or (None,)
    if schema is None:
        raise InputError("the database of MPI_DATABASE_URL has no schema: create one named public")
    return str(schema)


def _driver_of(connection: Connection) -> psycopg.Connection[Any]:
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    return driver
