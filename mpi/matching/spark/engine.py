"""Batch engine on Spark: writes tables out, scores them, reads weights back."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa

from mpi.domain.errors import EngineError, MpiError
from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import compile_scorer
from mpi.matching.model.match_model import MatchModel
from mpi.matching.scoring.engines import Progress
from mpi.matching.scoring.splink_engine import WEIGHT_SCHEMA, make_feature_batches, make_feature_schema
from mpi.matching.spark.functions import WorkerDiffersError
from mpi.matching.spark.scoring import SparkScorer, apply_cautions, find_candidate_pairs
from mpi.matching.spark.session import LOG_FILE, is_local, open_session
from mpi.matching.spark.staging import Staging, open_staging
from mpi.standardize.serialization import features_from_bytes

_PROGRESS_STEP = "scoring pairs on Spark"


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """The batch engine of an existing Spark cluster.

    Args:
        master: Spark's master URL; ``local[N]`` is N threads of this machine.
        memory: memory of Spark's driver on this machine, such as ``2g``.
        staging: a folder that every worker reaches, as a path or URI; None for one of this machine.

    Raises:
        EngineError: a cluster without a folder that its workers reach.
    """

    master: str
    memory: str = "2g"
    staging: str | None = None

    def __post_init__(self) -> None:
        if self.staging is None and not is_local(self.master):
            raise EngineError(
                f"Spark on {self.master} needs a folder that this machine and every worker reach: "
                "set MPI_SPARK_STAGING to it"
            )

    @property
    def name(self) -> str:
        """Name of the engine in the option ``--engine``."""
        return "spark"

    def weigh_pairs(
        self,
        model: MatchModel,
        packed: Iterable[pa.RecordBatch],
        keys: pa.Table,
        floor: float,
        work_dir: Path,
        progress: Progress,
    ) -> pa.Table:
        """Score every two records that share a blocking key.

        See ``BatchEngine.weigh_pairs``.
        """
        columns = compile_scorer(model).columns  # refuses what online would, before Spark starts
        with _make_folder(work_dir) as folder, open_staging(self.staging or str(folder)) as folder_of_run:
            progress(_PROGRESS_STEP, 0, 2)
            records = chain.from_iterable(map(_iter_features, packed))
            table = folder_of_run.write_table(
                "features.parquet", make_feature_schema(columns), make_feature_batches(records, columns)
            )
            blocks = folder_of_run.write_table("keys.parquet", keys.schema, iter(keys.to_batches()))
            progress(_PROGRESS_STEP, 1, 2)
            with (
                _report_spark_failure(folder, work_dir),
                open_session(self.master, self.memory, folder) as session,
            ):
                session.sparkContext.setCheckpointDir(folder_of_run.to_uri("checkpoints"))
                features = session.read.parquet(table)
                pairs = find_candidate_pairs(session.read.parquet(blocks))
                scorer = SparkScorer(model.settings, model.frequencies, session, features)
                capped = apply_cautions(scorer.score(pairs, floor), features, model.cautions, columns)
                capped.write.parquet(folder_of_run.to_uri("weights"))
            weights = _read_weights(folder_of_run)
            progress(_PROGRESS_STEP, 2, 2)
            return weights


def _iter_features(batch: pa.RecordBatch) -> Iterator[tuple[int, Features]]:
    """Yield record id and features of a batch of stored features."""
    numbers, payloads = batch.columns
    for number, payload in zip(numbers.to_pylist(), payloads.to_pylist(), strict=True):
        yield number, features_from_bytes(payload)


def _read_weights(place: Staging) -> pa.Table:
    """Read the match weights that Spark wrote."""
    return place.read_table("weights").select(WEIGHT_SCHEMA.names).cast(WEIGHT_SCHEMA)


@contextmanager
def _make_folder(work_dir: Path) -> Iterator[Path]:
    """Make a temporary folder, deleted at the end."""
    # ``tempfile`` makes it with mode 0700: what spills into it are records.
    with tempfile.TemporaryDirectory(prefix="spark-", dir=work_dir, ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextmanager
def _report_spark_failure(folder: Path, work_dir: Path) -> Iterator[None]:
    """Turn Spark's errors into one line without a record's value.

    Spark's own log is kept.
    """
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]  # noqa: PLC0415 - an optional extra, without types
    from pyspark.errors import PySparkException  # noqa: PLC0415 - an optional extra
    from splink.internals.exceptions import SplinkException  # noqa: PLC0415 - used only with Spark

    try:
        yield
    except MpiError:
        raise
    except (PySparkException, Py4JError, SplinkException) as error:
        log_copy = work_dir / LOG_FILE
        shutil.copyfile(folder / LOG_FILE, log_copy)
        log_copy.chmod(0o600)
        raise EngineError(f"Spark failed: {_describe_cause(error)}; its log is {log_copy}") from error


def _describe_cause(error: Exception) -> str:
    """Return the cause of a Spark failure, without a record's value."""
    marker = f"{WorkerDiffersError.__name__}: "
    line_with_marker = next((line for line in str(error).splitlines() if marker in line), None)
    if line_with_marker is not None:
        return line_with_marker.partition(marker)[2]
    condition = getattr(error, "getCondition", lambda: None)()
    return condition or type(error).__name__
