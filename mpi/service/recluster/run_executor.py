"""Epochs: a re-cluster carried out while others read and write.

1. From a snapshot, features, keys and edges of the new configuration are derived and written beside those in
   force, then what changed meanwhile, until so little is left that it fits into one short transaction.
2. That transaction puts the configuration in force.
3. What this changes is published item by item. 4. What the old configuration left behind is dropped.

A run that is killed stays on record with its stage. Before the flip it is abandoned or begun anew; after
that it is carried on from where it was, because every step looks at what is there and does what is missing.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from mpi.domain.errors import ConflictError, MpiError
from mpi.domain.viewer import Viewer
from mpi.matching.scoring.engines import DUCKDB, BatchEngine
from mpi.service.core.configuration import read_shared_values, find_or_add_config
from mpi.service.core.index import Index, Matcher
from mpi.service.core.steps import add_step
from mpi.service.gates.holds import end_hold, require_whole_index
from mpi.service.indexing.reindex import Progress, silent
from mpi.service.processes.pacing import seeking_no_cycles
from mpi.service.recluster.derive import DerivedData, derive
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
    require_run,
    take_over_run,
    view_run,
)
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.settlement import EMPTY_SETTLEMENT, Settlement
from mpi.standardize.shared_values import NO_SHARED_VALUES, SharedValues
from mpi.storage.repositories.derived.proposals import ProposalStatus
from mpi.storage.repositories.derived.runs import ReclusterRun, RunKind, RunStage
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

ACTIVATING = "putting the configuration in force"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What carrying a run out did.

    Args:
        run: as it ended.
        settlement: of everything, what was to be changed once the configuration was in force; of a run that
            was carried on, what was left.
        shared: the lists of shared values of the configuration.
        fresh_shared: the lists as the active records would make them now; None where they were not looked at.
        previous_shared: the lists that were in force.
    """

    run: ReclusterRun
    settlement: Settlement
    shared: SharedValues
    fresh_shared: SharedValues | None
    previous_shared: SharedValues


def execute_run(
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    request: ReclusterRun,
    progress: Progress = silent,
    engine: BatchEngine = DUCKDB,
    on_begin: Callable[[WriteUnit], dict[str, Any]] = lambda _unit: {},
) -> RunResult:
    """Begin a run and carry it out to its end.

    Args:
        index: the open index.
        viewer: who acts.
        matcher: the model to put in force.
        request: what is asked, from ``mpi.service.recluster.run_state.new_run_request``.
        progress: told of long steps.
        engine: what finds the candidate pairs and scores them.
        on_begin: checks and notes, in the transaction that begins the run, what else it needs; returns what to
            add to the run's detail.

    Raises:
        ConflictError: another run is under way, or this process missed a move to another model.
        EngineError: the engine is not there, or failed; nothing was changed.
    """
    _finish_interrupted(index, viewer, matcher, progress)
    with index.database.write(viewer, COMMIT_KIND) as unit:
        read_shared_values(unit, index, matcher, refresh=False)  # refuses a process that missed a move
        detail = {**request.detail, **on_begin(unit), ENGINE_KEY: engine.name}
        run = begin_run(unit, viewer, matcher, replace(request, detail=detail))
    index.database.is_commit_begun = False  # it is not too late to stop
    carrier = RunContext(replace(index, matcher=matcher), viewer, run, run.worker, progress, engine)
    return _execute_or_detach(carrier, index)


def resume(
    index: Index,
    viewer: Viewer,
    matcher: Matcher,
    number: int,
    progress: Progress = silent,
    engine: BatchEngine = DUCKDB,
) -> RunResult:
    """Carry on a run that was interrupted.

    Args:
        index: the open index.
        viewer: who acts.
        matcher: the model that the run puts in force.
        number: the run.
        progress: told of long steps.
        engine: what finds the candidate pairs and scores them, where that was not done.

    Raises:
        NotFoundError: there is no such run.
        ConflictError: it has ended, is alive, or puts another model in force.
        AccessDenied: the viewer may not re-cluster, or not all sources.
    """
    require_whole_index(viewer)
    with index.database.write(viewer, COMMIT_KIND) as unit:
        stored_run = require_run(unit, number)
        if stored_run.ended_commit is not None:
            raise ConflictError(f"run {number} is {stored_run.stage}: there is nothing to resume")
        if matcher.model.ref != stored_run.model:
            raise ConflictError(f"run {number} puts model {stored_run.model} in force")
        run = take_over_run(unit, stored_run, engine)
    carrier = RunContext(replace(index, matcher=matcher), viewer, run, run.worker, progress, engine)
    return _execute_or_detach(carrier, index)


def abandon(index: Index, viewer: Viewer, number: int) -> RunView:
    """Give an interrupted run up, as if it had never been begun.

    Raises:
        NotFoundError: there is no such run.
        ConflictError: it has ended or is alive, or its configuration is in force: resume it, and roll back.
        AccessDenied: the viewer may not re-cluster, or not all sources.
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
    """Every run, newest first.

    Raises:
        AccessDenied: the viewer may not re-cluster, or not all sources.
    """
    require_whole_index(viewer)
    with index.database.read(viewer) as unit:
        return [view_run(unit, run) for run in unit.runs.all()]


def _finish_interrupted(index: Index, viewer: Viewer, matcher: Matcher, progress: Progress) -> None:
    """Carry on, or give up, what a process that is no more has left."""
    with index.database.read(viewer) as unit:
        open_run = unit.runs.find_open()
        active = unit.configs.active_config()
    if open_run is None or is_alive(open_run):
        return
    if open_run.stage == RunStage.DERIVING and open_run.kind != RunKind.PROPOSAL:
        with index.database.write(viewer, COMMIT_KIND) as unit:
            # Another may have carried it on meanwhile, to its end even.
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


@seeking_no_cycles()
def _execute_or_detach(carrier: RunContext, index: Index) -> RunResult:
    try:
        return _execute_stages(carrier)
    except BaseException:  # an interrupt too: what is left is on record, for whoever comes next
        with suppress(MpiError):  # what went wrong first is what is told
            _detach_or_abandon(carrier, index)
        raise


def _detach_or_abandon(carrier: RunContext, index: Index) -> None:
    with carrier.index.database.read(carrier.viewer) as unit:
        run = unit.runs.get(carrier.run.id)
    if run is None or run.worker != carrier.worker:
        return
    if run.stage == RunStage.DERIVING:
        # With the model that is still in force.
        _abandon(RunContext(index, carrier.viewer, run, carrier.worker))
    else:
        detach_worker(carrier)


def _execute_stages(carrier: RunContext) -> RunResult:
    with carrier.index.database.read(carrier.viewer) as unit:
        previous_lists = _read_active_lists(unit, carrier.index)
    used_lists, fresh_lists = previous_lists, None
    settlement = EMPTY_SETTLEMENT
    if carrier.run.stage == RunStage.DERIVING:
        derived = carrier.compute(lambda unit: _derive_for_run(unit, carrier))
        used_lists, fresh_lists = derived.shared, derived.fresh_shared
        _write_and_activate(carrier, derived)
        carrier.run = replace(carrier.run, stage=RunStage.RELEASING.value)
    carrier.pace.may_stop = False
    if carrier.run.stage == RunStage.RELEASING:
        if carrier.run.kind == RunKind.ROLLBACK:
            release_holds(carrier)
        settlement = publish_changes(carrier)
        with carrier.pace.turn() as unit:
            unit.runs.update(carrier.run.id, stage=RunStage.CLEARING.value)
    drop_inactive(carrier)
    forget_changes(carrier)
    with carrier.pace.turn() as unit:
        _mark_done(unit, carrier.run)
        run = require_run(unit, carrier.run.id)
    return RunResult(run, settlement, used_lists, fresh_lists, previous_lists)


def _read_active_lists(unit: ReadUnit, index: Index) -> SharedValues:
    active = unit.configs.active_config()
    return NO_SHARED_VALUES if active is None else index.shared_values_of(unit, active.id)


def _derive_for_run(unit: ReadUnit, carrier: RunContext) -> DerivedData:
    """What follows from a snapshot under the run's model and lists."""
    index, matcher = carrier.index, carrier.matcher
    active = unit.configs.active_config()
    keeps_lists = active is not None and matcher.runs(active) and not carrier.run.detail.get("refresh_lists")
    shared = _read_active_lists(unit, index) if keeps_lists else None
    digest = carrier.run.detail.get("digest")
    config_id = None if digest is None else unit.configs.find_by_digest(digest)
    if config_id is not None:
        shared = index.shared_values_of(unit, config_id)
    lists_text = carrier.run.detail.get("lists")
    if lists_text is not None:
        shared = SharedValues.from_text(str(lists_text))
    floor = matcher.model.thresholds.stored_from
    return derive(unit, index, matcher, floor, carrier.progress, shared, carrier.engine)


def _write_and_activate(carrier: RunContext, derived: DerivedData) -> None:
    with carrier.pace.turn() as unit:
        config_id = find_or_add_config(unit, carrier.matcher, derived.shared)
        active = unit.configs.active_config()
        is_other_configuration = active is None or active.id != config_id
        unit.runs.update(carrier.run.id, config_id=config_id)
    sync_derived(carrier, config_id, DerivedByRecord(derived))
    if is_other_configuration:
        catch_up(carrier, config_id, derived.shared)
    hold_unapproved(carrier, config_id)
    if is_other_configuration:
        catch_up(carrier, config_id, derived.shared)
    carrier.progress(ACTIVATING, 0, 1)
    activate_configuration(carrier, config_id, derived.shared)
    carrier.progress(ACTIVATING, 1, 1)


def _mark_done(unit: WriteUnit, run: ReclusterRun) -> None:
    unit.runs.update(run.id, stage=RunStage.DONE.value, ended_commit=unit.commit_no, worker="")
    if run.proposal_id is None:
        return
    if run.kind == RunKind.PROPOSAL:
        unit.proposals.set_items(run.proposal_id, unit.proposals.open_items(run.proposal_id), "changed")
        unit.proposals.set_status(run.proposal_id, ProposalStatus.APPLIED)
    else:
        unit.proposals.set_status(run.proposal_id, ProposalStatus.ROLLED_BACK, ended=unit.commit_no)
        add_step(unit, "undo", "rollback", {"proposal": run.proposal_id})


def _abandon(carrier: RunContext) -> None:
    """Drop what was derived beside, and end what was held for a proposal that is open again."""
    run, index = carrier.run, carrier.index
    with index.database.read(carrier.viewer) as unit:
        holds = [
            hold
            for hold in unit.proposals.holds()
            if hold.detail.get("proposal") == run.proposal_id and hold.commit_no >= run.began_commit
        ]
    for part in carrier.pace.parts(holds if run.kind == RunKind.PROPOSAL else []):
        with part.turn() as unit:
            open_ids = unit.proposals.select_open_holds([hold.id for hold in part.items])
            touched = {record for hold in open_ids for record in end_hold(unit, hold, "released")}
            if touched:
                resettle(unit, index, touched, "hold released")
    drop_inactive(carrier)
    forget_changes(carrier)
    with carrier.pace.turn() as unit:
        unit.runs.update(run.id, stage=RunStage.ABANDONED.value, ended_commit=unit.commit_no, worker="")
        if run.proposal_id is not None:
            status = ProposalStatus.OPEN if run.kind == RunKind.PROPOSAL else ProposalStatus.APPLIED
            unit.proposals.set_status(run.proposal_id, status)
