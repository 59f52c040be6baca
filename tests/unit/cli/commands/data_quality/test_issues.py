"""``mpi issues``: a list, numbers and a file of what is wrong with a source's records."""

import csv
from datetime import timedelta

import pytest

from mpi.domain import clock


@pytest.fixture
def loaded(mpi, write_csv, home):
    assert home.exists()
    rows = ("1,Ana,Lopez,2010-13-02,43001", "2,Bo,Kim,2011-04-31,43002")
    assert mpi("ingest", write_csv(*rows), "--source", "sis").code == 0


@pytest.mark.usefixtures("loaded")
def test_issues_are_listed_counted_and_written_to_a_file(mpi, tmp_path):
    listed = mpi("issues", "sis", "--json").json["issues"]
    assert {(issue["local_id"], issue["span"]["field"]) for issue in listed} == {
        ("1", "birth_date"),
        ("2", "birth_date"),
    }
    assert "birth_date" in mpi("issues", "sis", "--field", "birth_date").out
    assert mpi("issues", "sis", "--state", "ended", "--json").json["issues"] == []
    assert "100.0 %" in mpi("issues", "sis", "--counts").out
    file = tmp_path / "issues.csv"
    assert mpi("issues", "sis", "--out", str(file), "--json").json["rows"] == 2
    with file.open() as opened:
        assert [row["local_id"] for row in csv.DictReader(opened)] == ["1", "2"]
    assert mpi("issues", "no-such").code != 0


@pytest.mark.usefixtures("loaded")
def test_a_scorecard_is_of_one_source_with_denominators(mpi):
    card = mpi("report", "scorecard", "--source", "sis", "--json").json
    assert (card["records"], card["active"]) == (2, 2)
    assert "2 of 2 active" in mpi("report", "scorecard", "--source", "sis", "--every").out
    missing = mpi("report", "scorecard")
    assert (missing.code != 0, "--source" in missing.err) == (True, True)


@pytest.mark.usefixtures("loaded")
def test_a_ticket_is_opened_with_a_file_listed_and_closed(mpi, tmp_path):
    file = tmp_path / "ticket.csv"
    options = ("--field", "birth_date", "--kind", "impossible-date", "--owner", "Olu", "--out", str(file))
    due = (clock.now() + timedelta(days=9)).date().isoformat()
    opened = mpi("ticket", "open", "sis", *options, "--due", due, "--json")
    assert (opened.code, opened.json["records_now"]) == (0, 2)
    assert len(file.read_text().splitlines()) == 3
    assert "impossible-date" in mpi("ticket", "list", "sis").out
    assert mpi("ticket", "close", "sis", "1", "--json").json["state"] == "closed"
    assert mpi("ticket", "close", "sis", "1").code != 0
