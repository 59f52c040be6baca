"""The engine that scores all candidate pairs: DuckDB or Spark."""

import re
from typing import TYPE_CHECKING

from mpi.config import Settings
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.matching.scoring.engines import BatchEngine

_MEMORY = re.compile(r"[1-9]\d{0,5}(MB|GB)")


def create_batch_engine(
    settings: Settings, master: str | None, *, spark: bool, memory: str | None = None
) -> "BatchEngine":
    """Create the engine that scores all candidate pairs of an index.

    Args:
        settings: the Spark master, unless ``master`` names one.
        master: Spark's master URL.
        memory: memory that DuckDB may use before it spills to disk, such as ``4GB``; None for its default.
        spark: use Spark instead of DuckDB.

    Raises:
        EngineError: Spark is not installed, or has no folder that its workers reach.
        InputError: no Spark master is named, or the memory is not a size.
    """
    if memory is not None and not _MEMORY.fullmatch(memory):
        raise InputError("--memory: give it as a number and MB or GB, such as 4GB")
    from mpi.matching.scoring import engines  # noqa: PLC0415 - imports Splink and DuckDB

    if not spark:
        return engines.DUCKDB_ENGINE if memory is None else engines.DuckDbEngine(memory)
    from mpi.matching.spark.engine import SparkEngine  # noqa: PLC0415 - an optional extra

    master_url = master or settings.spark_master
    if master_url is None:
        raise InputError("--engine spark: give the cluster's URL with --master, or set MPI_SPARK_MASTER")
    return SparkEngine(master_url, settings.spark_memory, settings.spark_staging)
