"""Load a file: every row accounted for, in whole chunks, and resumed where it was interrupted."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

from mpi.domain import clock
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer, permit
from mpi.intake.rows import RejectedRow, SentRow
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, silent
from mpi.service.loads.chunk_writer import ChunkWriter, LoadFile
from mpi.service.loads.guards import find_hold_reason
from mpi.service.loads.receipt import Receipt, receipt_from
from mpi.service.loads.row_intake import RowValidator, ValidatedFile, validate_rows
from mpi.service.loads.snapshots import assess_file
from mpi.service.processes.core_reservation import leaving_room
from mpi.service.processes.pacing import seeking_no_cycles
from mpi.storage.repositories.sources.batches import Batch
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a file.

    Args:
        snapshot: ``full`` withdraws records that the file lacks; ``delta`` never does.
        as_of: when the file was true at its source; None for the moment of loading, or of a full file what
            its rows say.
        confirm: load it even where a guard would hold it.
        digest: of the file's content and of how it is read: a load that was interrupted goes on only where
            both are the same. Empty where nothing is to go on with it.
    """

    snapshot: Snapshot = Snapshot.DELTA
    as_of: datetime | None = None
    confirm: bool = False
    digest: str = ""


def load(
    index: Index,
    viewer: Viewer,
    source_code: str,
    rows: Iterable[SentRow | RejectedRow],
    options: LoadOptions,
    progress: Progress = silent,
) -> Receipt:
    """Load rows of one source.

    Args:
        index: the open index.
        viewer: who loads.
        source_code: the source that the rows are of.
        rows: as ``mpi.intake.reader`` gives them; an error while they are read loads nothing.
        options: snapshot, as-of, confirmation.
        progress: told of long steps.

    Returns:
        The receipt; its status is ``loaded`` or ``held``. A held load changed nothing.

    Raises:
        NotFoundError: no such source.
        AccessDenied: the viewer may not load this source.
        ConflictError: somebody else goes on with the same load, or has undone it.
    """
    permit(viewer, Action.LOAD, source_code)
    full = options.snapshot is Snapshot.FULL
    with index.database.read(viewer) as unit:
        source = unit.sources.by_code(source_code)
        last = unit.last_moment()
        unfinished = _find_interrupted_load(unit, source, options)
        left = set(unit.batches.loading(source.id)) - ({unfinished.id} if unfinished else set())
    # A clock set back must not make what is loaded now look older than what was loaded before.
    moment = options.as_of or max(clock.now(), last)
    if unfinished is not None and unfinished.as_of is not None:
        moment = datetime.fromisoformat(unfinished.as_of)
    with (
        seeking_no_cycles(),
        leaving_room(index.database, viewer) as room,
        closing(receive_rows(index, viewer, source_code, rows, moment)) as sent,
    ):
        as_of = clock.iso(moment) if unfinished is not None else choose_file_as_of(sent, moment, options)
        file = LoadFile(source, sent, as_of, options.digest, options.snapshot.value, full)
        loading = ChunkWriter(index, viewer, file, receipt_from(source_code, sent), room, progress)
        loading.receipt.unfinished = tuple(sorted(left))
        reason = None
        if unfinished is not None:
            loading.resume(unfinished)
        elif not options.confirm:
            with index.database.read(viewer) as unit:
                found = assess_file(unit, source.id, sent, as_of, full=full)
                reason = find_hold_reason(found.to_effect(as_of))
        if reason is None:
            loading.write()
        else:
            loading.hold(reason)
    return loading.receipt


def _find_interrupted_load(unit: ReadUnit, source: Source, options: LoadOptions) -> Batch | None:
    """The load of this very file, read in this very way, that stopped, if there is one."""
    if not options.digest:
        return None
    found = unit.batches.unfinished(source.id, options.digest, options.snapshot.value)
    if found is None or options.as_of is None or clock.iso(options.as_of) == found.as_of:
        return found
    return None


def choose_file_as_of(sent: ValidatedFile, moment: datetime, options: LoadOptions) -> str:
    """When a file was true at its source.

    A full file states absences as well, and as of when its rows were true: what it lacks may come back with a
    later period that is loaded on the same day. Where its rows all say when that was, it is the latest of
    them; a row that does not is of ``moment``, and so is then the file. Rows that are ahead of our clock do
    not put it ahead as well.

    Args:
        sent: its rows.
        moment: as-of of rows that state none.
        options: how it is loaded.
    """
    latest = clock.iso(moment)
    if options.as_of is not None or options.snapshot is not Snapshot.FULL or not sent.latest_as_of:
        return latest
    return min(sent.latest_as_of, latest)


def receive_rows(
    index: Index,
    viewer: Viewer,
    source_code: str,
    rows: Iterable[SentRow | RejectedRow],
    moment: datetime,
) -> ValidatedFile:
    """Let rows in by the door, and make them comparable; nothing is stored.

    Args:
        index: the open index.
        viewer: who loads.
        source_code: the source that the rows are of.
        rows: as for ``load``.
        moment: as-of of rows that state none.
    """

    def known(local_ids: Sequence[str]) -> Mapping[str, str]:
        with index.database.read(viewer) as unit:
            return unit.records.hashes(source.id, local_ids)

    with index.database.read(viewer) as unit:
        source = unit.sources.by_code(source_code)
        config_id = index.config_id(unit)
        lists, blocking = index.shared_values_of(unit, config_id), index.blocking_of(unit, config_id)
    config = index.matcher.digest(lists)
    door = RowValidator(index.keyed_hash, moment, source_code, config, lists.to_text(), blocking)
    return validate_rows(door, rows, known, str(index.home))
