"""A process that answers goes on answering when another moves the index to another model."""

import json
from dataclasses import replace

import pytest

from mpi.api.app import create_app
from mpi.api.resuming import resume_interrupted
from mpi.bootstrap import keep_model, open_matcher
from mpi.config import Settings
from mpi.domain.errors import ConflictError
from mpi.matching.engines import DUCKDB
from mpi.service import runs as service_runs
from mpi.service.beside import WRITING
from mpi.service.epochs import runs
from mpi.service.proposals import resume_run
from mpi.service.recluster import recluster
from mpi.service.records import upsert
from mpi.service.releasing import RELEASING
from mpi.service.verify import verify
from tests.index import OPERATOR, a_child, an_index
from tests.models import tiny_model
from tests.unit.api.live import a_key, calling


@pytest.fixture
def moved(tmp_path):
    """An index that is served, and that another process has moved to another model since."""
    with (
        an_index(tmp_path / "home", "sis") as index,
        calling(create_app(index), a_key(index, "tester")) as call,
    ):
        folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
        keep_model(Settings(home=index.home, model=None, database_url=None, secret_file=None), folder)
        recluster(index, OPERATOR, open_matcher(folder), apply=True)
        yield call


def test_a_call_is_answered_with_the_model_in_force_with_its_body(moved):
    child = {name: value for name, value in a_child().items() if name != "local_id"}
    answer = moved.put("/v1/sources/sis/records/n1", json=child)
    assert (answer.status_code, answer.json()["outcome"]) == (200, "created")


def test_so_is_each_line_of_many(moved):
    line = json.dumps(a_child("n2") | {"source": "sis"})
    answer = moved.post("/v1/records:bulk", content=line + "\n")
    assert answer.json()["outcome"] == "created"


class _Killed(BaseException):
    """Stands for a kill."""


class Elsewhere:
    """DuckDB, as if it were on machines that are not here; says how often it is asked."""

    name = "spark"

    def __init__(self):
        self.asked = 0

    def weights(self, *what):
        self.asked += 1
        return DUCKDB.weights(*what)


@pytest.mark.parametrize(("step", "left_to_it"), [(WRITING, True), (RELEASING, False)])
def test_what_was_begun_with_more_machines_is_carried_on_by_them_while_pairs_are_to_be_scored(
    tmp_path, monkeypatch, step, left_to_it
):
    def dies(at, _done, _total):
        if at == step:
            raise _Killed

    with an_index(tmp_path / "home", "sis") as index:
        for number in (1, 2):
            upsert(index, OPERATOR, "sis", a_child(str(number), postal_code=None))
        folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
        keep_model(Settings(home=index.home, model=None, database_url=None, secret_file=None), folder)
        app, engine = create_app(index), Elsewhere()
        with monkeypatch.context() as patched:
            patched.setattr("mpi.service.epochs._leave_or_abandon", lambda *_: None)
            with pytest.raises(_Killed):
                recluster(index, OPERATOR, open_matcher(folder), apply=True, progress=dies, engine=engine)
        monkeypatch.setattr(service_runs, "_TOKEN", "another")
        [run] = runs(index, OPERATOR)
        assert (run.engine, engine.asked) == ("spark", 1)
        if left_to_it:
            with pytest.raises(ConflictError, match="--resume --engine spark carries it on"):
                resume_interrupted(app)
            resume_run(index, OPERATOR, open_matcher(folder), run.id, engine=engine)
        else:
            assert resume_interrupted(app)
        assert [run.stage for run in runs(index, OPERATOR)] == ["done"]
        assert engine.asked == 1 + left_to_it
        assert verify(replace(index, matcher=open_matcher(folder)), OPERATOR) == []


def test_whoever_serves_carries_on_what_was_interrupted(tmp_path, monkeypatch):
    def dies(step, _done, _total):
        if step == RELEASING:
            raise _Killed

    with an_index(tmp_path / "home", "sis") as index:
        for number in (1, 2):
            upsert(index, OPERATOR, "sis", a_child(str(number), postal_code=None))
        folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
        keep_model(Settings(home=index.home, model=None, database_url=None, secret_file=None), folder)
        app = create_app(index)
        with monkeypatch.context() as patched:
            patched.setattr("mpi.service.epochs._leave_or_abandon", lambda *_: None)
            with pytest.raises(_Killed):
                recluster(index, OPERATOR, open_matcher(folder), apply=True, progress=dies)
        assert not resume_interrupted(app)
        monkeypatch.setattr(service_runs, "_TOKEN", "another")
        assert resume_interrupted(app)
        assert not resume_interrupted(app)
        assert [run.stage for run in runs(index, OPERATOR)] == ["done"]
        assert app.state.index.matcher.model.version == "2"
