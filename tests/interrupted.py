"""Re-clusters whose process is no more."""

import pytest

from mpi.matching.scoring.engines import DUCKDB_ENGINE
from mpi.service.processes import worker_liveness
from mpi.service.recluster.plan import recluster
from tests.index import OPERATOR


class Killed(BaseException):
    """Stands for a kill."""


class Elsewhere:
    """DuckDB, as if it were on machines that are not here; says how often it is asked."""

    name = "spark"

    def __init__(self):
        self.asked = 0

    def weigh_pairs(self, *what):
        self.asked += 1
        return DUCKDB_ENGINE.weigh_pairs(*what)


def interrupt(monkeypatch, index, matcher, step, engine=DUCKDB_ENGINE):
    """Begin a re-cluster that dies at a step as if its process had been killed."""

    def dies(at, _done, _total):
        if at == step:
            raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("mpi.service.recluster.run_executor._detach_or_abandon", lambda *_: None)
        with pytest.raises(Killed):
            recluster(index, OPERATOR, matcher, apply=True, progress=dies, engine=engine)


def forget_who_began(monkeypatch):
    """From now on this process is not the one that began a run, and that one is no more."""
    monkeypatch.setattr(worker_liveness, "_TOKEN", "another")
