"""Commands about rights of the person, holds, destruction and research."""

import csv

import pytest

ANA = {"local_id": "1", "first_name": "Ana", "last_name": "Lopez", "birth_date": "2014-01-02"}
OPEN = (
    "rights", "open", "1", "--source", "sis", "--relation", "parent", "--identification", "photo_id",
    "--identified-by", "R. Registrar", "--reference", "SR-2026-17", "--owner", "Records", "--json",
)  # fmt: skip
RELEASE = ("--by", "P. Officer", "--check", "identity", "--check", "rights", "--check", "protection")


@pytest.fixture
def officer(mpi, home, monkeypatch):
    """A client who may decide, whose key is in the environment."""
    mpi("resolve", "--json", send={"source": "sis", **ANA})
    mpi("rights", "rule", "sis", "--inspection", "linked", "--citation", "FERPA")
    added = mpi("client", "add", "officer", "--scope", "rights.decide", "--source", "sis", "--json")
    monkeypatch.setenv("MPI_API_KEY", added.json["api_key"])


def today():
    from mpi.domain import clock

    return clock.today()


def test_a_report_is_released_by_another_person(mpi, officer):
    code = mpi(*OPEN, "--received", today()).json["code"]
    assert mpi("rights", "release", code, *RELEASE).code == 7
    report = mpi("rights", "release", code, *RELEASE, "--client", "--json").json
    assert report["records"][0]["values"]["first_name"] == "Ana"
    assert "Ana" in mpi("rights", "release", code, *RELEASE, "--client").out
    assert code in mpi("rights", "list").out


def test_a_refusal_prints_the_letter(mpi, officer):
    code = mpi(*OPEN, "--received", today()).json["code"]
    refused = mpi("rights", "refuse", code, "--by", "P", "--reason", "other", "--client")
    assert "does not say whether there is any record" in refused.err


def test_records_are_held_and_destroyed(mpi, officer):
    rule = ("--retention-days", "0", "--retention-begins", "last_sent", "--json")
    assert mpi("rights", "rule", "sis", *rule).json["retention_days"] == 0
    hold = ("--source", "sis", "--reference", "LH-1", "--reason", "lawsuit", "--by", "C")
    code = mpi("legal-hold", "place", *hold, "--json").json["code"]
    assert mpi("destruction", "plan", "sis", "--dry-run", "--json").json == {
        "source": "sis", "records": 0, "held": 1,
    }  # fmt: skip
    mpi("legal-hold", "lift", code, "--by", "C", "--reason", "over", "--client")
    assert mpi("legal-hold", "list", "--json").json[0]["stands"] is False
    assert mpi("destruction", "due", "--source", "sis", "--json").json[0]["local_ids"] == ["1"]
    number = str(mpi("destruction", "plan", "sis", "--json").json["number"])
    assert mpi("destruction", "run", number).code == 7
    mpi("destruction", "approve", number, "--by", "P", "--records", "1", "--client")
    assert mpi("destruction", "run", number, "--json").json["destroyed"] == 1
    assert mpi("destruction", "certificate", number, "--json").json["is_valid"] is True
    assert "done" in mpi("destruction", "list").out


def test_research_ids_are_exported_until_the_project_ends(mpi, officer, tmp_path):
    mpi("research", "add", "reading", "--title", "Reading", "--by", "D")
    out = tmp_path / "ids.csv"
    assert mpi("research", "export", "reading", "--out", str(out), "--json").json["rows"] == 1
    [row] = csv.DictReader(out.read_text().splitlines())
    assert (row["source"], len(row["research_id"])) == ("sis", 26)
    mpi("research", "end", "reading", "--by", "D")
    assert mpi("research", "export", "reading", "--out", str(out)).code == 7
    assert "reading" in mpi("research", "list").out
