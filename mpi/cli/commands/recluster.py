"""``mpi recluster``."""

from enum import StrEnum
from typing import Annotated

import typer

from mpi.bootstrap import batch_engine, keep_model, open_matcher
from mpi.cli.output import JsonFlag, note
from mpi.cli.plan_view import show_plan
from mpi.cli.progress import shown_progress
from mpi.cli.session import opened, read_settings
from mpi.domain.errors import InputError
from mpi.matching.engines import BatchEngine
from mpi.service.recluster import recluster


class Engine(StrEnum):
    """Engines by the names that ``--engine`` takes."""

    DUCKDB = "duckdb"
    SPARK = "spark"


def run(
    apply: Annotated[
        bool, typer.Option("--apply/--dry-run", help="Carry the plan out, or only show it.")
    ] = False,
    engine: Annotated[Engine, typer.Option(help="What scores the pairs.")] = Engine.DUCKDB,
    master: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Spark's master, with --engine spark; MPI_SPARK_MASTER where it is left out."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME/VERSION|FOLDER", help="Another model, which --apply puts in force."),
    ] = None,
    refresh_lists: Annotated[
        bool,
        typer.Option(
            "--refresh-lists", help="Find anew which addresses and telephones many unrelated people use."
        ),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Think the whole index through, as a plan first.

    The plan says which persons stay, and which IDs are minted, merged, split or moved. Without --apply
    nothing is changed.
    """
    chosen = _engine(engine, master)
    with opened() as session, shown_progress() as report:
        matcher = session.index.matcher if model is None else open_matcher(model)
        if model is not None and apply:
            keep_model(session.settings, model)
        plan = recluster(
            session.index,
            session.viewer,
            matcher,
            apply=apply,
            refresh_lists=refresh_lists,
            progress=report,
            engine=chosen,
        )
    show_plan(plan, as_json=as_json)
    if not plan.applied and not plan.is_empty:
        note("dry run: nothing was changed; --apply carries it out")


def _engine(engine: Engine, master: str | None) -> BatchEngine:
    if engine is Engine.SPARK:
        return batch_engine(read_settings(), master, spark=True)
    if master is not None:
        raise InputError("--master names a Spark cluster: it goes with --engine spark")
    return batch_engine(read_settings(), None, spark=False)
