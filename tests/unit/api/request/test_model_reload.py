"""A serving process keeps answering when another process changes the index's model."""

import json
from dataclasses import replace

import pytest

from mpi.api.app import create_app
from mpi.api.server.resumption import resume_interrupted
from mpi.composition.models import keep_model, open_matcher
from mpi.config import Settings
from mpi.domain.errors import ConflictError
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.derived_sync import WRITING
from mpi.service.recluster.proposal_application import resume_run
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.recluster.run_executor import abandon, list_runs
from mpi.service.recluster.run_publisher import RELEASING
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, make_child, open_test_index
from tests.interrupted_recluster import FakeSparkEngine, forget_starting_process, interrupt_recluster
from tests.models import tiny_model
from tests.unit.api.live import add_key, calling


@pytest.fixture
def client_of_changed_index(tmp_path):
    """Client of a served index whose model another process has changed."""
    with (
        open_test_index(tmp_path / "home", "sis") as index,
        calling(create_app(index), add_key(index, "tester")) as call,
    ):
        folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
        keep_model(Settings(home=index.home, model=None, database_url=None, secret_file=None), folder)
        recluster(index, OPERATOR, open_matcher(folder), apply=True)
        yield call


def test_a_call_is_answered_with_the_active_model(client_of_changed_index):
    child = {name: value for name, value in make_child().items() if name != "local_id"}
    answer = client_of_changed_index.put("/v1/sources/sis/records/n1", json=child)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "created")


def test_each_bulk_line_is_answered_with_the_active_model(client_of_changed_index):
    line = json.dumps(make_child("n2") | {"source": "sis"})
    answer = client_of_changed_index.post("/v1/records:bulk", content=line + "\n")
    assert answer.json()["outcome"] == "created"


@pytest.fixture
def waiting_index(tmp_path):
    """An index of two records, its application, and a model that would separate them."""
    with open_test_index(tmp_path / "home", "sis") as index:
        for number in (1, 2):
            upsert(index, OPERATOR, "sis", make_child(str(number), postal_code=None))
        folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
        keep_model(Settings(home=index.home, model=None, database_url=None, secret_file=None), folder)
        yield index, create_app(index), open_matcher(folder)


@pytest.mark.parametrize(("step", "is_left_to_cluster"), [(WRITING, True), (RELEASING, False)])
def test_a_cluster_run_is_left_to_the_cluster_while_pairs_remain_to_be_scored(
    waiting_index, monkeypatch, step, is_left_to_cluster
):
    index, app, stricter = waiting_index
    engine = FakeSparkEngine()
    interrupt_recluster(monkeypatch, index, stricter, step, engine)
    forget_starting_process(monkeypatch)
    [run] = list_runs(index, OPERATOR)
    assert (run.engine, engine.asked) == ("spark", 1)
    if is_left_to_cluster:
        with pytest.raises(ConflictError, match="--resume --engine spark carries it on"):
            resume_interrupted(app)
        resume_run(index, OPERATOR, stricter, run.id, engine=engine)
    else:
        assert resume_interrupted(app)
    assert [run.stage for run in list_runs(index, OPERATOR)] == ["done"]
    assert engine.asked == 1 + is_left_to_cluster
    assert verify(replace(index, matcher=stricter), OPERATOR) == []


def test_an_abandoned_run_shows_its_engine(waiting_index, monkeypatch):
    index, _, stricter = waiting_index
    interrupt_recluster(monkeypatch, index, stricter, WRITING, FakeSparkEngine())
    forget_starting_process(monkeypatch)
    abandoned = abandon(index, OPERATOR, list_runs(index, OPERATOR)[0].id)
    assert (abandoned.stage, abandoned.engine) == ("abandoned", "spark")


def test_a_server_resumes_an_interrupted_run(waiting_index, monkeypatch):
    index, app, stricter = waiting_index
    interrupt_recluster(monkeypatch, index, stricter, RELEASING)
    assert not resume_interrupted(app)
    forget_starting_process(monkeypatch)
    assert resume_interrupted(app)
    assert not resume_interrupted(app)
    assert [run.stage for run in list_runs(index, OPERATOR)] == ["done"]
    assert app.state.index.matcher.model.version == "2"
