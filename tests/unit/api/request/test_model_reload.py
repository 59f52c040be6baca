"""A process that answers goes on answering when another moves the index to another model."""

import json
from dataclasses import replace

import pytest

from mpi.api.app import create_app
from mpi.api.server.resumption import resume_interrupted
from mpi.bootstrap import keep_model, open_matcher
from mpi.config import Settings
from mpi.domain.errors import ConflictError
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.derived_sync import WRITING
from mpi.service.recluster.proposals import resume_run
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.recluster.run_executor import abandon, list_runs
from mpi.service.recluster.run_publisher import RELEASING
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, make_child, open_test_index
from tests.interrupted_recluster import FakeSparkEngine, forget_starting_process, interrupt_recluster
from tests.models import tiny_model
from tests.unit.api.live import a_key, calling


@pytest.fixture
def moved(tmp_path):
    """An index that is served, and that another process has moved to another model since."""
    with (
        open_test_index(tmp_path / "home", "sis") as index,
        calling(create_app(index), a_key(index, "tester")) as call,
    ):
        folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
        keep_model(Settings(home=index.home, model=None, database_url=None, secret_file=None), folder)
        recluster(index, OPERATOR, open_matcher(folder), apply=True)
        yield call


def test_a_call_is_answered_with_the_model_in_force_with_its_body(moved):
    child = {name: value for name, value in make_child().items() if name != "local_id"}
    answer = moved.put("/v1/sources/sis/records/n1", json=child)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "created")


def test_so_is_each_line_of_many(moved):
    line = json.dumps(make_child("n2") | {"source": "sis"})
    answer = moved.post("/v1/records:bulk", content=line + "\n")
    assert answer.json()["outcome"] == "created"


@pytest.fixture
def waiting(tmp_path):
    """An index of two records, its application, and a model that would part them."""
    with open_test_index(tmp_path / "home", "sis") as index:
        for number in (1, 2):
            upsert(index, OPERATOR, "sis", make_child(str(number), postal_code=None))
        folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
        keep_model(Settings(home=index.home, model=None, database_url=None, secret_file=None), folder)
        yield index, create_app(index), open_matcher(folder)


@pytest.mark.parametrize(("step", "left_to_it"), [(WRITING, True), (RELEASING, False)])
def test_what_was_begun_with_more_machines_is_carried_on_by_them_while_pairs_are_to_be_scored(
    waiting, monkeypatch, step, left_to_it
):
    index, app, stricter = waiting
    engine = FakeSparkEngine()
    interrupt_recluster(monkeypatch, index, stricter, step, engine)
    forget_starting_process(monkeypatch)
    [run] = list_runs(index, OPERATOR)
    assert (run.engine, engine.asked) == ("spark", 1)
    if left_to_it:
        with pytest.raises(ConflictError, match="--resume --engine spark carries it on"):
            resume_interrupted(app)
        resume_run(index, OPERATOR, stricter, run.id, engine=engine)
    else:
        assert resume_interrupted(app)
    assert [run.stage for run in list_runs(index, OPERATOR)] == ["done"]
    assert engine.asked == 1 + left_to_it
    assert verify(replace(index, matcher=stricter), OPERATOR) == []


def test_one_that_is_given_up_says_with_what_it_was_begun(waiting, monkeypatch):
    index, _, stricter = waiting
    interrupt_recluster(monkeypatch, index, stricter, WRITING, FakeSparkEngine())
    forget_starting_process(monkeypatch)
    given_up = abandon(index, OPERATOR, list_runs(index, OPERATOR)[0].id)
    assert (given_up.stage, given_up.engine) == ("abandoned", "spark")


def test_whoever_serves_carries_on_what_was_interrupted(waiting, monkeypatch):
    index, app, stricter = waiting
    interrupt_recluster(monkeypatch, index, stricter, RELEASING)
    assert not resume_interrupted(app)
    forget_starting_process(monkeypatch)
    assert resume_interrupted(app)
    assert not resume_interrupted(app)
    assert [run.stage for run in list_runs(index, OPERATOR)] == ["done"]
    assert app.state.index.matcher.model.version == "2"
