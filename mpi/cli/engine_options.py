"""Options of commands that score all pairs: engine and memory."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import read_settings
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.matching.scoring.engines import BatchEngine


class Engine(StrEnum):
    """Engines for scoring candidate pairs that ``--engine`` takes."""

    DUCKDB = "duckdb"
    SPARK = "spark"


EngineOption = Annotated[
    Engine | None,
    typer.Option("--engine", help="Engine that scores the pairs; duckdb by default."),
]
MasterOption = Annotated[
    str | None,
    typer.Option(
        "--master",
        metavar="URL",
        help="Spark master for --engine spark; MPI_SPARK_MASTER by default.",
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        "--memory", metavar="SIZE", help="Memory that DuckDB may use before it spills to disk, such as 4GB."
    ),
]


def select_engine(engine: Engine | None, master: str | None, memory: str | None) -> BatchEngine:
    """Create the pair-scoring engine that the command's options name.

    Raises:
        EngineError: Spark is not installed, or has no folder that its workers reach.
        InputError: the options contradict each other, no Spark master is named, or the memory is not a size.
    """
    from mpi.composition import batch_engine  # noqa: PLC0415 - --help needs no engine

    if engine is Engine.SPARK:
        return batch_engine.create_batch_engine(read_settings(), master, spark=True)
    if master is not None:
        raise InputError("--master names a Spark cluster: it goes with --engine spark")
    return batch_engine.create_batch_engine(read_settings(), None, spark=False, memory=memory)
