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


def test_a_certificate_is_listed_printed_and_checked(mpi, officer, tmp_path):
    ask(mpi)
    mpi("expunge", "approve", "1", "--source", "sis", "--client")
    assert "approved_by" in mpi("expunge", "certificate").out
    assert "officer" in mpi("expunge", "certificate", "1").out
    printed = mpi("expunge", "certificate", "1", "--json")
    assert printed.json["certificate"] == 1
    file = tmp_path / "certificate.json"
    file.write_text(printed.out)
    checked = mpi("expunge", "certificate", "--check", str(file))
    assert (checked.code, "not valid" in checked.out) == (0, False)
    file.write_text(printed.out.replace("officer", "nobody"))
    checked = mpi("expunge", "certificate", "--check", str(file))
    assert (checked.code, "not valid" in checked.out) == (1, True)
    assert mpi("expunge", "certificate", "2").code == 6
    assert mpi("expunge", "certificate", "--check", str(tmp_path / "none")).code == 5


@pytest.fixture
def judge(mpi, home, monkeypatch):
    """A client who may seal, whose key is in the environment."""
    added = mpi("client", "add", "judge", "--scope", "record.seal", "--source", "sis", "--json")
    monkeypatch.setenv("MPI_API_KEY", added.json["api_key"])


def test_the_operator_asks_to_unseal_and_a_client_approves(mpi, judge):
    mpi("resolve", "--json", send={"source": "sis", **ANA})
    mpi("resolve", "--json", send={"source": "sis", **ANA, "restrictions": [{"kind": "sealed"}]})
    assert mpi("crosswalk", "--source", "sis", "--local-id", "1").code == 6
    named = ("1", "--source", "sis")
    refused = mpi("unseal", "request", *named, "--reference", "by word of mouth")
    assert (refused.code, is_one_line(refused.err)) == (5, True)
    assert mpi("unseal", "request", *named, "--reference", "26-JV-0412", "--json").json["answer"] == "asked"
    [waiting] = mpi("unseal", "list", "--client", "--json").json
    assert (waiting["reference"], waiting["requested_by"]) == ("26-JV-0412", "operator")
    assert mpi("unseal", "approve", *named).code == 7
    assert "approved" in mpi("unseal", "approve", *named, "--client").out
    assert mpi("crosswalk", "--source", "sis", "--local-id", "1").code == 0
    orders = mpi("db", "orders", "--json").json
    assert orders["orders"] == 2
    assert mpi("db", "orders", "--write").code == 10


def test_a_missing_orders_file_stops_every_command_in_one_line(mpi, judge, home):
    mpi("resolve", "--json", send={"source": "sis", **ANA, "restrictions": [{"kind": "sealed"}]})
    (home / "orders.jsonl").unlink()
    stopped = mpi("crosswalk", "--source", "sis", "--local-id", "1")
    assert (stopped.code, is_one_line(stopped.err), "orders.jsonl" in stopped.err) == (10, True, True)
    assert mpi("db", "orders", "--write", "--json").json["orders"] == 1
    assert mpi("crosswalk", "--source", "sis", "--local-id", "1").code == 6
