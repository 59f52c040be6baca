"""Re-clusters whose process has died."""

import pytest

from mpi.matching.scoring.engines import DUCKDB_ENGINE
from mpi.service.processes import worker_liveness
from mpi.service.recluster.recluster_plan import recluster
from tests.index import OPERATOR


class ProcessKilled(BaseException):
    """Stands for a kill of the process."""


class FakeSparkEngine:
    """The DuckDB engine under Spark's name; counts its calls."""

    name = "spark"

    def __init__(self):
        self.asked = 0

    def weigh_pairs(self, *arguments):
        self.asked += 1
        return DUCKDB_ENGINE.weigh_pairs(*arguments)


def interrupt_recluster(monkeypatch, index, matcher, step, engine=DUCKDB_ENGINE):
    """Start a re-cluster that dies at a step as if its process had been killed."""

    def die_at_step(current_step, _done, _total):
        if current_step == step:
            raise ProcessKilled

    with monkeypatch.context() as patched:
        patched.setattr("mpi.service.recluster.run_executor._detach_or_abandon", lambda *_: None)
        with pytest.raises(ProcessKilled):
            recluster(index, OPERATOR, matcher, apply=True, progress=die_at_step, engine=engine)


def forget_starting_process(monkeypatch):
    """Make this process differ from the one that started a run, which counts as dead."""
    monkeypatch.setattr(worker_liveness, "_TOKEN", "another")
