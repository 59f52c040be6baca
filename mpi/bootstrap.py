"""The composition root: settings become an open index."""

import os
import secrets
from pathlib import Path

from mpi.config import Settings
from mpi.domain.errors import ConflictError, StoreError
from mpi.domain.keyed_hash import SECRET_BYTES, KeyedHash
from mpi.domain.viewer import operator
from mpi.matching.model import find_model, load_model
from mpi.matching.scorer import compile_scorer
from mpi.service.context import Index, Matcher
from mpi.service.setup import create, require_secret
from mpi.storage import migrate
from mpi.storage.database import Database


def open_index(settings: Settings) -> Index:
    """Open the index that the settings name.

    Raises:
        StoreError: it is missing, of another version, or was made with another secret.
        ModelError: its model cannot be found or compiled.
    """
    _require_file(settings)
    database = Database(settings.url)
    migrate.require_current(database)
    seal = _read_secret(settings.secret_path)
    with database.read(operator()) as unit:
        info = require_secret(unit, seal)
        active = unit.configs.active()
    if active is None:
        raise StoreError("the index has no configuration: restore a backup, or run mpi init elsewhere")
    matcher = load_matcher(settings, f"{active.model_name}/{active.model_version}")
    if matcher.digest != active.digest:
        raise StoreError(
            f"model {active.model_name}/{active.model_version} is not the one that the index runs on: "
            "restore its folder, or set MPI_MODEL to it"
        )
    return Index(database, matcher, seal, settings.home, info.is_test)


def init_index(settings: Settings, *, is_test: bool) -> tuple[Index, str]:
    """Make a new index; returns it and the API key of its first client.

    Raises:
        ConflictError: there is one already.
        StoreError: the folder or database cannot be written.
    """
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        raise StoreError(f"cannot write {home}: {error.strerror}") from error
    database = Database(settings.url)
    migrate.upgrade(database)
    with database.read(operator()) as unit:
        if unit.configs.index() is not None:
            raise ConflictError(f"there is an index already in {home}: set MPI_HOME to make another")
    matcher = load_matcher(settings, None)
    seal = _make_secret(settings.secret_path)
    key = create(database, operator(), matcher, seal, is_test=is_test)
    return Index(database, matcher, seal, home, is_test), key


def load_matcher(settings: Settings, ref: str | None) -> Matcher:
    """Load and compile a model: MPI_MODEL where that is set, else the one named, else the default.

    Models that the index was moved to are kept in its home.
    """
    wanted = settings.model or ref
    kept = settings.home / "models" / wanted if wanted else None
    folder = kept if kept is not None and kept.is_dir() else find_model(wanted)
    model = load_model(folder)
    return Matcher(model, compile_scorer(model))


def open_matcher(ref: str) -> Matcher:
    """Load and compile the model that a command names.

    Raises:
        ModelError: it cannot be found or compiled.
    """
    model = load_model(find_model(ref))
    return Matcher(model, compile_scorer(model))


def _require_file(settings: Settings) -> None:
    if settings.database_url is None and not (settings.home / "mpi.db").exists():
        raise StoreError(f"there is no index in {settings.home}: run mpi init")


def _make_secret(path: Path) -> KeyedHash:
    if path.exists():
        return _read_secret(path)
    secret = secrets.token_bytes(SECRET_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return KeyedHash(secret)


def _read_secret(path: Path) -> KeyedHash:
    try:
        return KeyedHash(bytes.fromhex(path.read_text().strip()))
    except OSError as error:
        raise StoreError(f"cannot read the index's secret {path}: {error.strerror}") from error
    except ValueError as error:
        raise StoreError(f"{path} does not hold a secret of {SECRET_BYTES} bytes in hexadecimal") from error
