"""Load a file of source records, resuming an interrupted load.

Every row of the file is accounted for in the receipt.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.intake.reader import FileRows
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.service.agreements.feeds import require_open_feed
from mpi.service.agreements.refusals import record_lapse
from mpi.service.core.index import Index
from mpi.service.data_quality.tickets import close_corrected_tickets
from mpi.service.holdings.runs import complete_load
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.loads.chunk_writer import ChunkWriter, LoadFile
from mpi.service.loads.file_impact import assess_file, find_load_hold
from mpi.service.loads.receipt import Receipt, receipt_from
from mpi.service.loads.row_intake import RowValidator, ValidatedFile, validate_rows
from mpi.service.loads.row_screening import screen_rows
from mpi.service.processes.core_reservation import reserve_core
from mpi.service.processes.pacing import disable_garbage_collection
from mpi.service.statements.seal_rights import list_forbidden_seals
from mpi.service.statements.sources import require_own_source, require_sending_source
from mpi.storage.repositories.sources.batches import Batch
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Options of a file load.

    Args:
        snapshot: ``full`` withdraws records that the file lacks; ``delta`` never does.
        as_of: when the file was true at its source. None means the moment of loading or, for a full file, the
            latest as-of of its rows.
        confirm: load the file even if a load guard demands confirmation.
        digest: hash of the file's content and of the way it is read. An interrupted load is resumed only by a
            file with an equal digest. Empty means that the load cannot be resumed.
        gone: local IDs of records that the source states as gone; they are withdrawn, unless a row states
            them.
    """

    snapshot: Snapshot = Snapshot.DELTA
    as_of: datetime | None = None
    confirm: bool = False
    digest: str = ""
    gone: frozenset[str] = frozenset()


def make_load_options(
    rows: FileRows, snapshot: Snapshot, as_of: datetime | None = None, *, confirm: bool = False
) -> LoadOptions:
    """Return a load's options, with what its file itself states.

    Args:
        rows: the opened file.
        snapshot: whether the file is loaded as all records of the source.
        as_of: when the file was true at its source; None as in ``LoadOptions``.
        confirm: load the file even if a load guard demands confirmation.

    Raises:
        InputError: a file that holds changes only is loaded as all records.
    """
    if rows.holds_all is False and snapshot is Snapshot.FULL:
        raise InputError(f"{rows.name} holds changes only: load it as snapshot delta, not full")
    return LoadOptions(snapshot, as_of, confirm, rows.compute_digest(), rows.gone)


def load(
    index: Index,
    viewer: Viewer,
    source_code: str,
    rows: Iterable[CanonicalRow | RejectedRow],
    options: LoadOptions,
    progress: Progress = ignore_progress,
) -> Receipt:
    """Load the rows of one source's file.

    Args:
        index: the open index.
        viewer: who loads.
        source_code: the source of the rows.
        rows: as ``mpi.intake.reader`` returns them; an error while reading them loads nothing.
        options: snapshot, as-of, confirmation and digest.
        progress: receives the progress of long steps.

    Returns:
        The receipt, with status ``loaded`` or ``held``. A held load changed nothing.

    Raises:
        NotFoundError: no such source.
        AccessDenied: the viewer may not load this source.
        ConflictError: another caller resumed or undid the load.
        AgreementLapsed: no agreement that covers the source is in force; nothing was written.
    """
    require_permission(viewer, Action.LOAD, source_code)
    state = _read_load_state(index, viewer, source_code, options)
    moment = _choose_moment(state, options)
    with (
        disable_garbage_collection(),
        reserve_core(index.database, viewer, index.tuning.pacing) as reservation,
        closing(receive_rows(index, viewer, source_code, rows, moment)) as file_rows,
    ):
        file = _describe_file(state, file_rows, moment, options)
        hold_reason = None
        if state.interrupted is None and not options.confirm:
            hold_reason = _assess_load(index, viewer, file)
        dropped = 0
        if hold_reason is None:
            dropped = screen_rows(index, viewer, state.source, file_rows, progress, full=file.full)
        writer = ChunkWriter(
            index=index,
            viewer=viewer,
            file=file,
            receipt=receipt_from(source_code, file_rows),
            reservation=reservation,
            progress=progress,
        )
        writer.receipt.unfinished = state.other_batches
        writer.receipt.dropped = dropped
        if state.interrupted is not None:
            writer.resume(state.interrupted)
        if hold_reason is None:
            writer.write()
            if writer.receipt.batch is not None:
                close_corrected_tickets(index, viewer, state.source.id, writer.receipt.batch)
            _complete_holdings(index, viewer, state.source, writer.receipt, progress)
        else:
            writer.hold(hold_reason)
    return writer.receipt


@dataclass(frozen=True, slots=True)
class _LoadState:
    """What the index knows of a source before a load.

    Args:
        source: the source.
        interrupted: the load of this file that was interrupted, if one was.
        other_batches: numbers of the source's other loads that are not complete, in order.
        last_moment: time of the last commit.
    """

    source: Source
    interrupted: Batch | None
    other_batches: tuple[int, ...]
    last_moment: datetime


def _read_load_state(index: Index, viewer: Viewer, source_code: str, options: LoadOptions) -> _LoadState:
    """Read a source's state, and refuse a load that may not begin."""
    with record_lapse(index), index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        require_own_source(source)
        require_sending_source(source)
        require_open_feed(unit, index, source_code, Action.LOAD)
        interrupted = _find_interrupted_load(unit, source, options)
        own_batch = set() if interrupted is None else {interrupted.id}
        other_batches = set(unit.batches.unfinished_ids(source.id)) - own_batch
        return _LoadState(source, interrupted, tuple(sorted(other_batches)), unit.last_commit_time())


def _choose_moment(state: _LoadState, options: LoadOptions) -> datetime:
    """Return the time of a load, or of the interrupted one.

    If the clock was set back, the load is still later than the last commit.
    """
    if state.interrupted is not None and state.interrupted.as_of is not None:
        return datetime.fromisoformat(state.interrupted.as_of)
    return options.as_of or max(clock.now(), state.last_moment)


def _describe_file(
    state: _LoadState, file_rows: ValidatedFile, moment: datetime, options: LoadOptions
) -> LoadFile:
    """Return the file of a load with its as-of time."""
    as_of = (
        choose_file_as_of(file_rows, moment, options)
        if state.interrupted is None
        else clock.format_timestamp(moment)
    )
    return LoadFile(
        source=state.source,
        rows=file_rows,
        as_of=as_of,
        digest=options.digest,
        snapshot=options.snapshot.value,
        full=options.snapshot is Snapshot.FULL,
        gone=options.gone,
    )


def _assess_load(index: Index, viewer: Viewer, file: LoadFile) -> str | None:
    """Return why a load waits for a confirmation, or None."""
    with index.database.read(viewer) as unit:
        impact = assess_file(unit, file.source.id, file.rows, file.as_of, full=file.full, gone=file.gone)
        return find_load_hold(
            unit, file.source, file.rows, impact, file.as_of, full=file.full, gone=file.gone
        )


def _complete_holdings(
    index: Index, viewer: Viewer, source: Source, receipt: Receipt, progress: Progress
) -> None:
    """Drop stored records that the source's holdings no longer cover."""
    if receipt.batch is not None:
        receipt.drops_wait = complete_load(index, viewer, source, receipt.batch, receipt.dropped, progress)


def _find_interrupted_load(unit: ReadUnit, source: Source, options: LoadOptions) -> Batch | None:
    """Find the source's interrupted load of a file with an equal digest."""
    if not options.digest:
        return None
    batch = unit.batches.find_unfinished(source.id, options.digest, options.snapshot.value)
    if batch is None or options.as_of is None or clock.format_timestamp(options.as_of) == batch.as_of:
        return batch
    return None


def choose_file_as_of(rows: ValidatedFile, default_as_of: datetime, options: LoadOptions) -> str:
    """Return when a file was true at its source.

    A full file also states which records are absent. If each of its rows states an as-of, the file's is the
    latest of them, so that an absent record can return with a later period loaded on the same day. If a row
    states none, both row and file take ``default_as_of``. A row dated after our clock does not move the file
    into the future.

    Args:
        rows: the file's validated rows.
        default_as_of: as-of of rows that state none.
        options: how the file is loaded.

    Returns:
        An ISO timestamp in UTC.
    """
    latest = clock.format_timestamp(default_as_of)
    if options.as_of is not None or options.snapshot is not Snapshot.FULL or not rows.latest_as_of:
        return latest
    return min(rows.latest_as_of, latest)


def receive_rows(
    index: Index,
    viewer: Viewer,
    source_code: str,
    rows: Iterable[CanonicalRow | RejectedRow],
    default_as_of: datetime,
) -> ValidatedFile:
    """Validate and standardize a file's rows without storing anything.

    Args:
        index: the open index.
        viewer: who loads.
        source_code: the source of the rows.
        rows: as for ``load``.
        default_as_of: as-of of rows that state none.

    Raises:
        NotFoundError: no such source.
    """

    def read_hashes(local_ids: Sequence[str]) -> Mapping[str, str]:
        with index.database.read(viewer) as unit:
            return unit.records.hashes(source.id, local_ids)

    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        config_id = index.config_id(unit)
        lists, blocking = index.shared_values_of(unit, config_id), index.blocking_of(unit, config_id)
    config_digest = index.digest(lists)
    validator = RowValidator(
        keyed_hash=index.keyed_hash,
        default_as_of=default_as_of,
        source=source_code,
        config_digest=config_digest,
        lists_text=lists.to_text(),
        blocking=blocking,
        forbidden_seals=list_forbidden_seals(viewer),
        declared_rules=index.settings.declared_rules,
    )
    return validate_rows(validator, rows, read_hashes, str(index.home), index.tuning.load)
