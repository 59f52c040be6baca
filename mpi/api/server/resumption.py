"""Background threads that resume interrupted re-clusters and compact key segments."""

import logging
import random
import threading
from collections.abc import Iterator

from fastapi import FastAPI

from mpi.api.request.model_reload import cache_model, reload_model
from mpi.api.request.recluster_process import resume_run
from mpi.composition.models import load_matcher
from mpi.config import Settings
from mpi.domain.errors import ConflictError, MpiError, describe_origin
from mpi.domain.tuning import RequestTuning
from mpi.domain.viewer import make_operator
from mpi.matching.scoring.engines import DUCKDB_ENGINE
from mpi.service.core.index import Index
from mpi.service.indexing.background_compaction import CompactionMonitor, compact_in_child_process
from mpi.service.recluster.run_state import get_engine_name, is_alive
from mpi.storage.repositories.derived.recluster_runs import RunStage

_log = logging.getLogger("mpi.api")


def start_resumption(app: FastAPI) -> None:
    """Start threads that resume interrupted re-clusters and compact key-index segments."""
    tuning = app.state.index.tuning.request
    for check, name in ((_resume_runs, "resume runs"), (compact_segments, "compact key segments")):
        thread = threading.Thread(target=check, args=(app, wait_for_checks(tuning)), name=name, daemon=True)
        thread.start()


def _resume_runs(app: FastAPI, checks: Iterator[None]) -> None:
    for _ in checks:
        try:
            resume_interrupted(app)
        except MpiError as error:
            # Another process took it over, or the store is unreachable: the next check sees.
            _log.warning("an interrupted re-cluster was not resumed: %s (%s)", error, describe_origin(error))


def compact_segments(app: FastAPI, checks: Iterator[None]) -> None:
    """Compact leftover key-index segments whenever a check is due.

    Args:
        app: the application, which has the open index.
        checks: yields when a check is due.
    """
    monitor = CompactionMonitor()
    for _ in checks:
        index: Index = app.state.index
        try:
            if monitor.is_compaction_due(index, make_operator()):
                compact_in_child_process(index.database, make_operator(), index.tuning)
        except MpiError as error:
            _log.warning("key segments were not compacted: %s", error)


def wait_for_checks(tuning: RequestTuning) -> Iterator[None]:
    """Yield when a background check is due: at once, soon, then regularly.

    Args:
        tuning: the interval of checks, and the longest wait for the second.
    """
    pause = threading.Event()
    yield
    pause.wait(random.uniform(0, tuning.first_check_s))  # noqa: S311 - no secret
    while True:
        yield
        pause.wait(tuning.check_interval_s)


def resume_interrupted(app: FastAPI) -> bool:
    """Resume a re-cluster run whose process died.

    Returns:
        Whether there was such a run.

    Raises:
        ConflictError: another process has taken the run over, or its pairs were to be scored by an engine
            that this machine may not be large enough to replace.
        ModelError: the run's model is not installed here.
    """
    index: Index = app.state.index
    with index.database.read(make_operator()) as unit:
        run = unit.runs.find_open()
    if run is None or is_alive(run):
        return False
    if run.stage == RunStage.DERIVING and (engine := get_engine_name(run)) != DUCKDB_ENGINE.name:
        raise ConflictError(
            f"run {run.id} was begun with {engine}: mpi recluster --resume --engine {engine} carries it on"
        )
    index = reload_model(app)
    matcher = index.matcher
    if matcher.model.ref != run.model:
        settings = Settings(home=index.home, model=None, database_url=None, secret_file=None)
        matcher = load_matcher(settings, run.model, keyed_hash=index.keyed_hash)
        cache_model(app, matcher)
    _log.info("carrying on re-cluster run %d (%s)", run.id, run.stage)
    resume_run(index, make_operator(run.client), matcher, run.id)
    reload_model(app)
    return True
