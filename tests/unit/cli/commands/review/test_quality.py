"""``mpi quality``, ``mpi sample`` and ``mpi export labels``."""

import csv
import stat

import pytest

from mpi.domain import clock
from tests.unit.cli.conftest import is_one_line


@pytest.fixture
def loaded_home(mpi, home, write_csv):
    rows = [
        "1,Amara,Okonkwo,2014-03-09,43001",
        "2,Bjorn,Lindqvist,2013-01-02,43002",
        "3,Cleo,Abara,2012-11-30,",
    ]
    for source in ("sis", "ccwis"):
        assert mpi("ingest", write_csv(*rows, name=f"{source}.csv"), "--source", source).code == 0
    return home


def test_a_sample_is_drawn_once_a_month_and_shown_on_the_dashboard(mpi, loaded_home):
    sample = mpi("sample", "--json").json
    assert (sample["new"], sample["month"]) == (True, clock.today()[:7])
    assert [(stratum["stratum"], stratum["pairs"], stratum["drawn"]) for stratum in sample["strata"]] == [
        ("linked-strong", 2, 2),
        ("linked-near", 1, 1),
    ]
    second_draw = mpi("sample")
    assert "linked-strong" in second_draw.out
    assert "was drawn before" in second_draw.err
    dashboard = mpi("quality", "--json").json
    assert dashboard["quality"]["links"]["automatic"] == 3
    assert dashboard["forecast"]["backlog"] == 0


def test_a_sample_of_another_month_is_refused(mpi, loaded_home):
    result = mpi("sample", "--month", "2020-01")
    assert result.code == 5
    assert is_one_line(result.err)


def test_the_dashboard_shows_a_forecast_in_words(mpi, loaded_home):
    mpi("sample")
    result = mpi("quality")
    assert result.code == 0
    for text in ("questions that wait", "match rate", "Blind samples", "nothing can be said yet"):
        assert text in result.out
    assert "review tried" in mpi("quality", "--review", "4").out


def test_labels_are_written_to_a_private_file(mpi, loaded_home, tmp_path):
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


def test_an_unknown_purpose_of_labels_is_refused(mpi, loaded_home, tmp_path):
    result = mpi("export", "labels", "--out", str(tmp_path / "x.csv"), "--purpose", "curiosity")
    assert (result.code, is_one_line(result.err)) == (5, True)
    assert not (tmp_path / "x.csv").exists()
    assert (
        mpi(
            "export", "labels", "--out", str(tmp_path / "x.csv"), "--blind", "--purpose", "program_evaluation"
        ).code
        == 0
    )


def test_calibration_shows_rates_and_asks_for_a_sample(mpi, loaded_home):
    result = mpi("calibration")
    assert result.code == 0
    assert "draw a blind sample first" in result.out
    content = mpi("calibration", "--json").json
    assert content["rates"] == [], "three links are too few to show"
    assert content["recall"] == {"recall": None, "verdicts": 0, "more_labels": None}
