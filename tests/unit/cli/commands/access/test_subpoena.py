"""Subpoena cases on the command line."""

import pytest

from tests.unit.cli.conftest import is_one_line

ANA = {"local_id": "1", "first_name": "Ana", "last_name": "Lopez", "birth_date": "2010-01-02"}
OPEN = (
    "subpoena", "open", "1", "--source", "sis", "--court", "Juvenile Court", "--reference", "26-JV-0412",
    "--served-by", "Public Defender", "--received", "2026-01-02", "--due", "2126-12-04",
    "--field", "first_name", "--field", "birth_date",
)  # fmt: skip
COUNSEL = ("--counsel", "R. Alvarado", "--reason", "relevant", "--client", "--json")


@pytest.fixture
def counsel(mpi, home, monkeypatch):
    """A client who may decide, whose key is in the environment."""
    mpi("resolve", "--json", send={"source": "sis", **ANA})
    added = mpi("client", "add", "counsel", "--scope", "subpoena.decide", "--source", "sis", "--json")
    monkeypatch.setenv("MPI_API_KEY", added.json["api_key"])


def test_a_case_goes_from_its_opening_to_the_release(mpi, counsel):
    code = mpi(*OPEN, "--json").json["code"]
    assert mpi("subpoena", "release", code).code == 7
    own = mpi("subpoena", "decide", code, "release", *COUNSEL[:4])
    assert (own.code, is_one_line(own.err), "somebody else" in own.err) == (7, True, True)
    assert mpi("subpoena", "notify", code, "--json").json["notified"] is not None
    decided = mpi("subpoena", "decide", code, "narrow", "--field", "first_name", *COUNSEL).json
    assert (decided["state"], decided["released_fields"]) == ("decided", ["first_name"])
    released = mpi("subpoena", "release", code, "--json").json
    assert [record["values"] for record in released["records"]] == [{"first_name": "Ana"}]
    assert "Ana" in mpi("subpoena", "release", code).out


def test_the_list_is_a_table(mpi, counsel):
    code = mpi(*OPEN, "--json").json["code"]
    assert code in mpi("subpoena", "list").out
    assert [case["code"] for case in mpi("subpoena", "list", "--client", "--json").json] == [code]


def test_an_unknown_verdict_and_a_wrong_day_are_refused(mpi, counsel):
    code = mpi(*OPEN, "--notice-forbidden", "--json").json["code"]
    assert "release, narrow, refuse" in mpi("subpoena", "decide", code, "maybe", *COUNSEL).err
    assert "--on" in mpi("subpoena", "notify", code, "--on", "soon").err
