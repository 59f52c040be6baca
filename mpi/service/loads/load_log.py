"""Log of file loads: receipts, rejected rows and quality issues.

It says what a source's own files held, and nothing of links. Of a source that holds linked records only, the
outcomes of rows would tell which pupils are in care; who may not read records is not told them.
"""

from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.data_quality.issues import may_list_issues
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.loads.open_outcomes import find_shown_counts, read_shown_rejects, tells_of_care
from mpi.storage.repositories.sources.batches import LOADED, LOADING, UNDOING, Batch, StoredReject
from mpi.storage.unit_of_work.units import ReadUnit

PAGE_SIZE = 50
"""Most loads of one answer."""
MAX_LISTED_REJECTS = 100
"""Most rejected rows that are listed with a receipt; a download holds all."""
MAX_REJECTS = 100_000
"""Most rejected rows of a download."""
FIELDS = ("local_id", "issues")
"""Fields of the ledger's line."""
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class LoadEntry:
    """One file load in the log.

    Args:
        number: number of the load.
        source: code of the source.
        status: ``loaded``, ``loading``, ``held``, ``undoing`` or ``undone``.
        snapshot: ``full`` or ``delta``.
        at: when it was loaded (ISO, UTC).
        by: name of the account or client that loaded it.
        as_of: when the file was true at its source; None where not known.
        counts: numbers of rows by outcome.
        hides_outcomes: whether the outcomes are left out, because they tell who is in care.
        may_undo: whether the viewer may undo it now.
    """

    number: int
    source: str
    status: str
    snapshot: str
    at: str
    by: str
    as_of: str | None
    counts: dict[str, int]
    hides_outcomes: bool
    may_undo: bool


@dataclass(frozen=True, slots=True)
class LoadReceipt:
    """The receipt of one file load.

    Args:
        entry: the load.
        held_reason: why a load guard held it; None if none did.
        undone_at: when its undo began (ISO, UTC); None without one.
        undone_by: who began it.
        issues: numbers of records by field and code of a quality issue; None where they were not kept.
        rejects: the first rejected rows.
        reject_count: number of rejected rows.
        spared: absent records that stay, as a row without a readable local ID may be theirs; None where it
            would tell who is in care, or was not kept.
        newer: absent records that stay, as their source stated them later than the file; None likewise.
    """

    entry: LoadEntry
    held_reason: str | None
    undone_at: str | None
    undone_by: str | None
    issues: dict[str, int] | None
    rejects: tuple[StoredReject, ...]
    reject_count: int
    spared: int | None
    newer: int | None


def list_loads(
    index: Index, viewer: Viewer, source: str | None = None, before: int | None = None
) -> list[LoadEntry]:
    """Return up to ``PAGE_SIZE`` file loads of the viewer's sources, latest first.

    Args:
        index: the open index.
        viewer: who asks.
        source: code of the source; None for all.
        before: only loads with a smaller number; None for the latest.

    Raises:
        AccessDenied: the viewer may not load.
    """
    require_permission(viewer, Action.LOAD)
    entries: list[LoadEntry] = []
    with index.database.read(viewer) as unit:
        limited = find_limited_sources(unit)
        while len(entries) < PAGE_SIZE:
            batches = unit.batches.latest(PAGE_SIZE, before, source)
            visible = [batch for batch in batches if _may_see(viewer, batch)]
            entries += _build_entries(unit, visible, limited)
            if len(batches) < PAGE_SIZE:
                break
            before = batches[-1].id
    return entries[:PAGE_SIZE]


def list_latest_loads(index: Index, viewer: Viewer) -> dict[str, LoadEntry]:
    """Return the latest load of each of the viewer's sources, by code.

    Raises:
        AccessDenied: the viewer may not load.
    """
    require_permission(viewer, Action.LOAD)
    with index.database.read(viewer) as unit:
        batches = [batch for batch in unit.batches.latest_by_source().values() if _may_see(viewer, batch)]
        return {entry.source: entry for entry in _build_entries(unit, batches, find_limited_sources(unit))}


def find_load(index: Index, viewer: Viewer, number: int) -> LoadReceipt:
    """Return the receipt of a file load.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
        AccessDenied: the viewer may not load.
    """
    require_permission(viewer, Action.LOAD)
    with index.database.read(viewer) as unit:
        batch = _get_batch(unit, number)
        [entry] = _build_entries(unit, [batch], find_limited_sources(unit))
        undone = None if batch.undone_commit is None else unit.commit_info({batch.undone_commit})
        stayed = {} if entry.hides_outcomes else batch.counts
        undone_at, undone_by, _ = (None, None, None) if undone is None else undone[batch.undone_commit or 0]
        return LoadReceipt(
            entry=entry,
            held_reason=batch.held_reason,
            undone_at=undone_at,
            undone_by=undone_by,
            issues=batch.issues,
            rejects=tuple(read_shown_rejects(unit, batch, MAX_LISTED_REJECTS)),
            reject_count=entry.counts.get("rejected", 0),
            spared=stayed.get("spared"),
            newer=stayed.get("newer"),
        )


def read_rejects(index: Index, viewer: Viewer, number: int) -> list[StoredReject]:
    """Return up to ``MAX_REJECTS`` rejected rows of a file load.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
        AccessDenied: the viewer may not load.
    """
    require_permission(viewer, Action.LOAD)
    with index.database.read(viewer) as unit:
        return read_shown_rejects(unit, _get_batch(unit, number), MAX_REJECTS)


def name_rejects(index: Index, viewer: Viewer, number: int) -> list[StoredReject]:
    """Return up to ``MAX_REJECTS`` rejected rows with local IDs.

    The answer is a line on the ledger.

    Local IDs are for who may list the source's records with issues: its sender, its data owner, and who reads
    every record of it.

    Raises:
        NotFoundError: there is no such load that the viewer may know of.
        AccessDenied: the viewer may not load.
        StoreError: the ledger cannot be written.
    """
    require_permission(viewer, Action.LOAD)
    record_ids: set[int] = set()
    with index.database.read(viewer) as unit:
        batch = _get_batch(unit, number)
        source = batch.source
        if may_list_issues(viewer, source):
            rejects = unit.batches.named_rejects(number, MAX_REJECTS)
            local_ids = sorted({each.local_id for each in rejects if each.local_id is not None})
            source_id = unit.sources.get_by_code(source).id
            for start in range(0, len(local_ids), _CHUNK):
                known = unit.records.find_by_local_ids(source_id, local_ids[start : start + _CHUNK])
                record_ids |= {record.id for record in known.values()}
        else:
            rejects = read_shown_rejects(unit, batch, MAX_REJECTS)
    disclose(index, viewer, Action.LOAD, record_ids, FIELDS, f"load:{number}")
    return rejects


def _may_see(viewer: Viewer, batch: Batch) -> bool:
    """Return whether the viewer may load the source of a load."""
    return is_allowed_on(viewer, Action.LOAD, batch.source)


def _get_batch(unit: ReadUnit, number: int) -> Batch:
    batch = unit.batches.get(number)
    if batch is None or not _may_see(unit.viewer, batch):
        raise NotFoundError(f"there is no load {number}")
    return batch


def _build_entries(
    unit: ReadUnit, batches: Collection[Batch], limited_sources: Collection[str]
) -> list[LoadEntry]:
    """Build log entries of loads, with the times of their commits."""
    commits = unit.commit_info({batch.commit_no for batch in batches})
    counts = find_shown_counts(unit, batches)
    entries = []
    for batch in batches:
        is_hidden = tells_of_care(unit.viewer, batch.source, limited_sources)
        entries.append(
            LoadEntry(
                number=batch.id,
                source=batch.source,
                status=batch.status,
                snapshot=batch.snapshot,
                at=commits[batch.commit_no][0],
                by=commits[batch.commit_no][1],
                as_of=batch.as_of,
                counts=counts[batch.id],
                hides_outcomes=is_hidden,
                may_undo=batch.status in (LOADED, LOADING, UNDOING),
            )
        )
    return entries
