"""``mpi recluster --resume``: what was interrupted, and what it is carried on with."""

from dataclasses import dataclass

import pytest

from mpi.bootstrap import open_index, open_matcher
from mpi.config import Settings
from mpi.domain.viewer import operator
from mpi.matching.engines import DUCKDB
from mpi.service import runs as service_runs
from mpi.service.beside import WRITING
from mpi.service.recluster import recluster
from mpi.service.records import upsert
from tests.index import a_child


class _Killed(BaseException):
    """Stands for a kill."""


@dataclass(frozen=True)
class Elsewhere:
    """DuckDB, as if it were on machines that are not here."""

    name: str = "spark"

    def weights(self, *what):
        return DUCKDB.weights(*what)


@pytest.fixture
def interrupted(home, monkeypatch):
    """A run that was begun on a cluster, whose process is no more, and whose pairs are to be scored anew."""

    def dies(step, _done, _total):
        if step == WRITING:
            raise _Killed

    index = open_index(Settings())
    for number in (1, 2):
        upsert(index, operator(), "sis", a_child(str(number)))
    matcher = open_matcher(str(Settings().model))
    with monkeypatch.context() as patched:
        patched.setattr("mpi.service.epochs._leave_or_abandon", lambda *_: None)
        with pytest.raises(_Killed):
            recluster(index, operator(), matcher, apply=True, progress=dies, engine=Elsewhere())
    index.database.dispose()
    monkeypatch.setattr(service_runs, "_TOKEN", "another")


@pytest.mark.usefixtures("interrupted")
def test_what_was_begun_on_a_cluster_is_scored_on_this_machine_only_if_that_is_said(mpi):
    assert [(run["engine"], run["stage"]) for run in mpi("recluster", "--runs", "--json").json] == [
        ("spark", "deriving")
    ]
    refused = mpi("recluster", "--resume")
    assert refused.code != 0
    assert "run 1 was begun with spark: add --engine spark, or --engine duckdb" in refused.err
    done = mpi("recluster", "--resume", "--engine", "duckdb", "--json").json
    assert [(run["engine"], run["stage"]) for run in done] == [("duckdb", "done")]
    assert "duckdb" in mpi("recluster", "--runs").out
