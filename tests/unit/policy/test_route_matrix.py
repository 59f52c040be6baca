"""Every route x role x purpose x agreement state is decided by the table, over HTTP.

``POLICY_CALLS`` makes it ask more calls than in the suite (`scripts/prove-policy`).
"""

import os

import pytest

from mpi.domain.roles import Role
from mpi.policy.route_table import ROUTES
from tests.policy.route_matrix import (
    API_ROUTES,
    HOUSE,
    PAGE_ROUTES,
    PROGRAM,
    PURPOSES_ASKED,
    STATES,
    WITHOUT_KEY,
    Case,
    draw_cases,
    list_api_cases,
    list_page_cases,
    open_matrix_site,
)

API_CASES, PAGE_CASES = list_api_cases(), list_page_cases()
SAMPLE = int(os.environ.get("POLICY_CALLS", "200"))
"""Cases of each kind that are asked."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with open_matrix_site(tmp_path_factory.mktemp("matrix")) as opened:
        yield opened


def find_faults(site, cases):
    return [fault for fault in map(site.find_fault, cases) if fault is not None][:20]


@pytest.mark.parametrize("cases", [API_CASES, PAGE_CASES], ids=["api", "pages"])
def test_the_table_decides_a_sample_of_all_calls(site, cases):
    drawn = draw_cases(cases, SAMPLE, seed=29)
    assert {case.route for case in drawn} == {case.route for case in cases}
    assert {case.state for case in drawn} == set(STATES)
    assert find_faults(site, drawn) == []


def test_whoever_may_only_read_decisions_answers_no_waiting_step(site):
    route = "POST /waiting/{number}"
    cases = [case for case in PAGE_CASES if (case.route, case.caller) == (route, Role.STEWARD)]
    assert {case.state for case in cases} == set(STATES)
    assert find_faults(site, cases) == []


def test_the_cases_are_all_routes_and_some_are_permitted(site):
    assert {*API_ROUTES, *PAGE_ROUTES} == ROUTES.keys()
    assert {case.purpose for case in API_CASES} == set(PURPOSES_ASKED)
    for cases in (API_CASES, PAGE_CASES):
        known = [case for case in draw_cases(cases, 2_000, seed=1) if case.caller not in WITHOUT_KEY]
        permitted = sum(not site.expect(case) for case in known)
        assert 0.02 < permitted / len(known) < 0.5
    assert not site.expect(Case("GET /v1/quality", PROGRAM, "data_quality", HOUSE))
    assert site.expect(Case("GET /v1/quality", PROGRAM, "data_quality", "suspended"))
