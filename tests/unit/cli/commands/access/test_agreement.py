"""Commands for agreements and purposes, from the file to the quarantine."""

import json
from datetime import UTC, datetime

import pytest

from mpi.domain import clock
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR
from tests.unit.cli.conftest import is_one_line

FILE = """
code = "dsa-1"
title = "School stability of children in care"
begins = 2026-01-01
ends = "2026-12-31"

[[parties]]
code = "district"
name = "Quill School District"
kind = "education"
sources = ["sis"]

[[parties]]
code = "agency"
name = "Child Welfare of Quill"
kind = "child_welfare"

[[grants]]
discloser = "district"
recipient = "agency"
population = "foster_care"
legal_basis = "ferpa_caseworker"
purposes = ["school_stability"]
output_fields = ["school_id", "grade"]
matching_fields = ["first_name", "last_name", "birth_date"]
"""


@pytest.fixture(autouse=True)
def _in_june():
    with clock.fixed_clock(datetime(2026, 6, 1, tzinfo=UTC)):
        yield


@pytest.fixture
def write_agreement(tmp_path):
    """Write the file of an agreement, with replaced text."""

    def write(old="", new="", name="dsa.toml"):
        path = tmp_path / name
        path.write_text(FILE.replace(old, new) if old else FILE, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def dsa(mpi, home, write_agreement):
    """The agreement of the file, in force."""
    mpi("agreement", "add", write_agreement())
    assert mpi("agreement", "approve", "dsa-1", "--alone").code == 0
    return "dsa-1"


def test_an_agreement_is_added_approved_and_listed(mpi, home, write_agreement):
    added = mpi("agreement", "add", write_agreement(), "--json")
    assert added.json == {"agreement": "dsa-1", "version": 1, "state": "draft"}
    refused = mpi("agreement", "approve", "dsa-1")
    assert (refused.code != 0, is_one_line(refused.err)) == (True, True)
    assert "somebody else has to approve it" in refused.err
    assert mpi("agreement", "approve", "dsa-1", "--alone", "--json").json["approved"] is True
    listed = {row["code"]: row for row in mpi("agreement", "list", "--json").json}
    assert listed.keys() == {"dsa-1", "house"}
    assert (listed["dsa-1"]["state"], listed["dsa-1"]["days_left"]) == ("active", 213)
    assert listed["dsa-1"]["terms"]["grants"][0]["purposes"] == ["school_stability"]
    table = mpi("agreement", "list")
    assert "dsa-1" in table.out
    assert "several agencies (clients: 1, accounts: 0)" in table.err
    assert "days left" not in table.err


def test_a_client_approves_what_the_operator_proposed(mpi, home, write_agreement, monkeypatch):
    mpi("agreement", "add", write_agreement())
    options = ("--scope", "approve", "--scope", "agreement.read", "--all-sources")
    key = mpi("client", "add", "counsel", *options, "--json").json["api_key"]
    assert mpi("agreement", "approve", "dsa-1", "--client").code != 0
    monkeypatch.setenv("MPI_API_KEY", key)
    assert mpi("agreement", "approve", "dsa-1", "--client", "--alone").code != 0
    assert mpi("agreement", "approve", "dsa-1", "--client", "--version", "1").code == 0
    history = mpi("agreement", "history", "dsa-1", "--json").json
    assert [(line["event"], line["by"]) for line in history] == [
        ("propose", "operator"),
        ("approve", "counsel"),
    ]


def test_an_agreement_near_its_end_is_warned_of(mpi, home, dsa):
    with clock.fixed_clock(datetime(2026, 12, 24, tzinfo=UTC)):
        listed = mpi("agreement", "list")
    assert "agreement dsa-1 ends after 2026-12-31: 7 days left" in listed.err


def test_the_terms_of_an_agreement_are_shown_for_people(mpi, home, dsa):
    shown = mpi("agreement", "show", "dsa-1").out
    for word in (
        "School stability of children in care",
        "ferpa_caseworker",
        "Quill School District",
        "grade",
    ):
        assert word in shown
    assert "dsa-9" in mpi("agreement", "show", "dsa-9").err


def test_a_file_of_a_suspended_agreement_is_quarantined_and_not_lost(mpi, home, dsa, write_csv):
    file = write_csv("1,Ana,Lopez,2013-01-02,43001")
    assert mpi("agreement", "suspend", dsa, "--reason", "breach reported").code == 0
    refused = mpi("ingest", file, "--source", "sis")
    assert refused.code != 0
    assert "the agreement 'dsa-1' is suspended" in refused.err
    assert mpi("crosswalk", "--source", "sis", "--local-id", "1").code != 0
    assert mpi("agreement", "resume", dsa, "--reason", "breach closed").code == 0
    assert mpi("ingest", file, "--source", "sis").code == 0
    assert mpi("crosswalk", "--source", "sis", "--local-id", "1").code == 0


def test_an_agreement_is_ended(mpi, home, dsa):
    assert mpi("agreement", "end", dsa, "--reason", "program closed", "--json").json["ended"] is True
    assert mpi("agreement", "show", dsa, "--json").json["state"] == "ended"


@pytest.mark.parametrize(("old", "new", "message"), [
    ("begins = 2026-01-01", "", "begins: is missing"),
    ("begins = 2026-01-01", "begins = 2026", "begins: must be a day"),
    ('ends = "2026-12-31"', 'ends = "12/31/2026"', "ends: must be a day"),
    ('ends = "2026-12-31"', "ends = 2026-12-31T10:00:00Z", "ends: must be a day"),
    ('title = "School', 'until = 1\ntitle = "School', "until: is not a key of this table"),
    ('kind = "education"', 'kind = "school"', "health, court, research, operator\n"),
    ('code = "dsa-1"', 'code = "dsa-1"\npartitions = ["all"]', "must be one of operational, statistical\n"),
    ('["school_stability"]', '"school_stability"', "grants 1: purposes: must be a list"),
    ('["school_stability"]', '["case_notes"]', "grant 1: there is no purpose 'case_notes'"),
    ('["school_stability"]', '["program_evaluation"]', "ferpa_caseworker cannot carry the purpose"),
    ('["sis"]', '["siss"]', "there is no source 'siss'"),
    ('code = "dsa-1"', 'code = "dsa-1', "not TOML"),
    ('code = "dsa-1"', 'code = "dsa-1"\nsmall_cell = true', "small_cell: must be a whole number"),
    ('code = "dsa-1"', 'code = "dsa-1"\nredisclosure = "no"', "redisclosure: must be true or false"),
    ('code = "dsa-1"', 'code = "dsa-1"\nclocks = [3]', "clocks: must be a table"),
])  # fmt: skip
def test_a_wrong_file_is_refused_in_one_line_that_names_the_place(
    mpi, home, write_agreement, old, new, message
):
    refused = mpi("agreement", "add", write_agreement(old, new))
    assert (refused.code != 0, is_one_line(refused.err)) == (True, True), refused.err
    assert message in refused.err
    assert [row["code"] for row in mpi("agreement", "list", "--json").json] == ["house"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"#" * 1_000_001])
def test_a_file_that_cannot_be_read_is_refused(mpi, home, tmp_path, content):
    path = tmp_path / "dsa.toml"
    if content is not None:
        path.write_bytes(content)
    refused = mpi("agreement", "add", str(path))
    assert (refused.code != 0, is_one_line(refused.err)) == (True, True)


def test_a_new_client_and_account_act_under_the_operators_rule(mpi, home):
    mpi("client", "add", "district", "--scope", "record.read", "--source", "sis")
    mpi("account", "add", "ana", "--role", "steward", "--full-name", "Ana Ruiz", "--all-sources")
    assert {row["name"]: row["agreement"] for row in mpi("client", "list", "--json").json}[
        "district"
    ] == "house"
    assert [row["agreement"] for row in mpi("account", "list", "--json").json] == ["house"]


def test_a_client_and_an_account_are_bound_to_another_agreement(mpi, home, dsa):
    options = ("--scope", "record.read", "--source", "sis", "--agreement", dsa)
    assert mpi("client", "add", "district", *options).code == 0
    mpi(
        "account",
        "add",
        "ana",
        "--role",
        "steward",
        "--full-name",
        "Ana",
        "--all-sources",
        "--agreement",
        dsa,
    )
    shown = mpi("agreement", "show", dsa, "--json").json
    assert (shown["clients"], shown["accounts"]) == (["district"], ["ana"])
    assert mpi("client", "bind", "district", "--agreement", "house").code == 0
    assert mpi("account", "bind", "ana", "--agreement", "house").code == 0
    shown = mpi("agreement", "show", dsa, "--json").json
    assert (shown["clients"], shown["accounts"]) == ([], [])


def test_a_client_of_the_shared_index_of_several_scopes_needs_an_agreement(mpi, home, monkeypatch):
    mpi("scope", "add", "education")
    client = ("client", "add", "district", "--scope", "record.read", "--all-sources")
    account = ("account", "add", "ana", "--role", "steward", "--full-name", "Ana Ruiz", "--all-sources")
    for command in (client, account):
        refused = mpi(*command)
        assert "name the agreement to act under" in refused.err
        assert mpi(*command, "--agreement", "house").code == 0
    monkeypatch.setenv("MPI_SCOPE", "education")
    assert mpi(*client).code == 0
    assert [row["code"] for row in mpi("agreement", "list", "--json").json] == ["house"]


def test_a_purpose_is_added_and_listed(mpi, home):
    options = ("--title", "Find a mentor", "--vision", "A school finds one.", "--value", "Company.")
    assert mpi("purpose", "add", "mentoring", *options).code == 0
    codes = [row["code"] for row in mpi("purpose", "list", "--json").json]
    assert (len(codes), codes[-1]) == (14, "mentoring")
    refused = mpi(
        "purpose", "add", "referral", "--title", "Police referral", "--vision", "A.", "--value", "B."
    )
    assert "Law enforcement cannot be a purpose" in refused.err


def test_counsel_edits_the_table_of_legal_bases(mpi, home, write_agreement):
    (home / "legal_bases.toml").write_text(
        '[statute]\ntitle = "T"\ncitation = "C"\nmark = "K"\nfrom = ["all"]\nto = ["all"]\n'
        'populations = ["all"]\npurposes = ["all"]\n'
    )
    assert "no legal basis 'ferpa_caseworker'" in mpi("agreement", "add", write_agreement()).err
    assert mpi("agreement", "add", write_agreement("ferpa_caseworker", "statute")).code == 0
    assert "agreement house could not be approved today" in mpi("agreement", "list").err
    (home / "legal_bases.toml").write_text("[statute]\n")
    broken = mpi("agreement", "list")
    assert (broken.code != 0, is_one_line(broken.err)) == (True, True)
    assert "'title' is missing" in broken.err


def test_refusals_are_listed(mpi, home):
    assert mpi("agreement", "refusals", "--json").json == []
    assert json.loads(mpi("agreement", "refusals", "--days", "1", "--json").out) == []


def test_who_acts_under_house_over_several_agencies_is_noted(mpi, home, index):
    add_source(index, OPERATOR, NewSource("care", agency="agency", kind="ccwis"))
    add_source(index, OPERATOR, NewSource("school", agency="district"))
    read, one, both = ("--scope", "record.read"), ("--source", "school"), ("--source", "care")
    assert "acts under house" not in mpi("client", "add", "narrow", *read, *one).err
    assert "wide acts under house" in mpi("client", "add", "wide", *read, *one, *both).err
    assert "every acts under house" in mpi("client", "add", "every", *read, "--all-sources").err
    mpi("account", "add", "ana", "--role", "steward", "--full-name", "Ana Ruiz", "--all-sources")
    # The first client, of all sources, is the third.
    assert "several agencies (clients: 3, accounts: 1)" in mpi("agreement", "list").err
    assert mpi("verify").code == 0


def test_an_index_of_one_agency_has_no_note_about_house(mpi, home, index):
    with index.database.write(OPERATOR, "test") as unit:
        for client in unit.clients.active():
            unit.clients.revoke(client.name, unit.commit_no)
    mpi("client", "add", "district", "--scope", "record.read", "--source", "sis")
    assert "several agencies" not in mpi("agreement", "list").err
