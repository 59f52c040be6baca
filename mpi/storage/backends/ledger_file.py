"""The disclosure ledger in an SQLite file of its own.

SQLite has one writer a file. A load, a re-cluster or a long decision holds the lock of the main
database. No answer may leave without its ledger line, so lines go to a file that nothing else writes.
PostgreSQL does not need this.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, inspect, select, text, tuple_
from sqlmodel import SQLModel

from mpi.domain.errors import StoreError
from mpi.storage.driver.bulk_rows import insert_rows
from mpi.storage.tables import (
    CounterRow,
    DisclosedRecordRow,
    DisclosureRow,
    LedgerNodeRow,
    LedgerRootRow,
    RefusalRow,
    table_of,
)

_disclosure: Table = table_of(DisclosureRow)
_disclosed: Table = table_of(DisclosedRecordRow)
_counter: Table = table_of(CounterRow)

_refusal: Table = table_of(RefusalRow)
_COPIED_TABLES = (_disclosure, _disclosed)
LEDGER_TABLES = (*_COPIED_TABLES, _refusal, table_of(LedgerNodeRow), table_of(LedgerRootRow))
"""Tables that the ledger file holds instead of the main database.

The file has a counter table as well.
"""
_HASHES = ("nonce", "leaf", "commitment")
"""Columns of a line that came with the Merkle tree."""
_ROWS_PER_PAGE = 5_000
_KEEPS_PUBLIC_PART = " AND ".join(
    f"NEW.{name} IS OLD.{name}" for name in ("id", "at", "client", "purpose", "agreement", "action")
)
_IS_FIRST_HASH = (
    "OLD.leaf IS NULL AND NEW.commitment IS NULL AND NEW.record_ids = OLD.record_ids "
    "AND NEW.fields = OLD.fields AND NEW.handle IS OLD.handle"
)
_LOSES_RECORDS = (
    "NEW.leaf = OLD.leaf AND NEW.commitment IS NOT NULL "
    "AND coalesce(OLD.commitment, NEW.commitment) = NEW.commitment "
    "AND length(NEW.record_ids) < length(OLD.record_ids)"
)
_REFUSE = "SELECT RAISE(ABORT, 'lines of the ledger are only appended')"
TRIGGERS = {
    "ledger_keep_line": "BEFORE DELETE ON disclosure",
    "ledger_keep_content": (
        f"BEFORE UPDATE ON disclosure WHEN NOT ({_KEEPS_PUBLIC_PART} "
        f"AND (({_IS_FIRST_HASH}) OR ({_LOSES_RECORDS})))"
    ),
    "ledger_keep_record": (
        "BEFORE DELETE ON disclosed_record WHEN NOT EXISTS "
        "(SELECT 1 FROM disclosure WHERE id = OLD.disclosure_id AND commitment IS NOT NULL)"
    ),
    "ledger_keep_name": "BEFORE UPDATE ON disclosed_record",
    "ledger_keep_node": "BEFORE DELETE ON ledger_node",
    "ledger_keep_head": "BEFORE UPDATE ON ledger_node",
    "ledger_keep_root": "BEFORE DELETE ON ledger_root",
    "ledger_keep_signature": "BEFORE UPDATE ON ledger_root",
}
"""Triggers that refuse changes of the ledger, except that a line loses destroyed records.

They stop mistakes and injected SQL. Who may write the file can drop them: the signed roots tell of that.
"""
_FOREIGN_ROWS = (
    "holds lines that are not of this index: move it away, or restore the database that it belongs to"
)


def ledger_path_of(database: Path) -> Path:
    """Return a database's disclosure-ledger file: ``mpi-ledger.db`` for ``mpi.db``."""
    return database.with_name(f"{database.stem}-ledger{database.suffix}")


def attach_ledger(driver: sqlite3.Connection, ledger: Path) -> None:
    """Attach the disclosure-ledger file to an SQLite connection, read-only.

    A writable attachment would make each writer lock both files.
    """
    attached = {row[1] for row in driver.execute("PRAGMA database_list")}
    if "ledger" not in attached and ledger.exists():
        driver.execute("ATTACH ? AS ledger", (f"{ledger.absolute().as_uri()}?mode=ro",))


def create_tables(ledger: Engine) -> None:
    """Create the disclosure-ledger tables and indexes that do not exist."""
    with ledger.begin() as connection:
        SQLModel.metadata.create_all(connection, [*LEDGER_TABLES, _counter])
        for table in LEDGER_TABLES:
            # A file of an earlier version has the table without its newer indexes.
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                index.create(connection, checkfirst=True)
        present = {column["name"] for column in inspect(connection).get_columns(_disclosure.name)}
        for name in _HASHES:
            if name not in present:
                connection.execute(text(f"ALTER TABLE disclosure ADD COLUMN {name} BLOB"))
        for name, condition in TRIGGERS.items():
            connection.execute(text(f"CREATE TRIGGER IF NOT EXISTS {name} {condition} BEGIN {_REFUSE}; END"))


def require_empty(ledger: Engine, path: Path) -> None:
    """Refuse a disclosure-ledger file that already has lines.

    Raises:
        StoreError: the file has a line, although its database is not created yet.
    """
    with ledger.connect() as connection:
        if connection.execute(select(_disclosure.c.id).limit(1)).first() is not None:
            raise StoreError(f"{path} {_FOREIGN_ROWS}")


def copy_ledger(database: Connection, ledger: Engine) -> None:
    """Copy disclosure-ledger lines of the main database to the ledger file.

    The lines are durable on return. Repeating it after a crash changes nothing, since a line keeps its
    number.

    Args:
        database: connection of the only writer, which is about to drop those tables.
        ledger: engine of the ledger file.

    Raises:
        StoreError: the file has a different line of the same number.
    """
    with ledger.begin() as connection:
        for table in _COPIED_TABLES:
            _copy_table(database, connection, table)
        following = database.execute(select(_counter.c.next).where(_counter.c.name == "disclosure")).scalar()
        if following is not None:
            connection.execute(
                text("INSERT OR IGNORE INTO counter (name, next) VALUES ('disclosure', :next)"),
                {"next": following},
            )


def _copy_table(database: Connection, ledger: Connection, table: Table) -> None:
    """Copy the missing rows of one disclosure-ledger table, page by page."""
    key = list(table.primary_key)
    columns = [column for column in table.c if column.name not in _HASHES]
    names = [column.name for column in columns]
    last_key: tuple[Any, ...] = (-1,) * len(key)
    while True:
        page = select(*columns).where(tuple_(*key) > last_key).order_by(*key).limit(_ROWS_PER_PAGE)
        rows: Sequence[Any] = database.execute(page).all()
        if not rows:
            return
        page_end = tuple(rows[-1]._mapping[column] for column in key)  # noqa: SLF001 - SQLAlchemy's own name for it
        copied_rows = set(map(tuple, ledger.execute(page.where(tuple_(*key) <= page_end)).all()))
        if copied_rows - set(map(tuple, rows)):
            raise StoreError(f"the ledger's file {_FOREIGN_ROWS}")
        insert_rows(
            ledger,
            table,
            [dict(zip(names, row, strict=True)) for row in rows if tuple(row) not in copied_rows],
        )
        last_key = page_end
