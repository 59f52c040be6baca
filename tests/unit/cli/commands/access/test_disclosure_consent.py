"""Consents to disclose a record on the command line."""

from datetime import timedelta

import pytest

from mpi.domain import clock
from tests.unit.cli.conftest import is_one_line

ANA = {"local_id": "1", "first_name": "Ana", "last_name": "Lopez", "birth_date": "2010-01-02"}
TERMS = """
code = "dsa-1"
title = "By consent"
begins = 2020-01-01
[[parties]]
code = "district"
name = "District"
kind = "education"
sources = ["sis"]
[[parties]]
code = "agency"
name = "Agency"
kind = "child_welfare"
sources = ["ccwis"]
[[grants]]
discloser = "district"
recipient = "agency"
population = "all"
legal_basis = "consent"
purposes = ["case_planning"]
output_fields = ["grade"]
"""


@pytest.fixture
def record(mpi, home, tmp_path):
    """A record, and an agreement that discloses it by consent."""
    mpi("resolve", "--json", send={"source": "sis", **ANA})
    file = tmp_path / "dsa.toml"
    file.write_text(TERMS)
    assert mpi("agreement", "add", str(file)).code == 0
    assert mpi("agreement", "approve", "dsa-1", "--alone").code == 0
    return ("1", "--source", "sis")


def add(mpi, record, signer="parent", field="grade"):
    today = clock.now().date()
    return mpi(
        "disclosure-consent", "add", *record, "--agreement", "dsa-1", "--recipient", "agency",
        "--purpose", "case_planning", "--field", field, "--signer", signer, "--signed", today.isoformat(),
        "--ends", (today + timedelta(days=30)).isoformat(), "--reference", "CF-2026-0417", "--json",
    )  # fmt: skip


def test_a_consent_is_recorded_listed_and_revoked(mpi, record):
    code = add(mpi, record).json["consent"]
    [listed] = mpi("disclosure-consent", "list", *record, "--json").json
    assert (listed["code"], listed["signer"], listed["revoked_at"]) == (code, "parent", None)
    assert "revoked" in mpi("disclosure-consent", "revoke", code).out
    assert mpi("disclosure-consent", "revoke", code, "--json").code == 7
    assert code in mpi("disclosure-consent", "list", *record).out


def test_the_policy_explains_what_a_consent_changes(mpi, record, index):
    mpi("account", "add", "ana", "--role", "caseworker", "--full-name", "Ana", "--source", "ccwis",
        "--source", "sis", "--agreement", "dsa-1")  # fmt: skip
    ask = ("policy", "explain", "--account", "ana", "--action", "record.read", "--purpose", "case_planning",
           "--source", "sis", "--json")  # fmt: skip
    without = mpi(*ask).json
    assert (without["decision"], without["reason"]) == ("refused", "source-outside-agreement")
    assert mpi(*ask, "--consent").json["fields"] == "grade"


def test_what_the_agreement_does_not_permit_is_refused(mpi, record):
    refused = add(mpi, record, field="phone")
    assert (refused.code, is_one_line(refused.err), "does not permit" in refused.err) == (5, True, True)
    assert "parent, student" in add(mpi, record, signer="uncle").err
