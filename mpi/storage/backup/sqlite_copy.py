"""Copies of an index's SQLite files, into and out of a backup."""

import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from mpi.domain.errors import ConflictError, InputError, StoreError
from mpi.domain.source import SHARED_SCOPE
from mpi.storage.backends.ledger_file import ledger_path_of
from mpi.storage.backends.restore_mark import mark_path_of
from mpi.storage.backends.scope_location import locate_scope
from mpi.storage.backup.archive import ArchivePart, ArchiveWriter
from mpi.storage.unit_of_work.database import Database, sqlite_path, translate_errors

DATABASE, LEDGER = "database", "ledger"
"""Parts of one scope."""
ORDER_TABLE = "boundary_order"
"""Table of the orders to seal, unseal and expunge."""
_LOG_ENDINGS = ("-wal", "-shm", "-journal")


def path_of(url: str, scope: str) -> Path:
    """Return the database file of a scope.

    Raises:
        InputError: the URL names no file.
    """
    path = sqlite_path(locate_scope(url, scope))
    if path is None:
        raise InputError("MPI_DATABASE_URL names no file")
    return path


def list_scopes(url: str) -> list[str]:
    """Return the scopes that have a database file, the shared one first."""
    shared = path_of(url, SHARED_SCOPE)
    pattern = re.compile(rf"{re.escape(shared.stem)}-scope-([a-z][a-z0-9_]*){re.escape(shared.suffix)}")
    folder = shared.parent
    found = [pattern.fullmatch(path.name) for path in sorted(folder.iterdir())] if folder.is_dir() else []
    return [*([SHARED_SCOPE] if shared.exists() else []), *(match[1] for match in found if match)]


def describe(url: str) -> dict[str, Any]:
    """Return schema revision and number of orders of each scope.

    Raises:
        StoreError: there is no index.
    """
    described = {}
    for scope in list_scopes(url):
        with translate_errors(), closing(_open(path_of(url, scope))) as connection:
            tables = {name for [name] in connection.execute("SELECT name FROM sqlite_master")}
            if "alembic_version" not in tables:
                continue
            [revision] = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            orders = 0
            if ORDER_TABLE in tables:
                [orders] = connection.execute(f"SELECT count(*) FROM {ORDER_TABLE}").fetchone()
            described[scope] = {"schema": revision, "orders": orders}
    if SHARED_SCOPE not in described:
        raise StoreError(f"there is no index in {path_of(url, SHARED_SCOPE).parent}: run mpi init")
    return described


def write_databases(url: str, scopes: Mapping[str, Any], writer: ArchiveWriter) -> None:
    """Add a snapshot of each database file to a backup.

    A scope's database comes before its ledger, which then has a line for every answer that was sent before.
    The copy that is read has no name in a folder, so that a kill leaves none of it.
    """
    for scope in scopes:
        path = path_of(url, scope)
        for part, source in ((DATABASE, path), (LEDGER, ledger_path_of(path))):
            with translate_errors(), _snapshot(source) as file:
                writer.add_open_file(f"{scope}/{part}", file)


@contextmanager
def _snapshot(source: Path) -> Iterator[BinaryIO]:
    """Copy a database file within one read transaction; yields the copy."""
    if not source.exists():
        raise StoreError(f"{source} is missing: restore a backup")
    descriptor, name = tempfile.mkstemp(prefix=f".{source.name}.", suffix=".copy", dir=source.parent)
    with os.fdopen(descriptor, "rb") as file:
        copy = Path(name)
        try:
            connection = sqlite3.connect(copy)
            connection.execute("PRAGMA journal_mode=OFF")
            connection.execute("PRAGMA synchronous=OFF")
        finally:
            copy.unlink()
        with closing(connection), closing(_open(source)) as original:
            original.backup(connection)
        yield file


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30)


def begin_restore(url: str) -> None:
    """Mark an empty place, after removing what an interrupted restore left.

    Raises:
        ConflictError: there is an index already.
    """
    shared = path_of(url, SHARED_SCOPE)
    mark = mark_path_of(shared)
    if mark.exists():
        remove_restore(url)
    elif found := list_scopes(url) or ([LEDGER] if ledger_path_of(shared).exists() else []):
        raise ConflictError(
            f"there is an index in {shared.parent} already ({', '.join(found)}): restore into an empty folder"
        )
    _write_mark(mark)


def remove_restore(url: str) -> None:
    """Delete what an interrupted restore has written."""
    shared = path_of(url, SHARED_SCOPE)
    for path in [shared, *(path_of(url, scope) for scope in list_scopes(url) if scope != SHARED_SCOPE)]:
        for file in (path, ledger_path_of(path)):
            for ending in ("", *_LOG_ENDINGS):
                file.with_name(file.name + ending).unlink(missing_ok=True)
        if path != shared:
            mark_path_of(path).unlink(missing_ok=True)


def restore_part(url: str, scope: str, part: str, content: ArchivePart) -> None:
    """Write a part of a backup into its place.

    Raises:
        InputError: the backup holds a part of another kind.
        OSError: the file cannot be written.
    """
    path = path_of(url, scope)
    if scope != SHARED_SCOPE:
        # A scope is opened by itself, so that it has a mark of its own.
        _write_mark(mark_path_of(path))
    if part not in (DATABASE, LEDGER):
        raise InputError("the backup has a part that this version does not know: restore it by a newer one")
    content.write_to(path if part == DATABASE else ledger_path_of(path))


def finish_restore(url: str) -> None:
    """Remove the marks: the index is whole.

    That of the shared index stands for all, so it goes last.
    """
    paths = [path_of(url, scope) for scope in list_scopes(url) if scope != SHARED_SCOPE]
    for path in [*paths, path_of(url, SHARED_SCOPE)]:
        mark_path_of(path).unlink(missing_ok=True)
        _sync(path.parent)


def find_damage(database: Database) -> str | None:
    """Return what SQLite finds wrong with a database file; None if nothing."""
    with translate_errors(), database.engine.connect() as connection:
        lines = [row[0] for row in connection.exec_driver_sql("PRAGMA main.quick_check(1)")]
    return None if lines == ["ok"] else lines[0]


def _write_mark(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
