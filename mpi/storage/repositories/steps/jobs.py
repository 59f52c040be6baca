"""Repository of jobs: long work in the background, and its progress."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import Connection, and_, insert, or_, select, update

from mpi.storage.driver.chunks import MAX_BIGINT
from mpi.storage.tables import AnyRow, BatchRow, JobRow, table_of

_batch, _job = table_of(BatchRow), table_of(JobRow)


class JobState(StrEnum):
    """State of a job as its workers store it."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """Its process ended, and another job carries the work on."""


@dataclass(frozen=True, slots=True)
class StoredJob:
    """One piece of long work.

    Args:
        id: number of the job.
        kind: what it does.
        target: number of the proposal or load that it is about, if any.
        state: a ``JobState``; a running job whose worker is gone was interrupted.
        client: who began it.
        begun_at: when it began (ISO, UTC).
        worker: process that does it.
        beat: last heartbeat of that process (ISO, UTC).
        ended_at: when it ended (ISO, UTC).
        stage: name of its present step.
        stage_at: when that step began (ISO, UTC).
        done: items of the step that are done.
        total: all items of the step; 0 if unknown.
        result: number of what it made, if anything.
        error: why it failed.
        detail: its options.
    """

    id: int
    kind: str
    target: int | None
    state: str
    client: str
    begun_at: str
    worker: str
    beat: str
    ended_at: str | None = None
    stage: str = ""
    stage_at: str = ""
    done: int = 0
    total: int = 0
    result: int | None = None
    error: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


class Jobs:
    """Repository of jobs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, job: StoredJob) -> None:
        """Add a job."""
        values = asdict(job) | {"detail": orjson.dumps(job.detail).decode()}
        self._connection.execute(insert(_job).values(values))

    def get(self, number: int) -> StoredJob | None:
        """Return a job by number, or None."""
        if abs(number) > MAX_BIGINT:
            return None
        row = self._connection.execute(select(_job).where(_job.c.id == number)).first()
        return None if row is None else _job_from_row(row)

    def latest(
        self,
        limit: int,
        kinds: Collection[str],
        load_kind: str,
        file_kinds: Collection[str],
        source_ids: Collection[int],
    ) -> list[StoredJob]:
        """Return the latest jobs of some kinds or about some sources' loads.

        Args:
            limit: most jobs to return.
            kinds: kinds of jobs that are returned whatever they are about.
            load_kind: kind of jobs that are about a load.
            file_kinds: kinds of jobs that are about a source.
            source_ids: numbers of the sources that count, and whose loads do.

        Returns:
            The jobs, newest first.
        """
        loads = select(_batch.c.id).where(_batch.c.source_id.in_(source_ids))
        is_wanted = or_(
            _job.c.kind.in_(kinds),
            and_(_job.c.kind == load_kind, _job.c.target.in_(loads)),
            and_(_job.c.kind.in_(file_kinds), _job.c.target.in_(source_ids)),
        )
        rows = self._connection.execute(select(_job).where(is_wanted).order_by(_job.c.id.desc()).limit(limit))
        return [_job_from_row(row) for row in rows]

    def running(self) -> list[StoredJob]:
        """Return the jobs that are stored as running, oldest first."""
        rows = self._connection.execute(
            select(_job).where(_job.c.state == JobState.RUNNING.value).order_by(_job.c.id)
        )
        return [_job_from_row(row) for row in rows]

    def take_over(self, number: int, old_worker: str, worker: str, moment: str) -> bool:
        """Give a running job to another process.

        The result says whether the job still belonged to the old process.
        """
        result = self._connection.execute(
            update(_job)
            .where(_job.c.id == number, _job.c.worker == old_worker, _job.c.state == JobState.RUNNING.value)
            .values(worker=worker, beat=moment)
        )
        return result.rowcount > 0

    def record_progress(
        self, number: int, worker: str, moment: str, stage: str, stage_at: str, done: int, total: int
    ) -> None:
        """Store a heartbeat and the progress of a job.

        Nothing is stored if the job has ended or belongs to another worker.
        """
        self._connection.execute(
            update(_job)
            .where(_job.c.id == number, _job.c.worker == worker, _job.c.state == JobState.RUNNING.value)
            .values(beat=moment, stage=stage, stage_at=stage_at, done=done, total=total)
        )

    def set_detail(self, number: int, detail: dict[str, Any]) -> None:
        """Replace the options of a job.

        Its work may add what it found.
        """
        self._connection.execute(
            update(_job).where(_job.c.id == number).values(detail=orjson.dumps(detail).decode())
        )

    def end(
        self,
        number: int,
        state: JobState,
        moment: str,
        *,
        result: int | None = None,
        error: str | None = None,
    ) -> None:
        """End a running job."""
        self._connection.execute(
            update(_job)
            .where(_job.c.id == number, _job.c.state == JobState.RUNNING.value)
            .values(state=state.value, ended_at=moment, result=result, error=error)
        )


def _job_from_row(row: AnyRow) -> StoredJob:
    """Return a job of a table row."""
    return StoredJob(**{**row._mapping, "detail": orjson.loads(row.detail)})  # noqa: SLF001 - SQLAlchemy's own name for it
