"""``mpi recluster``: interrupted runs are resumed, and models of earlier versions are replaced."""

import hashlib
import re
import sqlite3
from contextlib import closing

import pytest

from mpi.bootstrap import open_index
from mpi.composition.models import keep_model, open_matcher
from mpi.config import Settings
from mpi.domain.viewer import make_operator
from mpi.service.recluster.derived_sync import WRITING
from mpi.service.records.upsert import upsert
from tests.index import make_child
from tests.interrupted_recluster import FakeSparkEngine, forget_starting_process, interrupt_recluster
from tests.models import tiny_model


@pytest.fixture
def interrupted_run(home, monkeypatch):
    """A run that started on a cluster, whose process has died before its pairs were scored again."""
    index = open_index(Settings())
    for number in (1, 2):
        upsert(index, make_operator(), "sis", make_child(str(number)))
    interrupt_recluster(monkeypatch, index, open_matcher(str(Settings().model)), WRITING, FakeSparkEngine())
    index.database.dispose()
    forget_starting_process(monkeypatch)


@pytest.mark.usefixtures("interrupted_run")
def test_a_cluster_run_resumes_on_this_machine_only_when_requested(mpi):
    assert [(run["engine"], run["stage"]) for run in mpi("recluster", "--runs", "--json").json] == [
        ("spark", "deriving")
    ]
    result = mpi("recluster", "--resume")
    assert result.code != 0
    assert "run 1 was begun with spark: add --engine spark, or --engine duckdb" in result.err
    runs = mpi("recluster", "--resume", "--engine", "duckdb", "--json").json
    assert [(run["engine"], run["stage"]) for run in runs] == [("duckdb", "done")]
    assert "duckdb" in mpi("recluster", "--runs").out


@pytest.fixture
def index_of_earlier_version(home, tmp_path, monkeypatch, mpi):
    """Two records of one child, in an index whose program had another standardizer."""
    with monkeypatch.context() as patched:
        patched.setattr("mpi.matching.model.match_model.STANDARDIZER_VERSION", "0")
        earlier_model = tiny_model(tmp_path / "earlier", name="earlier", standardizer="0")
        assert mpi("recluster", "--model", str(earlier_model), "--apply").code == 0
        index = open_index(Settings())
        eids = [
            upsert(index, make_operator(), "sis", make_child(str(number))).enterprise_id for number in (1, 2)
        ]
        index.database.dispose()
    return eids


@pytest.fixture
def newer_model(tmp_path):
    """A newly fitted model."""
    return str(tiny_model(tmp_path / "newer", name="newer"))


@pytest.mark.usefixtures("index_of_earlier_version")
def test_an_outdated_standardizer_blocks_comparison_and_the_error_names_the_remedy(mpi, write_csv):
    ingest = ("ingest", write_csv("3,Ana,Lopez,2014-05-06,85001"), "--source", "sis")
    for arguments in (("report",), ("recluster",), ("recluster", "--apply"), ("verify",), ingest):
        result = mpi(*arguments)
        assert (result.code, result.out) == (9, "")
        assert "standardizer 0" in result.err
        assert "mpi recluster --model FOLDER --apply" in result.err


def test_moving_from_an_outdated_model_keeps_the_enterprise_ids(mpi, index_of_earlier_version, newer_model):
    plan = mpi("recluster", "--model", newer_model, "--json").json
    assert (plan["records"], plan["applied"], plan["nothing_to_do"]) == (2, False, True)
    assert mpi("recluster", "--model", newer_model, "--apply", "--json").json["applied"]
    assert mpi("verify").code == 0
    index = open_index(Settings())
    eids = [upsert(index, make_operator(), "sis", make_child(str(number))).enterprise_id for number in (1, 2)]
    index.database.dispose()
    assert eids == index_of_earlier_version


def test_an_index_of_an_earlier_standardizer_moves_with_the_same_model(home, tmp_path, mpi):
    folder = tiny_model(tmp_path / "same", name="same")
    assert mpi("recluster", "--model", str(folder), "--apply").code == 0
    index = open_index(Settings())
    eid = upsert(index, make_operator(), "sis", make_child("1")).enterprise_id
    digest = hashlib.sha256(f"{index.matcher.model.digest}|4".encode()).hexdigest()
    index.database.dispose()
    with closing(sqlite3.connect(home / "mpi.db")) as database, database:
        database.execute(
            "UPDATE config SET standardizer = '4', digest = ? WHERE model_name = 'same'", (digest,)
        )
    result = mpi("report")
    assert result.code == 9
    assert "standardized by version 4" in result.err
    (command,) = re.findall("`mpi (.*)`", " ".join(result.err.split()))
    assert mpi(*command.split()).code == 0
    assert mpi("verify").code == 0
    index = open_index(Settings())
    assert upsert(index, make_operator(), "sis", make_child("1")).enterprise_id == eid
    index.database.dispose()


@pytest.mark.usefixtures("index_of_earlier_version")
def test_an_interrupted_move_from_an_outdated_model_is_resumed(mpi, newer_model, monkeypatch):
    assert mpi("recluster", "--model", newer_model).code == 0
    index = open_index(Settings(), for_model_change=True)
    keep_model(Settings(), newer_model)
    interrupt_recluster(monkeypatch, index, open_matcher(newer_model), WRITING)
    index.database.dispose()
    forget_starting_process(monkeypatch)
    runs = mpi("recluster", "--resume", "--json").json
    assert [(run["model"], run["stage"]) for run in runs] == [("newer/1", "done"), ("earlier/1", "done")]
    assert mpi("verify").code == 0


def test_a_new_model_under_the_name_of_an_outdated_one_is_refused(mpi, index_of_earlier_version, tmp_path):
    result = mpi("recluster", "--model", str(tiny_model(tmp_path / "again", name="earlier")), "--apply")
    assert result.code == 7
    assert "publish this one as a new version" in result.err
