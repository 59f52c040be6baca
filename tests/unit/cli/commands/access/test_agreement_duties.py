"""Duties under agreements on the command line."""

import pytest

from tests.unit.cli.conftest import is_one_line

TERMS = """
code = "dsa-1"
title = "School stability"
begins = 2020-01-01
clocks = { inspection = 45 }
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
population = "foster_care"
legal_basis = "ferpa_caseworker"
purposes = ["case_planning"]
output_fields = ["grade"]
"""


@pytest.fixture
def dsa(mpi, home, tmp_path):
    """An agreement in force."""
    file = tmp_path / "dsa.toml"
    file.write_text(TERMS)
    assert mpi("agreement", "add", str(file)).code == 0
    assert mpi("agreement", "approve", "dsa-1", "--alone").code == 0
    return "dsa-1"


def test_a_clock_is_listed_until_it_is_met(mpi, dsa):
    begun = mpi(
        "agreement", "clock", dsa, "inspection", "--party", "district", "--on", "2026-01-02", "--json"
    )
    assert (begun.json["due"], begun.json["party"]) == ("2026-02-16", "district")
    [listed] = mpi("agreement", "due", "--overdue", "--json").json
    assert (listed["code"], listed["days_left"] < 0) == (begun.json["code"], True)
    told = mpi("agreement", "due")
    assert "district has to do inspection since 2026-02-16" in told.out + told.err
    assert mpi("agreement", "met", begun.json["code"], "--by", "R. Alvarado", "--json").json["met"] is True
    assert mpi("agreement", "due", "--json").json == []


def test_an_attested_destruction_is_listed(mpi, dsa):
    attest = ("agreement", "destroyed", dsa, "--party", "agency", "--through", "2026-01-31")
    refused = mpi(*attest)
    assert (refused.code, is_one_line(refused.err), "--by" in refused.err) == (5, True, True)
    assert mpi(*attest, "--by", "B. Osei", "--method", "files overwritten").code == 0
    [listed] = mpi("agreement", "destroyed", "--json").json
    assert (listed["party"], listed["through"], listed["attested_by"]) == ("agency", "2026-01-31", "B. Osei")
    assert "B. Osei" in mpi("agreement", "destroyed").out
