"""Health of an index: readiness, versions, waiting work, and what to do.

The report names no record and counts none. It says of waiting work only whether it waits for long, because an
exact number would move with single records.
"""

import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mpi import __version__
from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.access.account_rules import AccountState
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.clients import list_clients
from mpi.service.core.index import Index
from mpi.service.processes.worker_liveness import is_worker_alive
from mpi.storage.migrate import SCHEMA_REVISION, SchemaState, schema_state
from mpi.storage.repositories.sources.batches import LOADING, UNDOING
from mpi.storage.unit_of_work.units import ReadUnit

LONG_WAIT = timedelta(hours=1)
"""How long work may wait for the worker of ``mpi serve`` before it is warned of."""
LOW_DISK_SHARE = 0.1
"""Share of free disk space below which it is warned of."""
FEW_OPERATORS = 2
"""Fewest operators who can sign in; with one, nobody can help that one."""
_GIGABYTE = 1_000_000_000


class CheckName(StrEnum):
    """Part of the index that is checked."""

    READY = "ready"
    SCHEMA = "schema"
    DISK = "disk"
    SEARCHES = "searches"
    LOADS = "loads"
    RUN = "run"
    DECISIONS = "decisions"
    HOLDINGS = "holdings"
    WEBHOOKS = "webhooks"
    KEYS = "keys"
    OPERATORS = "operators"
    VERIFICATION = "verification"
    BACKUP = "backup"


class CheckState(StrEnum):
    """Outcome of a check."""

    GOOD = "good"
    WARNING = "warning"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the index.

    Args:
        name: what was checked.
        state: its outcome.
        command: command that helps; None where nothing is to do.
        page: path of the page that helps; None for none.
    """

    name: CheckName
    state: CheckState
    command: str | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Health of an index.

    Args:
        program: version of the program.
        python: version of Python.
        platform: operating system and machine.
        store: kind of database.
        schema: revision of the database schema that the program needs.
        model: name and version of the match model.
        scope: code of the scope whose index it is.
        is_test: whether the records are synthetic.
        free_disk_gb: free space of the disk that holds the home folder, in gigabytes.
        checks: the checks, warnings first.
    """

    program: str
    python: str
    platform: str
    store: str
    schema: str
    model: str
    scope: str
    is_test: bool
    free_disk_gb: float
    checks: tuple[Check, ...]


def read_health(index: Index, viewer: Viewer) -> Health:
    """Check the health of an index.

    Args:
        index: the open index.
        viewer: who asks; without the right to administer clients or accounts, their checks are left out.

    Raises:
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    disk = shutil.disk_usage(index.home)
    with index.database.read(viewer) as unit:
        checks = [
            _check_model(unit, index),
            _check_searches(unit),
            _check_loads(unit),
            _check_run(unit),
            _check_decisions(unit),
            _check_holdings(unit),
            _check_webhooks(unit),
        ]
    is_current = schema_state(index.database) is SchemaState.CURRENT
    checks += [
        _check(CheckName.SCHEMA, is_good=is_current, command="mpi db upgrade"),
        _check(CheckName.DISK, is_good=disk.free >= LOW_DISK_SHARE * disk.total),
        *_check_access(index, viewer),
        Check(CheckName.VERIFICATION, CheckState.UNKNOWN, "mpi verify"),
        Check(CheckName.BACKUP, CheckState.UNKNOWN),
    ]
    order = (CheckState.WARNING, CheckState.GOOD, CheckState.UNKNOWN)
    return Health(
        program=__version__,
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        store="PostgreSQL" if index.database.is_postgresql else "SQLite",
        schema=SCHEMA_REVISION,
        model=index.matcher.model.ref,
        scope=index.settings.scope,
        is_test=index.settings.is_test,
        free_disk_gb=round(disk.free / _GIGABYTE, 1),
        checks=tuple(sorted(checks, key=lambda check: order.index(check.state))),
    )


def _check(name: CheckName, *, is_good: bool, command: str | None = None, page: str | None = None) -> Check:
    """Build a check, which names what helps only where it is bad."""
    if is_good:
        return Check(name, CheckState.GOOD)
    return Check(name, CheckState.WARNING, command, page)


def _check_model(unit: ReadUnit, index: Index) -> Check:
    """Check that the index has the model of this process."""
    try:
        index.config_id(unit)
    except ConflictError:
        return _check(CheckName.READY, is_good=False, command="mpi serve")
    return _check(CheckName.READY, is_good=True)


def _check_searches(unit: ReadUnit) -> Check:
    """Check that no deferred search waits for long."""
    commit = unit.large_blocks.find_oldest_waiting()
    info = {} if commit is None else unit.commit_info({commit})
    is_late = any(_is_before(at, LONG_WAIT) for at, _, _ in info.values())
    return _check(CheckName.SEARCHES, is_good=not is_late, command="mpi blocks --finish")


def _check_loads(unit: ReadUnit) -> Check:
    """Check that no load, and no undo of one, was left unfinished."""
    is_open = unit.batches.has_status((LOADING, UNDOING))
    return _check(CheckName.LOADS, is_good=not is_open, page="/loads")


def _check_run(unit: ReadUnit) -> Check:
    """Check that no re-cluster run was interrupted."""
    run = unit.runs.find_open()
    is_dead = run is not None and not is_worker_alive(run.worker, run.beat)
    return _check(CheckName.RUN, is_good=not is_dead, command="mpi recluster --resume")


def _check_decisions(unit: ReadUnit) -> Check:
    """Check that no decision is overdue after a freeze window."""
    yesterday = (clock.now() - timedelta(days=1)).date().isoformat()
    overdue = unit.decisions.pending_until(yesterday)
    return _check(CheckName.DECISIONS, is_good=not overdue, command="mpi decisions --due")


def _check_holdings(unit: ReadUnit) -> Check:
    """Check that no dropping of records waits for approval."""
    is_waiting = any(unit.holdings_runs.find_open(source.id) is not None for source in unit.sources.all())
    return _check(CheckName.HOLDINGS, is_good=not is_waiting, command="mpi holdings list")


def _check_webhooks(unit: ReadUnit) -> Check:
    """Check that no webhook has stopped by itself."""
    has_stopped = unit.webhooks.has_stopped()
    return _check(CheckName.WEBHOOKS, is_good=not has_stopped, command="mpi webhook list")


def _check_access(index: Index, viewer: Viewer) -> Iterator[Check]:
    """Check expiring keys and operators, as far as the viewer may know."""
    if Action.CLIENT_ADMIN in viewer.actions:
        is_expiring = any(client.is_expiring for client in list_clients(index, viewer))
        yield _check(CheckName.KEYS, is_good=not is_expiring, page="/clients")
    if Action.ACCOUNT_ADMIN in viewer.actions:
        operators = [
            account
            for account in list_accounts(index, viewer)
            if account.role is Role.OPERATOR and account.state is AccountState.ACTIVE
        ]
        yield _check(CheckName.OPERATORS, is_good=len(operators) >= FEW_OPERATORS, page="/accounts")


def _is_before(moment: str, age: timedelta) -> bool:
    """Return whether a moment (ISO, UTC) is longer ago than an age."""
    return datetime.fromisoformat(moment) < clock.now() - age
