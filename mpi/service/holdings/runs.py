"""Runs that drop surplus records of a source, and their certificates.

Each page of records is dropped in a transaction of its own. A run that was interrupted is continued by the
next one. Many records are dropped only with a second person's approval.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import orjson

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.source import Holdings
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle
from mpi.service.holdings.destruction import drop_records
from mpi.service.holdings.surplus import find_all_surplus, find_surplus, list_judged_records
from mpi.service.holdings.tokens import keep_tokens_of_stored
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.sources.holdings_runs import HoldingsRun, HoldingsRunStatus
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

UNAPPROVED_RECORDS = 20
"""Records that a run drops without a second person's approval."""
UNAPPROVED_SHARE = 0.05
"""Share of a source's active records that a run drops without approval.

Approval is needed where both numbers are exceeded. The load guards have the same (ADR 0008).
"""


@dataclass(frozen=True, slots=True)
class HoldingsPreview:
    """What a run would drop now.

    Args:
        source: code of the source.
        holdings: which of its records the index holds.
        records: its active and withdrawn records.
        surplus: those that would be destroyed.
        needs_approval: whether a second person has to approve.
    """

    source: str
    holdings: Holdings
    records: int
    surplus: int
    needs_approval: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a run destroyed; it names no child.

    Args:
        number: number of the run.
        source: code of the source.
        status: ``waiting`` for approval, ``running``, ``done`` or ``ended``.
        load: number of the load after which it ran; None if a person asked for it.
        requested_by: client that asked for it.
        requested_at: when (ISO, UTC).
        approved_by: client that approved; None where nobody had to, or has.
        ended_at: when it ended; None while it is open.
        surplus: stored records that were to be destroyed when it began.
        rows: rows of the file that were dropped before anything was stored.
        records: stored records that were destroyed, with all that was derived from them.
        seal: keyed digest of these values; empty until it is done.
        is_intact: whether the seal fits the values.
    """

    number: int
    source: str
    status: str
    load: int | None
    requested_by: str
    requested_at: str
    approved_by: str | None
    ended_at: str | None
    surplus: int
    rows: int
    records: int
    seal: str
    is_intact: bool


def preview_run(index: Index, viewer: Viewer, source_code: str) -> HoldingsPreview:
    """Count what a run would drop, without changing anything.

    Raises:
        NotFoundError: no such source.
        AccessDenied: the viewer may not administer the source.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source_code)
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        records, surplus = len(list_judged_records(unit, source)), len(find_all_surplus(unit, index, source))
        return HoldingsPreview(
            source_code, source.holdings, records, surplus, _needs_approval(unit, source, surplus)
        )


def apply_run(
    index: Index, viewer: Viewer, source_code: str, progress: Progress = ignore_progress
) -> Certificate:
    """Drop a source's surplus records, or ask for approval if many.

    Returns:
        The certificate; its status is ``waiting`` if nothing was dropped yet.

    Raises:
        NotFoundError: no such source.
        ConflictError: the source holds all its records.
        AccessDenied: the viewer may not administer the source.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source_code)
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
    if source.holdings is Holdings.ALL:
        raise ConflictError(
            f"source {source_code!r} holds all its records: mpi source set {source_code} --holdings linked"
        )
    run = _begin_run(index, viewer, source)
    if run.status is HoldingsRunStatus.RUNNING:
        run = _execute_run(index, viewer, source, run, progress)
    return _read_certificate(index, viewer, run)


def approve_run(
    index: Index, viewer: Viewer, source_code: str, progress: Progress = ignore_progress
) -> Certificate:
    """Approve, as a second person, to drop a source's surplus records.

    No undo brings them back; the source's next file brings what then matches a child in care.

    Raises:
        NotFoundError: no such source, or no run of it waits.
        ConflictError: the viewer is no second person for the run, or more records would be dropped
            than were when it was asked for.
        AccessDenied: the viewer may not expunge records of this source.
    """
    require_permission(viewer, Action.RECORD_EXPUNGE, source_code)
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
    surplus = _count_surplus(index, viewer, source)
    with index.database.write(viewer, "approve drop") as unit:
        run = unit.holdings_runs.find_open(source.id)
        if run is None or run.status is not HoldingsRunStatus.WAITING:
            raise NotFoundError(f"nothing of source {source_code!r} waits to be dropped")
        if obstacle := find_obstacle(unit, run.requested_commit):
            raise ConflictError(f"this request is {obstacle}: somebody else has to approve")
        if surplus > run.surplus:
            raise ConflictError(
                f"{surplus:,} records would be dropped, and {run.surplus:,} when it was asked for: "
                f"run mpi holdings apply {source_code} again"
            )
        run = replace(run, status=HoldingsRunStatus.RUNNING, approved_commit=unit.commit_no)
        unit.holdings_runs.save(run)
    return _read_certificate(index, viewer, _execute_run(index, viewer, source, run, progress))


def complete_load(
    index: Index, viewer: Viewer, source: Source, batch_id: int, dropped_rows: int, progress: Progress
) -> bool:
    """Drop surplus records after a load, and certify dropped rows.

    Args:
        index: the open index.
        viewer: who loads.
        source: the source of the file.
        batch_id: number of the load.
        dropped_rows: rows of the file that were not stored.
        progress: receives the progress.

    Returns:
        Whether records wait for a second person's approval to be dropped.
    """
    if source.holdings is Holdings.ALL:
        return False
    run = _begin_run(index, viewer, source, batch_id, dropped_rows)
    if run.status is HoldingsRunStatus.WAITING:
        return True
    _execute_run(index, viewer, source, run, progress)
    return False


def drop_restored(index: Index, viewer: Viewer) -> int:
    """Drop the surplus records of all sources after a restore.

    A backup has records that were dropped since it was made. Whether a second person approved that, it does
    not know. So nobody is asked: the records must not be served, and the backup still has them.

    Args:
        index: the open index, which does not serve yet.
        viewer: who restored it.

    Returns:
        The number of records that were destroyed.
    """
    with index.database.read(viewer) as unit:
        sources = [source for source in unit.sources.all() if source.holdings is not Holdings.ALL]
    return sum(_drop_all_surplus(index, viewer, source) for source in sources)


def _drop_all_surplus(index: Index, viewer: Viewer, source: Source) -> int:
    """Drop a source's surplus records without approval; return their number."""
    surplus = _count_surplus(index, viewer, source)
    if not surplus:
        return 0
    with index.database.write(viewer, "drop") as unit:
        run = unit.holdings_runs.find_open(source.id)
        if run is None:
            run = _make_run(unit, source, None, surplus)
            unit.holdings_runs.add(run)
        run = replace(run, status=HoldingsRunStatus.RUNNING, surplus=run.records + surplus)
        unit.holdings_runs.save(run)
    return _execute_run(index, viewer, source, run, ignore_progress).records - run.records


def list_certificates(index: Index, viewer: Viewer, source_code: str | None = None) -> list[Certificate]:
    """List the runs of a source, or of all, oldest first.

    Raises:
        NotFoundError: no such source.
        AccessDenied: the viewer may not administer sources.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source_code)
    with index.database.read(viewer) as unit:
        wanted = None if source_code is None else unit.sources.get_by_code(source_code).id
        runs = [run for run in unit.holdings_runs.all() if wanted in (None, run.source_id)]
        return _certificates_of(unit, index, [run for run in runs if _is_visible(unit, run)])


def _is_visible(unit: ReadUnit, run: HoldingsRun) -> bool:
    codes = {source.id: source.code for source in unit.sources.all()}
    return unit.viewer.may_see(codes[run.source_id])


def _begin_run(
    index: Index, viewer: Viewer, source: Source, batch_id: int | None = None, dropped_rows: int = 0
) -> HoldingsRun:
    """Return the source's open run or a new one.

    It runs, or waits for approval.
    """
    surplus = _count_surplus(index, viewer, source)
    with index.database.write(viewer, "drop") as unit:
        needs_approval = _needs_approval(unit, source, surplus)
        run = unit.holdings_runs.find_open(source.id)
        if run is None:
            run = _make_run(unit, source, batch_id, surplus)
            unit.holdings_runs.add(run)
        is_approved = run.approved_commit is not None and surplus <= run.surplus - run.records
        if needs_approval and not is_approved:
            # A load does not ask anew: whoever asked must not approve because a load came in between.
            if batch_id is None or run.status is not HoldingsRunStatus.WAITING:
                run = replace(
                    run,
                    status=HoldingsRunStatus.WAITING,
                    requested_commit=unit.commit_no,
                    approved_commit=None,
                    surplus=surplus + run.records,
                )
            _certify_rows(unit, index, source, batch_id, dropped_rows)
        else:
            run = replace(run, status=HoldingsRunStatus.RUNNING, rows=run.rows + dropped_rows)
        unit.holdings_runs.save(run)
    return run


def _certify_rows(
    unit: WriteUnit, index: Index, source: Source, batch_id: int | None, dropped_rows: int
) -> None:
    """Certify dropped rows by themselves, where stored records wait for approval."""
    if dropped_rows:
        run = replace(_make_run(unit, source, batch_id, surplus=0), rows=dropped_rows)
        unit.holdings_runs.add(run)
        _finish_run(unit, index, run)


def _count_surplus(index: Index, viewer: Viewer, source: Source) -> int:
    with index.database.read(viewer) as unit:
        return len(find_all_surplus(unit, index, source))


def _make_run(unit: WriteUnit, source: Source, batch_id: int | None, surplus: int) -> HoldingsRun:
    return HoldingsRun(
        id=unit.counters.take("holdings_run"),
        source_id=source.id,
        status=HoldingsRunStatus.RUNNING,
        requested_commit=unit.commit_no,
        batch_id=batch_id,
        surplus=surplus,
    )


def _needs_approval(unit: ReadUnit, source: Source, surplus: int) -> bool:
    active = unit.records.count_active(source.id)
    return surplus > UNAPPROVED_RECORDS and surplus > UNAPPROVED_SHARE * active


def _execute_run(
    index: Index, viewer: Viewer, source: Source, run: HoldingsRun, progress: Progress
) -> HoldingsRun:
    """Drop surplus records page by page, each page in a transaction.

    It stops if another process ended the run meanwhile, or if the source is to hold all its records again.
    """
    with index.database.read(viewer) as unit:
        surplus = sorted(find_all_surplus(unit, index, source))
    done = 0
    for page in iter_chunks(surplus, index.tuning.load.dropped_records):
        with index.database.write(viewer, "drop") as unit:
            stored_run = unit.holdings_runs.get(run.id)
            if stored_run.status is not HoldingsRunStatus.RUNNING:
                return stored_run
            _drop_page(unit, index, source, stored_run, page)
        done += len(page)
        progress("dropping records", done, len(surplus))
    with index.database.write(viewer, "drop") as unit:
        stored_run = unit.holdings_runs.get(run.id)
        is_running = stored_run.status is HoldingsRunStatus.RUNNING
        return _finish_run(unit, index, stored_run) if is_running else stored_run


def _drop_page(
    unit: WriteUnit, index: Index, source: Source, run: HoldingsRun, page: Collection[int]
) -> None:
    """Drop the records of a page that are still surplus."""
    surplus = find_surplus(unit, index, page)
    keep_tokens_of_stored(unit, index, source, surplus)
    drop_records(unit, index, surplus)
    unit.holdings_runs.save(replace(run, records=run.records + len(surplus)))


def _finish_run(unit: WriteUnit, index: Index, run: HoldingsRun) -> HoldingsRun:
    """Store a run as done, with the seal of its certificate."""
    done = replace(run, status=HoldingsRunStatus.DONE, ended_commit=unit.commit_no)
    done = replace(done, seal=_compute_seal(index, done))
    unit.holdings_runs.save(done)
    return done


def is_intact(index: Index, run: HoldingsRun) -> bool:
    """Return whether a run has no seal, or one that fits."""
    return run.seal is None or run.seal == _compute_seal(index, run)


def find_unfinished_work(unit: ReadUnit, index: Index) -> dict[str, int]:
    """Count surplus records that the latest commit should have dropped.

    Records that became surplus by a later commit are dropped by the next run, and those of a waiting run once
    it is approved.
    """
    last_commit = unit.last_commit()
    ended = {run.source_id for run in unit.holdings_runs.all() if run.ended_commit == last_commit}
    return {
        source.code: len(surplus)
        for source in unit.sources.all()
        if source.id in ended
        and unit.holdings_runs.find_open(source.id) is None
        and (surplus := find_all_surplus(unit, index, source))
    }


def _compute_seal(index: Index, run: HoldingsRun) -> str:
    """Return the keyed digest of a run's numbers.

    It holds nothing of a child.
    """
    numbers = [
        run.id, run.source_id, run.batch_id, run.requested_commit, run.approved_commit, run.ended_commit,
        run.surplus, run.rows, run.records,
    ]  # fmt: skip
    return index.keyed_hash.to_token("holdings", orjson.dumps(numbers).decode())


def _read_certificate(index: Index, viewer: Viewer, run: HoldingsRun) -> Certificate:
    with index.database.read(viewer) as unit:
        return _certificates_of(unit, index, [run])[0]


def _certificates_of(unit: ReadUnit, index: Index, runs: list[HoldingsRun]) -> list[Certificate]:
    codes = {source.id: source.code for source in unit.sources.all()}
    commits = unit.commit_info(
        {
            commit
            for run in runs
            for commit in (run.requested_commit, run.approved_commit, run.ended_commit)
            if commit is not None
        }
    )
    return [
        Certificate(
            number=run.id,
            source=codes[run.source_id],
            status=run.status.value,
            load=run.batch_id,
            requested_by=commits[run.requested_commit][1],
            requested_at=commits[run.requested_commit][0],
            approved_by=None if run.approved_commit is None else commits[run.approved_commit][1],
            ended_at=None if run.ended_commit is None else commits[run.ended_commit][0],
            surplus=run.surplus,
            rows=run.rows,
            records=run.records,
            seal=run.seal or "",
            is_intact=is_intact(index, run),
        )
        for run in runs
    ]
