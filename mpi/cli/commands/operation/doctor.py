"""Command ``mpi doctor``: check the installation, each line with what to do."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

from mpi.cli.command_session import read_settings
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_json, print_table
from mpi.domain import clock
from mpi.domain.errors import MpiError

if TYPE_CHECKING:
    from mpi.config import Settings
    from mpi.service.core.index import Index

_CLOCK_TOLERANCE = timedelta(minutes=2)
_BACKUP_AGE = timedelta(hours=26)
_MEGABYTE = 1_000_000


class State(StrEnum):
    """Outcome of a check."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report.

    Args:
        check: what was checked.
        state: its outcome.
        detail: what was found, without anything of a person.
        action: what to do; empty where nothing is.
    """

    check: str
    state: State
    detail: str = ""
    action: str = ""


def run(as_json: JsonFlag = False) -> None:
    """Check configuration, keys, disk, database, model, clock and backup.

    Nothing is changed. Exits 1 if a check fails; a warning alone is no failure.
    """
    lines = list(examine())
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        columns = ("state", "check", "detail", "what to do")
        print_table(columns, [(line.state, line.check, line.detail, line.action) for line in lines])
    if any(line.state is State.FAIL for line in lines):
        raise typer.Exit(ExitCode.UNSOUND)


def examine() -> Iterator[Line]:
    """Yield the lines of all checks.

    A check that fails leaves out those that depend on it.
    """
    yield from _check_variables()
    try:
        settings = read_settings()
    except MpiError as error:
        yield Line("settings", State.FAIL, str(error), "correct it: docs/reference/configuration.md")
        return
    yield _describe_file()
    yield _check_server_settings(settings)
    yield from _check_home(settings)
    yield from _check_keys(settings)
    yield _check_backup(settings)
    yield from _check_index(settings)


def _check_variables() -> Iterator[Line]:
    """Check that each variable ``MPI_…`` is one that the program reads."""
    from mpi.config_check import list_unknown_variables

    unknown = list_unknown_variables()
    for name, nearest in unknown:
        action = f"did you mean {nearest}?" if nearest else "remove it"
        yield Line("settings", State.WARN, f"{name} is no setting and has no effect", action)
    if not unknown:
        yield Line("settings", State.OK, "every MPI_ variable is known")


def _describe_file() -> Line:
    """Say which file gives settings, and how many it gives."""
    from mpi.config import read_file_settings
    from mpi.config_file import find_config_file

    path = find_config_file()
    if path is None:
        return Line("settings", State.OK, "no file of settings is read: MPI_CONFIG is not set")
    return Line("settings", State.OK, f"{path} gives {len(read_file_settings(path))} settings")


def _check_server_settings(settings: Settings) -> Line:
    """Check the names, proxies and certificate of the server."""
    from mpi.api.server.tls_files import open_tls_files
    from mpi.composition.network import read_allowed_hosts, read_trusted_proxies

    def read() -> str:
        read_allowed_hosts(settings)
        read_trusted_proxies(settings)
        open_tls_files(settings.tls_cert, settings.tls_key)
        return "host names, proxies and certificate can be used"

    return _try("server", read)


def _check_home(settings: Settings) -> Iterator[Line]:
    """Check that the home folder exists, is private and has room."""
    home = settings.home
    if not home.is_dir():
        yield Line("home", State.FAIL, "MPI_HOME is no folder", "set MPI_HOME, or run mpi init")
        return
    is_open = bool(home.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    if is_open:
        yield Line("home", State.WARN, "others may look into MPI_HOME", f"chmod 700 {home}")
    else:
        yield Line("home", State.OK, "MPI_HOME is private")
    disk = shutil.disk_usage(home)
    free = f"{disk.free / 1e9:,.1f} GB are free"
    if disk.free < settings.min_free_mb * _MEGABYTE:
        yield Line("disk", State.FAIL, free, "make room: the server is not ready below MPI_MIN_FREE_MB")
    elif disk.free < disk.total / 10:
        yield Line("disk", State.WARN, free, "make room, or a larger disk")
    else:
        yield Line("disk", State.OK, free)


def _check_keys(settings: Settings) -> Iterator[Line]:
    """Check that the keys can be read, and by their owner only."""
    from mpi.key_material import make_key_ring, read_keyed_hash

    def read_hashes() -> str:
        read_keyed_hash(settings)
        return "tie key and token key can be read"

    def read_payload_keys() -> str:
        return f"payload key {make_key_ring(settings).last_number()} can be read"

    yield _try("keys", read_hashes)
    yield _try("keys", read_payload_keys)


def _check_backup(settings: Settings) -> Line:
    """Check that the latest complete backup is of the last 26 hours."""
    from mpi.api.middleware.index_metrics import find_latest_backup

    if settings.backup_folder is None:
        return Line("backup", State.WARN, "not checked", "set MPI_BACKUP_FOLDER: docs/how-to/deploy.md")
    made = find_latest_backup(settings.backup_folder)
    if made is None:
        return Line("backup", State.FAIL, "there is no complete backup", "run mpi backup")
    hours = (clock.now().timestamp() - made) / 3600
    if hours > _BACKUP_AGE / timedelta(hours=1):
        return Line("backup", State.FAIL, f"the latest is {hours:.0f} hours old", "run mpi backup")
    return Line("backup", State.OK, f"the latest is {hours:.0f} hours old")


def _check_index(settings: Settings) -> Iterator[Line]:
    """Check database, model, clock, and what the page Health checks."""
    from mpi import bootstrap

    try:
        index = bootstrap.open_index(settings)
    except MpiError as error:
        yield Line("index", State.FAIL, str(error), "see docs/reference/cli.md, exit codes")
        return
    try:
        yield Line("index", State.OK, f"database and model {index.matcher.model.ref} are of this version")
        yield _check_clock(index)
        yield from _check_health(index)
    finally:
        index.database.dispose()


def _check_clock(index: Index) -> Line:
    """Check that the latest commit is not in the future."""
    from mpi.domain.viewer import make_operator

    with index.database.read(make_operator()) as unit:
        latest = unit.last_commit_time()
    if latest > clock.now() + _CLOCK_TOLERANCE:
        return Line("clock", State.FAIL, "the latest change lies in the future", "set the clock by NTP")
    return Line("clock", State.OK, "no change lies in the future")


def _check_health(index: Index) -> Iterator[Line]:
    """Yield the warnings of the page Health, or that there are none."""
    from mpi.domain.viewer import make_operator
    from mpi.service.maintenance.health import CheckState, read_health

    checks = read_health(index, make_operator()).checks
    warnings = [check for check in checks if check.state is CheckState.WARNING]
    for check in warnings:
        action = check.command or (f"see the page {check.page}" if check.page else "see the page Health")
        yield Line("health", State.WARN, f"{check.name.value} needs attention", action)
    if not warnings:
        yield Line("health", State.OK, "nothing waits for an operator")


def _try(check: str, read: Callable[[], str]) -> Line:
    """Return a check's outcome; an error that it raises is a failure."""
    try:
        return Line(check, State.OK, read())
    except MpiError as error:
        return Line(check, State.FAIL, str(error), "correct what the message names")
