"""Command ``mpi recluster``: compute all persons again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.engine_options import EngineOption, MasterOption, MemoryOption, select_engine
from mpi.cli.output import JsonFlag, print_json, print_note, print_table
from mpi.cli.plan_view import show_plan
from mpi.cli.progress import show_progress
from mpi.domain.errors import ConflictError, InputError

if TYPE_CHECKING:
    from mpi.matching.scoring.engines import BatchEngine
    from mpi.service.maintenance.blocking_stop_list import StopListPlan
    from mpi.service.recluster.recluster_plan import ReclusterPlan
    from mpi.service.recluster.run_state import RunView


def run(
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Apply the plan, or only show it.")
    ] = False,
    engine: EngineOption = None,
    master: MasterOption = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME/VERSION|FOLDER", help="Model to use; --apply puts it in force."),
    ] = None,
    refresh_lists: Annotated[
        bool,
        typer.Option(
            "--refresh-lists", help="Compute the lists of shared addresses and phone numbers again."
        ),
    ] = False,
    stop_over: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="RECORDS",
            help="Stop every blocking key that more records share; 0 stops none.",
        ),
    ] = None,
    memory: MemoryOption = None,
    recluster_runs: Annotated[bool, typer.Option("--runs", help="List the runs and their progress.")] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume an interrupted run, with the same --engine."),
    ] = False,
    give_up: Annotated[
        bool, typer.Option("--abandon", help="Abandon a run that was interrupted before it was in force.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Compute all persons again and show or apply the plan.

    The plan lists the persons that stay and the IDs that are minted, merged, split or moved. Without
    --apply nothing changes. A plan is applied in many short transactions, so that nobody waits for it.
    """
    chosen = select_engine(engine, master, memory)
    if recluster_runs or resume or give_up:
        _manage_runs(
            chosen, is_engine_given=engine is not None, resume=resume, give_up=give_up, as_json=as_json
        )
        return
    if model is not None and stop_over is not None:
        raise InputError("--stop-over is about the keys of the model in force: give it without --model")
    plan, stops = _make_plan(model, stop_over, chosen, apply=apply, refresh_lists=refresh_lists)
    show_plan(plan, stops, as_json=as_json)
    if not plan.applied and not plan.is_empty:
        print_note("dry run: nothing was changed; --apply carries it out")


def _make_plan(
    model: str | None, stop_over: int | None, engine: BatchEngine, *, apply: bool, refresh_lists: bool
) -> tuple[ReclusterPlan, StopListPlan | None]:
    """Compute the plan of re-clustering all records, and apply it if asked."""
    from mpi.composition import models
    from mpi.service.maintenance import blocking_stop_list
    from mpi.service.processes import core_reservation
    from mpi.service.recluster import recluster_plan

    with (
        open_session(for_model_change=model is not None) as session,
        show_progress() as report,
        core_reservation.reserve_core(session.index.database, session.viewer, session.index.tuning.pacing),
    ):
        matcher = session.index.matcher if model is None else models.open_matcher(model, session.settings)
        stops = (
            None
            if stop_over is None
            else blocking_stop_list.plan_stop_list(session.index, session.viewer, stop_over)
        )
        if model is not None and apply:
            models.keep_model(session.settings, model)
        plan = recluster_plan.recluster(
            session.index,
            session.viewer,
            matcher,
            apply=apply,
            refresh_lists=refresh_lists,
            lists=None if stops is None else stops.lists,
            progress=report,
            engine=engine,
        )
    return plan, stops


def _manage_runs(
    engine: BatchEngine, *, is_engine_given: bool, resume: bool, give_up: bool, as_json: bool
) -> None:
    """List re-cluster runs after resuming or abandoning the interrupted one."""
    from mpi.composition import models
    from mpi.service.processes import core_reservation
    from mpi.service.recluster import proposal_application, run_executor
    from mpi.storage.repositories.derived import recluster_runs

    if resume and give_up:
        raise InputError("--resume and --abandon: one of them")
    with open_session(for_model_change=True) as session, show_progress() as report:
        index, viewer = session.index, session.viewer
        all_runs = run_executor.list_runs(index, viewer)
        if resume or give_up:
            interrupted_runs = [run for run in all_runs if run.stage in recluster_runs.OPEN_STAGES]
            if not interrupted_runs:
                raise ConflictError("no run was interrupted: there is nothing to do")
            if resume:
                if not is_engine_given:
                    _require_same_engine(interrupted_runs[0], engine)
                matcher = index.matcher
                if interrupted_runs[0].model != matcher.model.ref:
                    matcher = models.load_matcher(session.settings, interrupted_runs[0].model)
                with core_reservation.reserve_core(index.database, viewer, index.tuning.pacing):
                    proposal_application.resume_run(
                        index, viewer, matcher, interrupted_runs[0].id, report, engine
                    )
            else:
                run_executor.abandon(index, viewer, interrupted_runs[0].id)
            all_runs = run_executor.list_runs(index, viewer)
    if as_json:
        print_json([asdict(run) for run in all_runs])
        return
    columns = ("kind", "stage", "model", "engine", "proposal", "by", "at", "moved", "held", "alive")
    rows = [asdict(run) | {"at": run.at[:19]} for run in all_runs]
    print_table(("run", *columns), [(row["id"], *(row[name] for name in columns)) for row in rows])


def _require_same_engine(run: RunView, engine: BatchEngine) -> None:
    """Refuse to resume a re-cluster run with another scoring engine.

    A run begun on a cluster may be too large for this machine.
    """
    from mpi.storage.repositories.derived import recluster_runs

    if run.stage == recluster_runs.RunStage.DERIVING and run.engine != engine.name:
        raise InputError(
            f"run {run.id} was begun with {run.engine}: add --engine {run.engine}, or --engine {engine.name} "
            "to score its pairs on this machine"
        )
