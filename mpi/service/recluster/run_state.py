"""Runs: who carries a re-cluster out, whether that is still alive, and what becomes of one that is not."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Viewer
from mpi.matching.scoring.engines import DUCKDB, BatchEngine
from mpi.service.core.index import Index, Matcher
from mpi.service.indexing.reindex import Progress, silent
from mpi.service.processes.pacing import Pace
from mpi.service.processes.worker_liveness import is_at_work, worker_name
from mpi.service.processes.yielding import giving_way
from mpi.storage.repositories.derived.runs import OPEN_STAGES, ReclusterRun, RunStage
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

COMMIT_KIND = "recluster"
ENGINE_KEY = "engine"
"""In the detail of a run: the name of what it was begun with."""
HEARTBEAT_S = 10.0
"""How often a worker says that it is alive, at the least."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as it is read.

    Args:
        id: its number.
        kind: ``recluster``, ``proposal`` or ``rollback``.
        stage: ``deriving``, ``releasing``, ``clearing``, ``done`` or ``abandoned``.
        model: the model that it puts in force.
        proposal: the proposal that it carries out or rolls back.
        by: who began it.
        at: when.
        moved: records that have changed person by it.
        held: items that were read and are held.
        changed: items that are held because nobody had read them.
        alive: whether a process carries it out now; one that is not, and has not ended, was interrupted.
        engine: what finds and scores its pairs, or did.
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
    """All that carrying a run out needs.

    Args:
        index: the open index, with the matcher that the run puts in force.
        viewer: who acts.
        run: as it was when it was begun or taken over.
        worker: this process, as the run names it.
        progress: told of long steps.
        engine: what finds the candidate pairs and scores them.
    """

    index: Index
    viewer: Viewer
    run: ReclusterRun
    worker: str
    progress: Progress = silent
    engine: BatchEngine = DUCKDB
    pace: Pace = field(init=False)
    _last_heartbeat: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.pace = Pace(self.index.database, self.viewer, COMMIT_KIND, self.send_heartbeat)

    @property
    def matcher(self) -> Matcher:
        """The model that the run puts in force."""
        return self.index.matcher

    def send_heartbeat(self, unit: WriteUnit) -> None:
        """Say that this process still carries the run out.

        Raises:
            ConflictError: another has taken it over.
        """
        if not unit.runs.record_heartbeat(self.run.id, self.worker, clock.format_timestamp(clock.now())):
            raise ConflictError(f"run {self.run.id} is carried out by another process")
        self._last_heartbeat = time.monotonic()

    def keep_alive(self) -> None:
        """The same in a transaction of its own, unless one has said so lately; for steps without any."""
        if time.monotonic() - self._last_heartbeat >= HEARTBEAT_S:
            with self.pace.turn():
                pass

    def compute(self, compute: Callable[[ReadUnit], Result]) -> Result:
        """What follows from a snapshot, however long that takes: it is said meanwhile that this is alive.

        Args:
            compute: computes it, in another thread that gives way to others.

        Raises:
            ConflictError: another has taken the run over.
        """

        def compute_in_snapshot() -> Result:
            with self.index.database.read(self.viewer) as unit:
                return compute(unit)

        return giving_way(compute_in_snapshot, self.keep_alive, HEARTBEAT_S)


def is_alive(run: ReclusterRun) -> bool:
    """Whether a process carries the run out, as far as can be told from here."""
    return run.stage in OPEN_STAGES and is_at_work(run.worker, run.beat)


def begin_run(unit: WriteUnit, viewer: Viewer, matcher: Matcher, run: ReclusterRun) -> ReclusterRun:
    """Begin a run in the caller's transaction; ``run`` says what is asked.

    Raises:
        ConflictError: another is open.
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
    """What a run is to carry out; the rest is filled in when it is begun."""
    return ReclusterRun(
        0, kind, "", "", proposal_id, None, on_date, "", 0, None, None, 0, 0, 0, "", "", dict(detail)
    )


def take_over_run(unit: WriteUnit, run: ReclusterRun, engine: BatchEngine | None = None) -> ReclusterRun:
    """Carry on, in this process, what another left.

    Args:
        unit: the transaction.
        run: what the other left.
        engine: what finds and scores its pairs from now on, where that was not done; None where nothing does.

    Raises:
        ConflictError: the other is alive.
    """
    if is_alive(run):
        raise ConflictError(_describe_open_run(run))
    detail = dict(run.detail)
    if engine is not None and run.stage == RunStage.DERIVING:
        detail[ENGINE_KEY] = engine.name
    own_run = replace(run, worker=worker_name(), beat=clock.format_timestamp(clock.now()), detail=detail)
    unit.runs.update(run.id, worker=own_run.worker, beat=own_run.beat, detail=detail)
    return own_run


def detach_worker(carrier: RunContext) -> None:
    """Say that this process carries the run out no more, so that another can at once."""
    with carrier.index.database.write(carrier.viewer, COMMIT_KIND) as unit:
        if unit.runs.record_heartbeat(carrier.run.id, carrier.worker, carrier.run.beat):
            unit.runs.update(carrier.run.id, worker="")


def require_run(unit: ReadUnit, number: int) -> ReclusterRun:
    """A run by its number.

    Raises:
        NotFoundError: there is none.
    """
    run = unit.runs.get(number)
    if run is None:
        raise NotFoundError(f"there is no run {number}")
    return run


def view_run(unit: ReadUnit, run: ReclusterRun) -> RunView:
    """The run as it is read."""
    began_at, _, _ = unit.commit_info({run.began_commit})[run.began_commit]
    return RunView(
        run.id, run.kind, run.stage, run.model, run.proposal_id, run.client, began_at, run.moved, run.held,
        run.changed, is_alive(run), get_engine_name(run),
    )  # fmt: skip


def get_engine_name(run: ReclusterRun) -> str:
    """What finds and scores the pairs of a run, by its name; DuckDB where an older version began it."""
    return str(run.detail.get(ENGINE_KEY, DUCKDB.name))


def _describe_open_run(run: ReclusterRun) -> str:
    state = "is under way" if is_alive(run) else "was interrupted: resume or abandon it first"
    return f"re-cluster run {run.id} ({run.stage}) {state}"
