"""Resuming: what was interrupted, a re-cluster or a load, is carried on or tidied by whoever serves."""

import logging
import random
import threading
from collections.abc import Iterator

from fastapi import FastAPI

from mpi.api.request.model_reload import cache_model, reload_model
from mpi.api.request.recluster_process import resume_run
from mpi.bootstrap import load_matcher
from mpi.config import Settings
from mpi.domain.errors import ConflictError, MpiError, describe_origin
from mpi.domain.viewer import make_operator
from mpi.matching.scoring.engines import DUCKDB_ENGINE
from mpi.service.core.index import Index
from mpi.service.indexing.background_compaction import CompactionMonitor, compact_in_child_process
from mpi.service.recluster.run_state import get_engine_name, is_alive
from mpi.storage.repositories.derived.runs import RunStage

LOOK_EVERY_S = 60.0
FIRST_LOOK_WITHIN_S = 5.0
"""After the one that says how things stand: of processes that begin together one is the first to see it."""

_log = logging.getLogger("mpi.api")


def keep_resuming(app: FastAPI) -> None:
    """Look again and again, in threads of their own, whether a re-cluster or a load was interrupted."""
    for look_on, name in ((_resume, "resuming"), (_merge, "merging what loads left")):
        threading.Thread(target=look_on, args=(app,), name=name, daemon=True).start()


def _resume(app: FastAPI) -> None:
    for _ in _looks():
        try:
            resume_interrupted(app)
        except MpiError as error:
            # Another process took it up, or the store is away: it is looked at again.
            _log.warning("an interrupted re-cluster was not carried on: %s (%s)", error, describe_origin(error))


def _merge(app: FastAPI) -> None:
    left = CompactionMonitor()
    for _ in _looks():
        index: Index = app.state.index
        try:
            if left.is_compaction_due(index, make_operator()):
                compact_in_child_process(index.database, make_operator())
        except MpiError as error:
            _log.warning("keys that a load left were not merged: %s", error)


def _looks() -> Iterator[None]:
    """One at once, one soon after, and then again and again."""
    pause = threading.Event()
    yield
    pause.wait(random.uniform(0, FIRST_LOOK_WITHIN_S))  # noqa: S311 - no secret
    while True:
        yield
        pause.wait(LOOK_EVERY_S)


def resume_interrupted(app: FastAPI) -> bool:
    """Carry on the re-cluster that no process carries out any more; returns whether there was one.

    Raises:
        ConflictError: another process has taken it up, or its pairs were to be scored by more than this
            machine, for which they may be too many.
        ModelError: its model is not here.
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
        matcher = load_matcher(settings, run.model)
        cache_model(app, matcher)
    _log.info("carrying on re-cluster run %d (%s)", run.id, run.stage)
    resume_run(index, make_operator(run.client), matcher, run.id)
    reload_model(app)
    return True
