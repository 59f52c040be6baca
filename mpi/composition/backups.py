"""Contents of an index's backup, and their places in a restore."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import SecretStr

import mpi
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, StoreError
from mpi.domain.source import SHARED_SCOPE
from mpi.key_material import find_exchange_secrets, find_secret, find_token_key, make_key_ring
from mpi.storage import migrate
from mpi.storage.backends.scope_location import locate_scope
from mpi.storage.backup import postgresql_copy, sqlite_copy
from mpi.storage.backup.archive import ArchivePart, ArchiveWriter, read_archive, write_archive
from mpi.storage.unit_of_work.database import Database, sqlite_path

FORMAT = 1
_SCOPES, _FILES = "scopes", "files"
_HOME_FILES = (
    "contacts.csv", "legal_bases.toml", "record-links.toml", "responsibilities.csv", "schools.csv",
)  # fmt: skip
"""Files of the home folder that an operator writes."""
_RULE_FILES = ("survivorship", "quality_rules", "oidc_roles")
"""Settings that name a file without secrets."""
_UNTOLD = frozenset({"home", "database_url", "scope"})
RESTORED = "restored"
"""Folder of the home folder in which a restore puts the rule files that settings name."""


def list_recipients(settings: Settings, given: Sequence[str]) -> list[str]:
    """Return the public keys of a backup, given or from the settings.

    Raises:
        InputError: there is none.
    """
    texts = given or [text for text in settings.backup_recipients.split(",") if text.strip()]
    if not texts:
        raise InputError(
            "name a public key with --recipient or MPI_BACKUP_RECIPIENTS: mpi keys backup FILE makes one"
        )
    return list(texts)


def make_backup(settings: Settings, path: Path, recipients: Sequence[Any]) -> dict[str, Any]:
    """Write a backup of the shared index and all scopes.

    Others may use the index meanwhile.

    Args:
        settings: the index.
        path: the new file.
        recipients: public keys, parsed.

    Returns:
        The description that stands in the backup.

    Raises:
        InputError: the settings are those of one scope.
        ConflictError: the file is there.
        StoreError: there is no index, a restore has not ended, or the database cannot be read.
        OSError: the file cannot be written.
    """
    _require_shared(settings)
    description = _describe(settings)
    if sqlite_path(settings.url) is not None:
        description[_SCOPES] = sqlite_copy.describe(settings.url)
        _require_readable(settings, description)
        with write_archive(path, recipients, description) as writer:
            _add_files(settings, description, writer)
            sqlite_copy.write_databases(settings.url, description[_SCOPES], writer)
        return description
    database = Database(settings.url)
    try:
        with postgresql_copy.open_snapshot(database) as snapshot:
            description[_SCOPES] = dict(snapshot.description)
            _require_readable(settings, description)
            with write_archive(path, recipients, description) as writer:
                _add_files(settings, description, writer)
                snapshot.write(writer)
    finally:
        database.dispose()
    return description


def _require_shared(settings: Settings) -> None:
    if settings.scope != SHARED_SCOPE:
        raise InputError("a backup holds the shared index and all scopes: leave MPI_SCOPE out")


def _require_readable(settings: Settings, description: Mapping[str, Any]) -> None:
    """Refuse an index that a restore could not read."""
    for scope, contents in description[_SCOPES].items():
        database = Database(locate_scope(settings.url, scope))
        try:
            if migrate.schema_state(database) in (migrate.SchemaState.RESTORING, migrate.SchemaState.NEWER):
                migrate.require_current(database)
        finally:
            database.dispose()
        if contents["schema"] is None:
            raise StoreError(f"the scope {scope} has no schema: run mpi db check")


def _describe(settings: Settings) -> dict[str, Any]:
    """Return what a backup tells of itself.

    It tells of a key only where it was read from.
    """
    keys = (
        find_secret(settings),
        find_token_key(settings),
        make_key_ring(settings).source,
        find_exchange_secrets(settings),
    )
    return {
        "format": FORMAT,
        "program": mpi.__version__,
        "made_at": clock.now().isoformat(),
        "store": "postgresql" if sqlite_path(settings.url) is None else "sqlite",
        "keys": {key.setting: key.place for key in keys if key.exists()},
        "settings": list_settings(settings),
        _FILES: sorted(_list_files(settings)),
    }


def list_settings(settings: Settings) -> dict[str, object]:
    """Return the settings that were given and hold no secret, by variable."""
    names = sorted(settings.model_fields_set - _UNTOLD)
    told = {name for name in names if not isinstance(getattr(settings, name), SecretStr)}
    values = settings.model_dump(mode="json", include=told)
    return {f"MPI_{name.upper()}": values[name] for name in names if name in told}


def _list_files(settings: Settings) -> dict[str, Path]:
    """Return the files besides the database, by place in the home folder."""
    home = settings.home
    models = sorted((home / "models").rglob("*"))
    files = {str(path.relative_to(home)): path for path in models if path.is_file()}
    files |= {name: home / name for name in _HOME_FILES if (home / name).is_file()}
    for name in _RULE_FILES:
        path: Path | None = getattr(settings, name)
        if path is not None and path.is_file():
            files[f"{RESTORED}/{name}/{path.name}"] = path
    return files


def _add_files(settings: Settings, description: Mapping[str, Any], writer: ArchiveWriter) -> None:
    files = _list_files(settings)
    for name in description[_FILES]:
        writer.add_file(f"{_FILES}/{name}", files[name])


@contextmanager
def open_backup(
    path: Path, identities: Sequence[Any]
) -> Iterator[tuple[dict[str, Any], Iterator[ArchivePart]]]:
    """Open a backup that this version can restore; yields description and parts.

    Raises:
        InputError: it cannot be opened, is damaged, or is from a newer version of the program.
    """
    with read_archive(path, identities) as (description, parts):
        if description["format"] != FORMAT:
            raise InputError(f"{path} is from a newer version of the program: install that version")
        yield description, parts


def check_place(settings: Settings, description: Mapping[str, Any], *, orders_lost: bool) -> None:
    """Refuse a restore that could not end, before anything is written.

    Raises:
        InputError: the settings are those of one scope, or of another kind of store than the backup's.
        StoreError: a key or an orders file is missing.
    """
    _require_shared(settings)
    store = "postgresql" if sqlite_path(settings.url) is None else "sqlite"
    if description["store"] != store:
        raise InputError(f"the backup is of {description['store']}, and MPI_DATABASE_URL is of {store}")
    present = {
        source.setting: source
        for source in (find_secret(settings), find_token_key(settings), make_key_ring(settings).source)
    }
    missing = [
        name for name, source in present.items() if name in description["keys"] and not source.exists()
    ]
    if missing:
        raise StoreError(
            f"{', '.join(missing)}: no such key is here, and no backup holds one: put the key files into "
            f"{settings.home}, or set the variables"
        )
    if orders_lost:
        return
    for scope, contents in description[_SCOPES].items():
        orders = settings.model_copy(update={"scope": scope}).orders_path
        if contents["orders"] and not orders.exists():
            raise StoreError(
                f"the orders file {orders} is missing, and the backup has {contents['orders']:,} orders: put "
                "the file there; only if it is lost for good, restore with --orders-lost"
            )


def place_backup(settings: Settings, description: Mapping[str, Any], parts: Iterator[ArchivePart]) -> None:
    """Write a backup into an empty place.

    A mark keeps all others out meanwhile.

    Raises:
        ConflictError: there is an index already, or another model of the same name.
        InputError: the backup is damaged.
        StoreError: the database cannot be written.
        OSError: a file cannot be written.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    settings.home.chmod(0o700)
    if sqlite_path(settings.url) is not None:
        sqlite_copy.begin_restore(settings.url)
        for part in parts:
            scope, _, name = part.name.partition("/")
            if scope == _FILES:
                _restore_file(settings.home, name, part)
            else:
                sqlite_copy.restore_part(settings.url, scope, name, part)
        return
    with _open_databases(settings.url) as open_database:
        postgresql_copy.begin_restore(open_database(SHARED_SCOPE))
        for scope, group in groupby(parts, lambda part: part.name.partition("/")[0]):
            if scope == _FILES:
                for part in group:
                    _restore_file(settings.home, part.name.partition("/")[2], part)
            elif scope in description[_SCOPES]:
                postgresql_copy.restore_scope(open_database(scope), description[_SCOPES][scope], group)
            else:
                raise InputError("the backup has a part that its description does not have: take another one")


@contextmanager
def _open_databases(url: str) -> Iterator[Any]:
    """Yield a function that opens the database of a scope."""
    opened: dict[str, Database] = {}

    def open_scope(scope: str) -> Database:
        if scope not in opened:
            opened[scope] = Database(locate_scope(url, scope))
        return opened[scope]

    try:
        yield open_scope
    finally:
        for database in opened.values():
            database.dispose()


def _restore_file(home: Path, name: str, part: ArchivePart) -> None:
    """Write a file of a backup below the home folder.

    One with the same content may be there.
    """
    path = home / name
    if not path.resolve().is_relative_to(home.resolve()):
        raise InputError("the backup has a file outside the home folder: take another one")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = part.file.read()
    if path.exists() and path.read_bytes() != content:
        raise ConflictError(f"{path} differs from the backup's: move it away")
    if not path.exists():
        partial = path.with_name(f".{path.name}.partial")
        partial.write_bytes(content)
        partial.replace(path)


def upgrade_restored(settings: Settings, description: Mapping[str, Any]) -> None:
    """Check the restored databases, and upgrade them to this version's schema.

    Raises:
        StoreError: a file is damaged, or a migration failed.
    """
    for scope in description[_SCOPES]:
        database = Database(locate_scope(settings.url, scope))
        try:
            if not database.is_postgresql and sqlite_copy.find_damage(database) is not None:
                raise StoreError(
                    f"the database of the scope {scope} is damaged in the backup: take another one"
                )
            migrate.upgrade(database)
        finally:
            database.dispose()


def finish_place(settings: Settings) -> None:
    """Remove the mark: the restored index may be opened.

    Raises:
        StoreError: the database cannot be written.
    """
    if sqlite_path(settings.url) is not None:
        sqlite_copy.finish_restore(settings.url)
        return
    with _open_databases(settings.url) as open_database:
        postgresql_copy.finish_restore(open_database(SHARED_SCOPE))
