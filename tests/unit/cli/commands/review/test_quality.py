"""``mpi quality``, ``mpi sample`` and ``mpi export labels``."""

import csv
import stat

import pytest

from mpi.domain import clock
from tests.unit.cli.conftest import is_one_line


@pytest.fixture
def loaded(mpi, home, a_file):
    rows = [
        "1,Amara,Okonkwo,2014-03-09,43001",
        "2,Bjorn,Lindqvist,2013-01-02,43002",
        "3,Cleo,Abara,2012-11-30,",
    ]
    for source in ("sis", "ccwis"):
        assert mpi("ingest", a_file(*rows, name=f"{source}.csv"), "--source", source).code == 0
    return home


def test_a_sample_is_drawn_once_a_month_and_the_dashboard_tells_of_it(mpi, loaded):
    drawn = mpi("sample", "--json").json
    assert (drawn["new"], drawn["month"]) == (True, clock.today()[:7])
    assert [(one["stratum"], one["pairs"], one["drawn"]) for one in drawn["strata"]] == [
        ("linked-strong", 2, 2),
        ("linked-near", 1, 1),
    ]
    again = mpi("sample")
    assert "linked-strong" in again.out
    assert "was drawn before" in again.err
    found = mpi("quality", "--json").json
    assert found["quality"]["links"]["automatic"] == 3
    assert found["forecast"]["backlog"] == 0


def test_another_month_cannot_be_drawn(mpi, loaded):
    refused = mpi("sample", "--month", "2020-01")
    assert refused.code == 5
    assert is_one_line(refused.err)


def test_the_dashboard_is_shown_to_people_with_a_forecast_in_words(mpi, loaded):
    mpi("sample")
    shown = mpi("quality")
    assert shown.code == 0
    for told in ("questions that wait", "match rate", "Blind samples", "nothing can be said yet"):
        assert told in shown.out
    assert "review tried" in mpi("quality", "--review", "4").out


def test_labels_are_written_for_the_fit_by_their_owner_alone(mpi, loaded, tmp_path):
    mpi("decide", "SAME", "sis:1", "ccwis:1", "--reason", "same-child")
    mpi("decide", "DIFFERENT", "sis:1", "/", "sis:2", "ccwis:2", "--reason", "sibling")
    out = tmp_path / "labels.csv"
    assert mpi("export", "labels", "--out", str(out), "--json").json == {"file": str(out), "rows": 3}
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "left_source", "left_local_id", "right_source", "right_local_id", "label", "decided_on", "reason",
    ]  # fmt: skip
    assert sorted(row["label"] for row in rows) == ["DIFFERENT", "DIFFERENT", "SAME"]
    assert {row["decided_on"] for row in rows} == {clock.today()}


def test_labels_for_no_known_purpose_are_refused(mpi, loaded, tmp_path):
    refused = mpi("export", "labels", "--out", str(tmp_path / "x.csv"), "--purpose", "curiosity")
    assert (refused.code, is_one_line(refused.err)) == (5, True)
    assert not (tmp_path / "x.csv").exists()
    assert (
        mpi(
            "export", "labels", "--out", str(tmp_path / "x.csv"), "--blind", "--purpose", "program_evaluation"
        ).code
        == 0
    )
