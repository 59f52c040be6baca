"""Pull a source's records from another system and load them."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mpi.connectors.connection import Connection
from mpi.connectors.pull import Connector, PullResult, RenamingConnector
from mpi.domain import clock
from mpi.domain.errors import NotFoundError, RemoteSystemError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.intake.file_profile import FileProfile, profile_rows
from mpi.service.agreements.feeds import require_open_feed
from mpi.service.agreements.refusals import record_lapse
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.loads.dry_run import DryRun, dry_run
from mpi.service.loads.load import LoadOptions, load
from mpi.service.loads.receipt import Receipt
from mpi.service.pulls.pull_lease import PullLease
from mpi.service.pulls.pulled_rows import PulledRows
from mpi.service.statements.sources import require_own_source, require_sending_source
from mpi.service.stewardship.rekey import rekey
from mpi.storage.repositories.sources.pull_cursors import PullCursor
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

MAX_CURSOR_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class PullOptions:
    """Options of a pull.

    Args:
        full: pull every record, whatever was pulled before.
        full_after: time after the last full pull at which everything is pulled again, since systems do not
            tell every deletion.
        confirm: load what was pulled even if a load guard demands confirmation.
    """

    full: bool = False
    full_after: timedelta = timedelta(days=7)
    confirm: bool = False


@dataclass(slots=True)
class PullReceipt:
    """How a pull ended.

    Args:
        load: receipt of the load.
        is_full: whether every record of the system was pulled.
        removed: records that the system named as gone.
        renamed: records that got another local ID.
        rename_claims: records whose new local ID another record has; each is a question for a steward.
        rename_step: step of the new local IDs, which undo takes; None for none.
        has_advanced: whether the next pull begins where this one ended. If not, it repeats this one.
    """

    load: Receipt
    is_full: bool
    removed: int = 0
    renamed: int = 0
    rename_claims: int = 0
    rename_step: int | None = None
    has_advanced: bool = False

    @property
    def is_load_complete(self) -> bool:
        """Whether what was pulled is loaded, and not all of it rejected."""
        load = self.load
        is_all_rejected = load.rejected > 0 and load.rejected + load.withdrawn == load.received
        return load.status != "held" and not is_all_rejected


@dataclass(frozen=True, slots=True)
class PullPreview:
    """What a pull would do.

    Args:
        profile: profile of the rows.
        load: preview of the load.
        is_full: whether every record of the system was pulled.
        removed: records that the system named as gone.
        renamed: records that the system gave another local ID.
    """

    profile: FileProfile
    load: DryRun
    is_full: bool
    removed: int
    renamed: int


@dataclass(frozen=True, slots=True)
class _Pull:
    """A pull under way.

    Args:
        rows: what was pulled.
        result: how the connector ended.
        began: when it began.
    """

    rows: PulledRows
    result: PullResult
    began: datetime


def pull(
    index: Index,
    viewer: Viewer,
    connection: Connection,
    connector: Connector,
    options: PullOptions,
    progress: Progress = ignore_progress,
) -> PullReceipt:
    """Pull a source's records from another system and load them.

    The next pull begins where this one ended only once everything is loaded, so a pull that is killed or held
    is repeated by the next one. After the undo of a load, the next pull takes everything.

    Args:
        index: the open index.
        viewer: who pulls.
        connection: the other system, and the source whose records it gives.
        connector: pulls from it.
        options: full pull and confirmation.
        progress: receives the progress of long steps.

    Raises:
        RemoteSystemError: the system cannot be reached, refuses, or answers what cannot be read.
        InputError: an option of the connection is wrong.
        NotFoundError: no such source.
        AccessDenied: the viewer may not load this source.
        AgreementLapsed: no agreement that covers the source is in force; nothing was asked for.
        ConflictError: another process pulls or loads the source.
    """
    source = require_pulled_source(index, viewer, connection.source)
    with (
        PullLease(index, viewer, source) as lease,
        _pull_rows(index, viewer, connection, connector, lease.stored, options, progress) as pulled,
    ):
        receipt = PullReceipt(
            load=Receipt(source.code), is_full=pulled.result.is_full, removed=len(pulled.rows.removed)
        )
        _apply_renames(index, viewer, source, pulled.rows, receipt)
        load_options = _choose_load_options(index, viewer, source, pulled, confirm=options.confirm)
        receipt.load = load(index, viewer, source.code, pulled.rows.rows(), load_options, progress)
        if receipt.is_load_complete:
            lease.advance(_describe_end(lease.stored, connection, pulled, receipt))
            receipt.has_advanced = True
    return receipt


def preview_pull(
    index: Index,
    viewer: Viewer,
    connection: Connection,
    connector: Connector,
    options: PullOptions,
    progress: Progress = ignore_progress,
) -> PullPreview:
    """Pull a source's records and show what loading them would do.

    Nothing is stored. Arguments and errors as for ``pull``.
    """
    source = require_pulled_source(index, viewer, connection.source)
    with index.database.read(viewer) as unit:
        stored = unit.pull_cursors.find(source.id) or PullCursor(source.id)
    with _pull_rows(index, viewer, connection, connector, stored, options, progress) as pulled:
        load_options = replace(_make_load_options(pulled, confirm=options.confirm), as_of=pulled.began)
        preview = dry_run(index, viewer, source.code, pulled.rows.rows(), load_options, progress)
        profile = profile_rows(pulled.rows.rows(), index.keyed_hash, clock.now())
        return PullPreview(
            profile=profile,
            load=preview,
            is_full=pulled.result.is_full,
            removed=len(pulled.rows.removed),
            renamed=len(pulled.rows.renames),
        )


def require_pulled_source(index: Index, viewer: Viewer, source_code: str) -> Source:
    """Return a source whose records may be loaded.

    It is asked for before anything is pulled: what may not be loaded is not read either.

    Raises:
        NotFoundError: no such source.
        AccessDenied: the viewer may not load this source.
        AgreementLapsed: no agreement that covers the source is in force.
        ConflictError: the source is retired, or its records are sent to a scope.
    """
    require_permission(viewer, Action.LOAD, source_code)
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    with record_lapse(index), index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        require_own_source(source)
        require_sending_source(source)
        require_open_feed(unit, index, source_code, Action.LOAD)
    return source


@contextmanager
def _pull_rows(
    index: Index,
    viewer: Viewer,
    connection: Connection,
    connector: Connector,
    stored: PullCursor,
    options: PullOptions,
    progress: Progress,
) -> Iterator[_Pull]:
    """Pull from the other system; hold the rows until the context ends."""
    with index.database.read(viewer) as unit:
        began = max(clock.now(), unit.last_commit_time())
        cursor = _choose_cursor(unit, stored, connection, options, began)
    with closing(PulledRows(str(index.home))) as rows:

        def report(resource: str, done: int, total: int | None) -> None:
            progress(f"pulling {resource}", done, total or 0)

        if cursor is None and isinstance(connector, RenamingConnector):
            last = stored.cursor if stored.connection == connection.digest() else None
            result = connector.pull_all(last, rows, report)
        else:
            result = connector.pull(cursor, rows, report)
        if len(result.cursor) > MAX_CURSOR_CHARACTERS:
            raise RemoteSystemError(
                f"{connection.name}: its cursor has more than {MAX_CURSOR_CHARACTERS:,} characters"
            )
        yield _Pull(rows, result, began)


def _choose_cursor(
    unit: ReadUnit, stored: PullCursor, connection: Connection, options: PullOptions, now: datetime
) -> str | None:
    """Return where a pull begins, or None for a pull of everything.

    After an undo, the changes since the last pull do not restore what the undone load had brought.
    """
    if options.full or stored.full_at is None or stored.connection != connection.digest():
        return None
    if stored.pulled_at is not None and unit.batches.has_undo_since(stored.source_id, stored.pulled_at):
        return None
    is_full_due = now - datetime.fromisoformat(stored.full_at) >= options.full_after
    return None if is_full_due else stored.cursor


def _apply_renames(
    index: Index, viewer: Viewer, source: Source, rows: PulledRows, receipt: PullReceipt
) -> None:
    """Give records their new local IDs before rows with those are loaded.

    Otherwise such a row would make a new record. A pull that is repeated finds no record of an old ID.
    """
    if not rows.renames:
        return
    try:
        result = rekey(index, viewer, source.code, rows.renames)
    except NotFoundError:
        return  # the only record was renamed by a pull before, or is not held
    receipt.renamed, receipt.rename_claims = result.rekeyed, len(result.review)
    receipt.rename_step = result.step


def _choose_load_options(
    index: Index, viewer: Viewer, source: Source, pulled: _Pull, *, confirm: bool
) -> LoadOptions:
    """Return the options of the load, which resumes an equal interrupted one."""
    options = _make_load_options(pulled, confirm=confirm)
    with index.database.read(viewer) as unit:
        interrupted = unit.batches.find_unfinished(source.id, options.digest, options.snapshot.value)
    return options if interrupted is not None else replace(options, as_of=pulled.began)


def _make_load_options(pulled: _Pull, *, confirm: bool) -> LoadOptions:
    return LoadOptions(
        snapshot=Snapshot.FULL if pulled.result.is_full else Snapshot.DELTA,
        confirm=confirm,
        digest=pulled.rows.compute_digest(),
        gone=frozenset(pulled.rows.removed),
    )


def _describe_end(
    stored: PullCursor, connection: Connection, pulled: _Pull, receipt: PullReceipt
) -> PullCursor:
    """Return what is stored of a pull that ended."""
    ended = clock.format_timestamp(clock.now())
    # From its beginning, so that the next full pull is not due a little later each time.
    full_at = clock.format_timestamp(pulled.began) if pulled.result.is_full else stored.full_at
    return replace(
        stored,
        connection=connection.digest(),
        cursor=pulled.result.cursor,
        pulled_at=ended,
        full_at=full_at,
        counts=receipt.load.counts | {"removed": receipt.removed, "renamed": receipt.renamed},
    )
