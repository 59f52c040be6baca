"""``mpi recluster``: what was interrupted is carried on, and an earlier version's model is left."""

import pytest

from mpi.bootstrap import keep_model, open_index, open_matcher
from mpi.config import Settings
from mpi.domain.viewer import make_operator
from mpi.service.recluster.derived_sync import WRITING
from mpi.service.records.upsert import upsert
from tests.index import a_child
from tests.interrupted import Elsewhere, forget_who_began, interrupt
from tests.models import tiny_model


@pytest.fixture
def interrupted(home, monkeypatch):
    """A run that was begun on a cluster, whose process is no more, and whose pairs are to be scored anew."""
    index = open_index(Settings())
    for number in (1, 2):
        upsert(index, make_operator(), "sis", a_child(str(number)))
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


@pytest.fixture
def of_an_earlier_version(home, tmp_path, monkeypatch, mpi):
    """Two records of one child, in an index whose program had another standardizer."""
    with monkeypatch.context() as then:
        then.setattr("mpi.matching.model.match_model.STANDARDIZER_VERSION", "0")
        earlier = tiny_model(tmp_path / "earlier", name="earlier", standardizer="0")
        assert mpi("recluster", "--model", str(earlier), "--apply").code == 0
        index = open_index(Settings())
        eids = [
            upsert(index, make_operator(), "sis", a_child(str(number))).enterprise_id for number in (1, 2)
        ]
        index.database.dispose()
    return eids


@pytest.fixture
def newer(tmp_path):
    """A model that was fitted anew."""
    return str(tiny_model(tmp_path / "newer", name="newer"))


@pytest.mark.usefixtures("of_an_earlier_version")
def test_a_model_of_an_earlier_standardizer_makes_nothing_comparable_and_the_way_out_is_told(mpi, a_file):
    loads = ("ingest", a_file("3,Ana,Lopez,2014-05-06,85001"), "--source", "sis")
    for arguments in (("report",), ("recluster",), ("recluster", "--apply"), ("verify",), loads):
        ended = mpi(*arguments)
        assert (ended.code, ended.out) == (9, "")
        assert "standardizer 0" in ended.err
        assert "mpi recluster --model FOLDER --apply" in ended.err


def test_an_index_is_moved_from_a_model_of_an_earlier_standardizer_and_ids_stay(
    mpi, of_an_earlier_version, newer
):
    plan = mpi("recluster", "--model", newer, "--json").json
    assert (plan["records"], plan["applied"], plan["nothing_to_do"]) == (2, False, True)
    assert mpi("recluster", "--model", newer, "--apply", "--json").json["applied"]
    assert mpi("verify").code == 0
    index = open_index(Settings())
    again = [upsert(index, make_operator(), "sis", a_child(str(number))).enterprise_id for number in (1, 2)]
    index.database.dispose()
    assert again == of_an_earlier_version


@pytest.mark.usefixtures("of_an_earlier_version")
def test_a_move_from_such_a_model_that_was_interrupted_is_carried_on(mpi, newer, monkeypatch):
    assert mpi("recluster", "--model", newer).code == 0
    index = open_index(Settings(), for_model_change=True)
    keep_model(Settings(), newer)
    interrupt(monkeypatch, index, open_matcher(newer), WRITING)
    index.database.dispose()
    forget_who_began(monkeypatch)
    done = mpi("recluster", "--resume", "--json").json
    assert [(run["model"], run["stage"]) for run in done] == [("newer/1", "done"), ("earlier/1", "done")]
    assert mpi("verify").code == 0


def test_a_model_fitted_anew_under_the_name_of_that_of_an_earlier_version_is_refused(
    mpi, of_an_earlier_version, tmp_path
):
    ended = mpi("recluster", "--model", str(tiny_model(tmp_path / "again", name="earlier")), "--apply")
    assert ended.code == 7
    assert "publish this one as a new version" in ended.err
