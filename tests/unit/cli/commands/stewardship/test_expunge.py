"""A second person answers requests to expunge on the command line."""

import pytest

from tests.unit.cli.conftest import is_one_line

ANA = {"local_id": "1", "first_name": "Ana", "last_name": "Lopez", "birth_date": "2010-01-02"}


@pytest.fixture
def officer(mpi, home, monkeypatch):
    """A client who may expunge, whose key is in the environment."""
    added = mpi("client", "add", "officer", "--scope", "record.expunge", "--source", "sis", "--json")
    monkeypatch.setenv("MPI_API_KEY", added.json["api_key"])


def ask(mpi):
    record = {"source": "sis", **ANA, "restrictions": [{"kind": "expunged"}]}
    return mpi("resolve", "--json", send=record).json


def test_the_operator_cannot_approve_what_the_operator_asked_for(mpi, officer):
    assert ask(mpi)["outcome"] == "refused"
    [listed] = mpi("expunge", "list", "--json").json
    assert (listed["source"], listed["local_id"], listed["requested_by"]) == ("sis", "1", "operator")
    refused = mpi("expunge", "approve", "1", "--source", "sis")
    assert (refused.code, is_one_line(refused.err)) == (7, True)
    approved = mpi("expunge", "approve", "1", "--source", "sis", "--client", "--json")
    assert approved.json == {"source": "sis", "answer": "approved", "records": 1}
    assert mpi("expunge", "list", "--json").json == []


def test_a_refusal_shows_the_record_again(mpi, officer):
    mpi("resolve", "--json", send={"source": "sis", **ANA})
    ask(mpi)
    assert mpi("crosswalk", "--source", "sis", "--local-id", "1").code == 6
    assert "refused" in mpi("expunge", "refuse", "1", "--source", "sis", "--client").out
    assert mpi("crosswalk", "--source", "sis", "--local-id", "1").code == 0


def test_the_list_is_a_table(mpi, officer):
    ask(mpi)
    assert "requested_by" in mpi("expunge", "list", "--client").out


def test_a_missing_key_is_named(mpi, home, monkeypatch):
    monkeypatch.delenv("MPI_API_KEY", raising=False)
    result = mpi("expunge", "list", "--client")
    assert (result.code, "MPI_API_KEY" in result.err) == (5, True)
