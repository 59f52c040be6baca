"""State of a re-cluster run: its worker, heartbeat and stage."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Viewer
from mpi.matching.scoring.engines import DUCKDB_ENGINE, BatchEngine
from mpi.service.core.index import Index, Matcher
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.processes.low_priority_thread import run_at_low_priority
from mpi.service.processes.pacing import Pace
from mpi.service.processes.worker_liveness import is_worker_alive, worker_name
from mpi.storage.repositories.derived.recluster_runs import OPEN_STAGES, ReclusterRun, RunStage
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

COMMIT_KIND = "recluster"
ENGINE_KEY = "engine"
"""Key in a run's detail for the name of its engine."""
TOKEN_KEYS_KEY = "token_keys"  # noqa: S105 - a name
"""Key in a run's detail for the token keys that it puts in force."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RunView:
    """Re-cluster run as users are shown it.

    Args:
        id: its number.
        kind: ``recluster``, ``proposal`` or ``rollback``.
        stage: ``deriving``, ``releasing``, ``clearing``, ``done`` or ``abandoned``.
        model: the model that it puts in force.
        proposal: the proposal that it applies or rolls back.
        by: who began it.
        at: when it began (ISO, UTC).
        moved: records that changed person by it.
        held: reviewed items that are held.
        changed: items that are held because nobody had reviewed them.
        alive: whether a process executes it now. A run that is not alive and has not ended was interrupted.
        engine: the engine that scores its pairs.
    """

    id: int
    kind: str
    stage: str
    model: str
    proposal: int | None
    by: str
    at: str
    moved: int
    held: int
    changed: int
    alive: bool
    engine: str


@dataclass(slots=True)
class RunContext:
    """Context of a re-cluster run in the process that executes it.

    Args:
        index: the open index, with the matcher that the run puts in force.
        viewer: who acts.
        run: the run as it was begun or taken over.
        worker: this process's name in the run.
        progress: receives the progress of long steps.
        engine: finds the candidate pairs and scores them.
    """

    index: Index
    viewer: Viewer
    run: ReclusterRun
    worker: str
    progress: Progress = ignore_progress
    engine: BatchEngine = DUCKDB_ENGINE
    pace: Pace = field(init=False)
    _last_heartbeat: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.pace = Pace(
            self.index.database, self.viewer, COMMIT_KIND, self.send_heartbeat, self.index.tuning.pacing
        )

    @property
    def matcher(self) -> Matcher:
        """The model that the re-cluster run puts in force."""
        return self.index.matcher

    def send_heartbeat(self, unit: WriteUnit) -> None:
        """Record that this process still executes the re-cluster run.

        Args:
            unit: the transaction.

        Raises:
            ConflictError: another process has taken the run over.
        """
        if not unit.runs.record_heartbeat(self.run.id, self.worker, clock.format_timestamp(clock.now())):
            raise ConflictError(f"run {self.run.id} is executed by another process")
        self._last_heartbeat = time.monotonic()

    def keep_alive(self) -> None:
        """Send the re-cluster run's heartbeat in a transaction, if due.

        For steps that have no transaction of their own.
        """
        if time.monotonic() - self._last_heartbeat >= self.index.tuning.request.heartbeat_s:
            with self.pace.transaction():
                pass

    def compute(self, compute: Callable[[ReadUnit], Result]) -> Result:
        """Compute a value from a database snapshot while sending the run's heartbeats.

        Args:
            compute: computes the value, in another thread that yields to others.

        Raises:
            ConflictError: another process has taken the run over.
        """

        def compute_in_snapshot() -> Result:
            with self.index.database.read(self.viewer) as unit:
                return compute(unit)

        return run_at_low_priority(
            compute_in_snapshot, self.keep_alive, self.index.tuning.request.heartbeat_s
        )


def make_run_index(index: Index, matcher: Matcher, run: ReclusterRun) -> Index:
    """Return the index with the model and keys of a run.

    Args:
        index: the open index.
        matcher: the model.
        run: a stored run, or a request for one.

    Raises:
        StoreError: a token key cannot be read.
    """
    numbers = run.detail.get(TOKEN_KEYS_KEY)
    run_index = replace(index, matcher=matcher)
    return run_index if numbers is None else run_index.with_token_keys(tuple(numbers))


def is_alive(run: ReclusterRun) -> bool:
    """Return whether a live process is known to execute the run.

    Args:
        run: a stored run.
    """
    return run.stage in OPEN_STAGES and is_worker_alive(run.worker, run.beat)


def begin_run(unit: WriteUnit, viewer: Viewer, matcher: Matcher, run: ReclusterRun) -> ReclusterRun:
    """Begin a requested re-cluster run in the caller's transaction.

    Args:
        unit: the transaction.
        viewer: who begins it.
        matcher: the model to put in force.
        run: the request, from ``new_run_request``.

    Raises:
        ConflictError: another run is open.
    """
    open_run = unit.runs.find_open()
    if open_run is not None:
        raise ConflictError(_describe_open_run(open_run))
    started_run = replace(
        run,
        id=unit.counters.take("recluster_run"),
        stage=RunStage.DERIVING.value,
        model=matcher.model.ref,
        client=viewer.client,
        began_commit=unit.commit_no,
        worker=worker_name(),
        beat=clock.format_timestamp(clock.now()),
    )
    unit.runs.add(started_run)
    return started_run


def new_run_request(
    kind: str, on_date: str, proposal_id: int | None = None, **detail: object
) -> ReclusterRun:
    """Create the request for a re-cluster run.

    ``begin_run`` fills in the rest.

    Args:
        kind: a ``RunKind``.
        on_date: the date of the plan.
        proposal_id: the proposal to apply or roll back.
        detail: further data of the request.
    """
    return ReclusterRun(
        id=0,
        kind=kind,
        stage="",
        model="",
        proposal_id=proposal_id,
        config_id=None,
        on_date=on_date,
        client="",
        began_commit=0,
        flipped_commit=None,
        ended_commit=None,
        moved=0,
        held=0,
        changed=0,
        worker="",
        beat="",
        detail=dict(detail),
    )


def take_over_run(unit: WriteUnit, run: ReclusterRun, engine: BatchEngine | None = None) -> ReclusterRun:
    """Take over an interrupted re-cluster run for this process.

    Args:
        unit: the transaction.
        run: the interrupted run.
        engine: finds and scores its pairs from now on, if that is not done; None to leave the engine as it
            is.

    Raises:
        ConflictError: another process executes the run.
    """
    if is_alive(run):
        raise ConflictError(_describe_open_run(run))
    detail = dict(run.detail)
    if engine is not None and run.stage == RunStage.DERIVING:
        detail[ENGINE_KEY] = engine.name
    own_run = replace(run, worker=worker_name(), beat=clock.format_timestamp(clock.now()), detail=detail)
    unit.runs.update(run.id, worker=own_run.worker, beat=own_run.beat, detail=detail)
    return own_run


def detach_worker(context: RunContext) -> None:
    """Release a re-cluster run so that another process can resume it.

    Args:
        context: the re-cluster run.
    """
    with context.index.database.write(context.viewer, COMMIT_KIND) as unit:
        if unit.runs.record_heartbeat(context.run.id, context.worker, context.run.beat):
            unit.runs.update(context.run.id, worker="")


def require_run(unit: ReadUnit, number: int) -> ReclusterRun:
    """Return a re-cluster run by its number.

    Args:
        unit: the transaction.
        number: the run's number.

    Raises:
        NotFoundError: there is none.
    """
    run = unit.runs.get(number)
    if run is None:
        raise NotFoundError(f"there is no run {number}")
    return run


def view_run(unit: ReadUnit, run: ReclusterRun) -> RunView:
    """Build the view of a re-cluster run that users are shown.

    Args:
        unit: the transaction.
        run: a stored run.
    """
    began_at, _, _ = unit.commit_info({run.began_commit})[run.began_commit]
    return RunView(
        id=run.id,
        kind=run.kind,
        stage=run.stage,
        model=run.model,
        proposal=run.proposal_id,
        by=run.client,
        at=began_at,
        moved=run.moved,
        held=run.held,
        changed=run.changed,
        alive=is_alive(run),
        engine=get_engine_name(run),
    )


def get_engine_name(run: ReclusterRun) -> str:
    """Return the scoring engine's name of a re-cluster run.

    DuckDB for runs that name none, which are older.

    Args:
        run: a stored run.
    """
    return str(run.detail.get(ENGINE_KEY, DUCKDB_ENGINE.name))


def _describe_open_run(run: ReclusterRun) -> str:
    """Return the error text for an unfinished re-cluster run."""
    state = "is under way" if is_alive(run) else "was interrupted: resume or abandon it first"
    return f"re-cluster run {run.id} ({run.stage}) {state}"
