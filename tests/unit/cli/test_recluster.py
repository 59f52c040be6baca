"""``mpi recluster --resume``: what was interrupted, and what it is carried on with."""

import pytest

from mpi.bootstrap import open_index, open_matcher
from mpi.config import Settings
from mpi.domain.viewer import operator
from mpi.service.beside import WRITING
from mpi.service.records import upsert
from tests.index import a_child
from tests.interrupted import Elsewhere, forget_who_began, interrupt


@pytest.fixture
def interrupted(home, monkeypatch):
    """A run that was begun on a cluster, whose process is no more, and whose pairs are to be scored anew."""
    index = open_index(Settings())
    for number in (1, 2):
        upsert(index, operator(), "sis", a_child(str(number)))
    interrupt(monkeypatch, index, open_matcher(str(Settings().model)), WRITING, Elsewhere())
    index.database.dispose()
    forget_who_began(monkeypatch)


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
