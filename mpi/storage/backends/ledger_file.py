"""The ledger of an index in SQLite: a file of its own, so that no reader waits for a writer of the database.

SQLite has one writer a file. A load, a re-cluster or a long decision holds the database's; the lines of the
ledger, without which no answer leaves, go to a file that nobody else writes. PostgreSQL needs none of this.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, select, text, tuple_
from sqlmodel import SQLModel

from mpi.domain.errors import StoreError
from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.tables import CounterRow, DisclosedRecordRow, DisclosureRow

_disclosure: Table = DisclosureRow.__table__  # type: ignore[attr-defined]
_disclosed: Table = DisclosedRecordRow.__table__  # type: ignore[attr-defined]
_counter: Table = CounterRow.__table__  # type: ignore[attr-defined]

LEDGER_TABLES = (_disclosure, _disclosed)
"""What is kept in the ledger's file and not in the database's; the file has a counter of its own besides."""
_ROWS_PER_PAGE = 5_000
_FOREIGN_ROWS = "holds lines that are not of this index: move it away, or restore the database that it belongs to"


def ledger_path_of(database: Path) -> Path:
    """The ledger's file of a database's: ``mpi-ledger.db`` of ``mpi.db``."""
    return database.with_name(f"{database.stem}-ledger{database.suffix}")


def attach_ledger(driver: sqlite3.Connection, ledger: Path) -> None:
    """Let a connection to the database read the ledger, not write it: each writer would then lock both."""
    attached = {row[1] for row in driver.execute("PRAGMA database_list")}
    if "ledger" not in attached and ledger.exists():
        driver.execute("ATTACH ? AS ledger", (f"{ledger.absolute().as_uri()}?mode=ro",))


def create_tables(ledger: Engine) -> None:
    """Make the ledger's tables where there are none."""
    with ledger.begin() as connection:
        SQLModel.metadata.create_all(connection, [*LEDGER_TABLES, _counter])


def require_empty(ledger: Engine, path: Path) -> None:
    """Refuse the ledger of another index.

    Raises:
        StoreError: the file has a line, though its database is yet to be made.
    """
    with ledger.connect() as connection:
        if connection.execute(select(_disclosure.c.id).limit(1)).first() is not None:
            raise StoreError(f"{path} {_FOREIGN_ROWS}")


def copy_ledger(database: Connection, ledger: Engine) -> None:
    """Copy every line that the database itself has; it is durable in the ledger's file when this returns.

    Done again after a crash, it changes nothing: a line keeps its number.

    Args:
        database: its one writer, who is about to drop those tables.
        ledger: the file's engine.

    Raises:
        StoreError: the file has another line of the same number.
    """
    with ledger.begin() as connection:
        for table in LEDGER_TABLES:
            _copy_table(database, connection, table)
        following = database.execute(select(_counter.c.next).where(_counter.c.name == "disclosure")).scalar()
        if following is not None:
            connection.execute(
                text("INSERT OR IGNORE INTO counter (name, next) VALUES ('disclosure', :next)"),
                {"next": following},
            )


def _copy_table(database: Connection, ledger: Connection, table: Table) -> None:
    key = list(table.primary_key)
    names = [column.name for column in table.c]
    after: tuple[Any, ...] = (-1,) * len(key)
    while True:
        page = select(table).where(tuple_(*key) > after).order_by(*key).limit(_ROWS_PER_PAGE)
        rows: Sequence[Any] = database.execute(page).all()
        if not rows:
            return
        last = tuple(rows[-1]._mapping[column] for column in key)  # noqa: SLF001 - SQLAlchemy's own name for it
        kept = set(map(tuple, ledger.execute(page.where(tuple_(*key) <= last)).all()))
        if kept - set(map(tuple, rows)):
            raise StoreError(f"the ledger's file {_FOREIGN_ROWS}")
        insert_rows(ledger, table, [dict(zip(names, row, strict=True)) for row in rows if tuple(row) not in kept])
        after = last
