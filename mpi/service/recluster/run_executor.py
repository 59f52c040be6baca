"""Execute a re-cluster run while others read and write.

1. Features, keys and edges of the new configuration are derived from a snapshot and written beside those in
   force. Then changed records are derived, until the rest fits one short transaction.
2. That transaction puts the configuration in force.
3. What this changes is published item by item.
4. The old configuration's derived data is dropped.

A killed run stays on record with its stage. Before step 2 it is abandoned or begun again. After step 2 it is
resumed where it stopped, because every step checks what is stored and does what is missing.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain.errors import ConflictError, MpiError
from mpi.domain.viewer import Viewer
from mpi.matching.scoring.engines import DUCKDB_ENGINE, BatchEngine
from mpi.service.core.configuration import find_or_add_config, read_shared_values
from mpi.service.core.index import Index, Matcher
from mpi.service.core.undoable_steps import add_step
from mpi.service.gates.holds import end_hold, require_whole_index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.processes.pacing import disable_garbage_collection
from mpi.service.recluster.derivation import DerivedData, derive
from mpi.service.recluster.derived_sync import (
    DerivedByRecord,
    activate_configuration,
    catch_up,
    drop_inactive,
    sync_derived,
)
from mpi.service.recluster.run_publisher import (
    forget_changes,
    hold_unapproved,
    publish_changes,
    release_holds,
)
from mpi.service.recluster.run_state import (
    COMMIT_KIND,
    ENGINE_KEY,
    RunContext,
    RunView,
    begin_run,
    detach_worker,
    is_alive,
    make_run_index,
    require_run,
    take_over_run,
    view_run,
)
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.settlement import EMPTY_SETTLEMENT, Settlement
from mpi.standardize.shared_values import NO_SHARED_VALUES, SharedValues
from mpi.storage.repositories.derived.proposals import ProposalStatus
from mpi.storage.repositories.derived.recluster_runs import ReclusterRun, RunKind, RunStage
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

ACTIVATING = "putting the configuration in force"


@dataclass(frozen=True, slots=True)
class RunResult:
    """Result of a re-cluster run.

    Args:
        run: the run as it ended.
        settlement: the changes of the whole index once the configuration was in force; of a resumed run,
            those that were left.
        shared_values: the configuration's lists of shared values.
        fresh_shared_values: the lists made from the active records now; None if they were not computed.
        previous_shared_values: the lists that were in force before.
    """

    run: ReclusterRun
    settlement: Settlement
    shared_values: SharedValues
    fresh_shared_values: SharedValues | None
    previous_shared_values: SharedValues


def execute_run(
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    request: ReclusterRun,
    progress: Progress = ignore_progress,
    engine: BatchEngine = DUCKDB_ENGINE,
    on_begin: Callable[[WriteUnit], dict[str, Any]] = lambda _unit: {},
) -> RunResult:
    """Begin a re-cluster run and execute it to its end.

    Args:
        index: the open index.
        viewer: who acts.
        matcher: the model to put in force.
        request: the run's request, from ``mpi.service.recluster.run_state.new_run_request``.
        progress: receives the progress of long steps.
        engine: finds the candidate pairs and scores them.
        on_begin: called in the transaction that begins the run, for further checks; returns what to add to
            the run's detail.

    Raises:
        ConflictError: another run is under way, or this process missed a change of model.
        EngineError: the engine is not installed, or failed; nothing was changed.
    """
    _finish_interrupted(index, viewer, matcher, progress)
    with index.database.write(viewer, COMMIT_KIND) as unit:
        read_shared_values(
            unit, index, matcher, refresh=False
        )  # refuses a process that missed a change of model
        detail = {**request.detail, **on_begin(unit), ENGINE_KEY: engine.name}
        run = begin_run(unit, viewer, matcher, replace(request, detail=detail))
    index.database.is_commit_begun = False  # an interrupt may still stop the run
    context = RunContext(
        index=make_run_index(index, matcher, run),
        viewer=viewer,
        run=run,
        worker=run.worker,
        progress=progress,
        engine=engine,
    )
    return _execute_or_detach(context, index)


def resume(
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    number: int,
    progress: Progress = ignore_progress,
    engine: BatchEngine = DUCKDB_ENGINE,
) -> RunResult:
    """Resume an interrupted re-cluster run.

    Args:
        index: the open index.
        viewer: who acts.
        matcher: the model that the run puts in force.
        number: the run.
        progress: receives the progress of long steps.
        engine: finds the candidate pairs and scores them, if the run has not done so.

    Raises:
        NotFoundError: there is no such run.
        ConflictError: the run has ended, is executed by another process or puts another model in force.
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    with index.database.write(viewer, COMMIT_KIND) as unit:
        stored_run = require_run(unit, number)
        if stored_run.ended_commit is not None:
            raise ConflictError(f"run {number} is {stored_run.stage}: there is nothing to resume")
        if matcher.model.ref != stored_run.model:
            raise ConflictError(f"run {number} puts model {stored_run.model} in force")
        run = take_over_run(unit, stored_run, engine)
    context = RunContext(
        index=make_run_index(index, matcher, run),
        viewer=viewer,
        run=run,
        worker=run.worker,
        progress=progress,
        engine=engine,
    )
    return _execute_or_detach(context, index)


def abandon(index: Index, viewer: Viewer, number: int) -> RunView:
    """Abandon an interrupted re-cluster run, as if it had never begun.

    Args:
        index: the open index.
        viewer: who acts.
        number: the run.

    Raises:
        NotFoundError: there is no such run.
        ConflictError: the run has ended, is executed by another process, or its configuration is in force:
            resume it and roll it back.
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    with index.database.write(viewer, COMMIT_KIND) as unit:
        stored_run = require_run(unit, number)
        if stored_run.stage != RunStage.DERIVING:
            raise ConflictError(
                f"run {number} is {stored_run.stage}: resume it, and roll it back if it is not wanted"
            )
        run = take_over_run(unit, stored_run)
    _abandon(RunContext(index, viewer, run, run.worker))
    with index.database.read(viewer) as unit:
        return view_run(unit, require_run(unit, number))


def list_runs(index: Index, viewer: Viewer) -> list[RunView]:
    """Return every re-cluster run, newest first.

    Args:
        index: the open index.
        viewer: who asks.

    Raises:
        AccessDenied: the viewer may not re-cluster, or may not see every source.
    """
    require_whole_index(viewer)
    with index.database.read(viewer) as unit:
        return [view_run(unit, run) for run in unit.runs.all()]


def _finish_interrupted(index: Index, viewer: Viewer, matcher: Matcher, progress: Progress) -> None:
    """Resume or abandon a re-cluster run whose process has ended."""
    with index.database.read(viewer) as unit:
        open_run = unit.runs.find_open()
        active = unit.configs.active_config()
    if open_run is None or is_alive(open_run):
        return
    if open_run.stage == RunStage.DERIVING and open_run.kind != RunKind.PROPOSAL:
        with index.database.write(viewer, COMMIT_KIND) as unit:
            # Another process may have resumed or finished it meanwhile.
            open_run = require_run(unit, open_run.id)
            run = take_over_run(unit, open_run) if open_run.stage == RunStage.DERIVING else None
        if run is not None:
            _abandon(RunContext(index, viewer, run, run.worker))
        return
    matchers = [
        candidate for candidate in (index.matcher, matcher) if active is not None and candidate.runs(active)
    ]
    if open_run.stage != RunStage.DERIVING and matchers:
        resume(index, viewer, matchers[0], open_run.id, progress)


@disable_garbage_collection()
def _execute_or_detach(context: RunContext, index: Index) -> RunResult:
    """Execute a re-cluster run; if it fails, release it for another process."""
    try:
        return _execute_stages(context)
    except BaseException:  # including an interrupt: the run stays on record
        with suppress(MpiError):  # report the first error
            _detach_or_abandon(context, index)
        raise


def _detach_or_abandon(context: RunContext, index: Index) -> None:
    """Release a failed re-cluster run; abandon it if not yet activated."""
    with context.index.database.read(context.viewer) as unit:
        run = unit.runs.get(context.run.id)
    if run is None or run.worker != context.worker:
        return
    if run.stage == RunStage.DERIVING:
        # The index with the model that is still in force.
        _abandon(RunContext(index, context.viewer, run, context.worker))
    else:
        detach_worker(context)


def _execute_stages(context: RunContext) -> RunResult:
    """Execute a re-cluster run from its current stage to the end."""
    with context.index.database.read(context.viewer) as unit:
        previous_lists = _read_active_lists(unit, context.index)
    used_lists, fresh_lists = previous_lists, None
    settlement = EMPTY_SETTLEMENT
    if context.run.stage == RunStage.DERIVING:
        derived = context.compute(lambda unit: _derive_for_run(unit, context))
        used_lists, fresh_lists = derived.shared_values, derived.fresh_shared_values
        _write_and_activate(context, derived)
        context.run = replace(context.run, stage=RunStage.RELEASING.value)
    context.pace.is_interruptible = False
    if context.run.stage == RunStage.RELEASING:
        if context.run.kind == RunKind.ROLLBACK:
            release_holds(context)
        settlement = publish_changes(context)
        with context.pace.transaction() as unit:
            unit.runs.update(context.run.id, stage=RunStage.CLEARING.value)
    drop_inactive(context)
    forget_changes(context)
    with context.pace.transaction() as unit:
        _mark_done(unit, context.run)
        run = require_run(unit, context.run.id)
    return RunResult(
        run=run,
        settlement=settlement,
        shared_values=used_lists,
        fresh_shared_values=fresh_lists,
        previous_shared_values=previous_lists,
    )


def _read_active_lists(unit: ReadUnit, index: Index) -> SharedValues:
    """Return the shared-value lists of the configuration in force."""
    active = unit.configs.active_config()
    return NO_SHARED_VALUES if active is None else index.shared_values_of(unit, active.id)


def _derive_for_run(unit: ReadUnit, context: RunContext) -> DerivedData:
    """Compute features, keys and pairs under a re-cluster run's configuration."""
    index, matcher = context.index, context.matcher
    active = unit.configs.active_config()
    keeps_lists = active is not None and matcher.runs(active) and not context.run.detail.get("refresh_lists")
    shared_values = _read_active_lists(unit, index) if keeps_lists else None
    digest = context.run.detail.get("digest")
    config_id = None if digest is None else unit.configs.find_by_digest(digest)
    # Lists that other token keys made hold none of this configuration's hashes.
    if config_id is not None and unit.configs.token_keys(config_id) == index.keyed_hash.token_keys:
        shared_values = index.shared_values_of(unit, config_id)
    lists_text = context.run.detail.get("lists")
    if lists_text is not None:
        shared_values = SharedValues.from_text(str(lists_text))
    floor = matcher.model.thresholds.storage_floor
    return derive(unit, index, matcher, floor, context.progress, shared_values, context.engine)


def _write_and_activate(context: RunContext, derived: DerivedData) -> None:
    """Store a re-cluster run's derived data and activate its configuration."""
    with context.pace.transaction() as unit:
        config_id = find_or_add_config(
            unit, context.matcher, derived.shared_values, context.index.keyed_hash.token_keys
        )
        active = unit.configs.active_config()
        is_other_configuration = active is None or active.id != config_id
        unit.runs.update(context.run.id, config_id=config_id)
    sync_derived(context, config_id, DerivedByRecord(derived))
    if is_other_configuration:
        catch_up(context, config_id, derived.shared_values)
    hold_unapproved(context, config_id)
    if is_other_configuration:
        catch_up(context, config_id, derived.shared_values)
    context.progress(ACTIVATING, 0, 1)
    activate_configuration(context, config_id, derived.shared_values)
    context.progress(ACTIVATING, 1, 1)


def _mark_done(unit: WriteUnit, run: ReclusterRun) -> None:
    """Mark a re-cluster run and its proposal as finished."""
    unit.runs.update(run.id, stage=RunStage.DONE.value, ended_commit=unit.commit_no, worker="")
    if run.proposal_id is None:
        return
    if run.kind == RunKind.PROPOSAL:
        unit.proposals.set_items(run.proposal_id, unit.proposals.open_items(run.proposal_id), "changed")
        unit.proposals.set_status(run.proposal_id, ProposalStatus.APPLIED)
    else:
        unit.proposals.set_status(run.proposal_id, ProposalStatus.ROLLED_BACK, ended=unit.commit_no)
        add_step(unit, "undo", "rollback", {"proposal": run.proposal_id})


def _abandon(context: RunContext) -> None:
    """Abandon a re-cluster run: delete its data and release its held changes."""
    run, index = context.run, context.index
    with index.database.read(context.viewer) as unit:
        holds = [
            hold
            for hold in unit.proposals.holds()
            if hold.detail.get("proposal") == run.proposal_id and hold.commit_no >= run.began_commit
        ]
    for batch in context.pace.batches(holds if run.kind == RunKind.PROPOSAL else []):
        with batch.transaction() as unit:
            open_ids = unit.proposals.select_open_holds([hold.id for hold in batch.items])
            affected_records = {record for hold in open_ids for record in end_hold(unit, hold, "released")}
            if affected_records:
                resettle(unit, index, affected_records, "hold released")
    drop_inactive(context)
    forget_changes(context)
    with context.pace.transaction() as unit:
        unit.runs.update(run.id, stage=RunStage.ABANDONED.value, ended_commit=unit.commit_no, worker="")
        if run.proposal_id is not None:
            status = ProposalStatus.OPEN if run.kind == RunKind.PROPOSAL else ProposalStatus.APPLIED
            unit.proposals.set_status(run.proposal_id, status)
