"""The pages of agreements: who sees which, in plain words, and their steps."""

import re
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import Visit
from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.duties import begin_clock
from mpi.service.agreements.register import approve_version, propose_version, suspend_agreement
from mpi.service.agreements.views import show_agreement
from tests.agreements import AGENCY, DSA, SCHOOL, make_dsa
from tests.index import OPERATOR, SECOND_PERSON
from tests.unit.api.live import PLAIN, serving
from tests.unit.api.pages.desk.test_sign_in import SAME

PARTIES = (
    replace(SCHOOL, sources=frozenset({"D01"})),
    replace(AGENCY, name="<b>Agency</b>", sources=frozenset({"CCWIS"})),
)


@pytest.fixture
def desk(fresh_index):
    """Open the pages of an index with an agreement that ends in 7 days, in a role."""
    with clock.fixed_clock(datetime(2026, 12, 24, tzinfo=UTC)):
        propose_version(fresh_index, OPERATOR, make_dsa(parties=PARTIES))
        approve_version(fresh_index, SECOND_PERSON, "dsa-1")
        with serving(create_app(fresh_index, open_pages=True)) as url:

            @contextmanager
            def open_as(role):
                with httpx.Client(
                    base_url=url, timeout=30, verify=PLAIN, cookies={"mpi-acting-as": role}
                ) as client:
                    yield client

            yield open_as


def send(client, **fields):
    token = re.search(r'name="csrf" value="(\w+)"', client.get("/agreements").text)[1]
    return client.post("/agreements/dsa-1", data={"csrf": token, **fields}, headers=SAME)


def test_the_list_names_parties_purposes_and_days_left_in_plain_words(desk):
    with desk("operator") as client:
        page = client.get("/agreements").text
    for text in ("Quill School District", "Keep a child in the same school", "7 days left", "Agreements",
                 "&lt;b&gt;Agency&lt;/b&gt;", "Operator of this index"):  # fmt: skip
        assert text in page
    assert "<b>Agency" not in page


def test_the_page_of_an_agreement_says_who_discloses_what_and_why(desk):
    with desk("approver") as client:
        page = client.get("/agreements/dsa-1").text
    for text in ("discloses to", "Children in foster care", "Grade", "FERPA: caseworker of a child in",
                 "20 USC 1232g(b)(1)(L)", "365 days", "Flag: Children in foster care", "Office of Data",
                 "second"):  # fmt: skip
        assert text in page
    assert 'value="end"' not in page


def test_an_approver_approves_the_version_that_the_page_shows(fresh_index, desk):
    propose_version(fresh_index, OPERATOR, make_dsa(parties=PARTIES, ends=None))
    with desk("operator") as client:
        assert 'value="approve"' not in client.get("/agreements/dsa-1").text
        assert send(client, do="approve", version="2").status_code == 403
    with desk("approver") as client:
        assert "Approve version 2" in client.get("/agreements/dsa-1").text
        for version in ("1", "x"):
            assert send(client, do="approve", version=version).status_code == 409
        assert send(client, do="approve", version="2").headers["location"].endswith("agreement_approved")
    assert show_agreement(fresh_index, OPERATOR, "dsa-1").terms.version == 2


def test_an_operator_suspends_resumes_and_ends_with_a_reason(fresh_index, desk):
    with desk("operator") as client:
        refused = send(client, do="suspend", reason=" ")
        assert (refused.status_code, "reason: is missing" in refused.text) == (400, True)
        for step, state in (("suspend", "suspended"), ("resume", "active"), ("end", "ended")):
            assert send(client, do=step, reason="as agreed").status_code == 303
            assert show_agreement(fresh_index, OPERATOR, "dsa-1").state == state
        page = client.get("/agreements/dsa-1").text
        assert "as agreed" in page
        assert 'value="end"' not in page
        assert send(client, do="resume", reason="as agreed").status_code == 409
        assert send(client, do="forget", reason="x").status_code == 400


@pytest.mark.parametrize("role", ["steward", "source-owner"])
def test_other_roles_open_no_agreement(fresh_index, desk, role):
    suspend_agreement(fresh_index, OPERATOR, "dsa-1", "breach")
    with desk(role) as client:
        for path in ("/agreements", "/agreements/dsa-1"):
            page = client.get(path)
            assert page.status_code == 403
            assert DSA.title not in page.text
        assert 'href="/agreements"' not in client.get("/find" if role == "steward" else "/asked").text


def test_an_unknown_agreement_has_no_page(desk):
    with desk("operator") as client:
        for code in ("nothing", "%00", "..%2Faccounts"):
            assert client.get(f"/agreements/{code}").status_code == 404


def test_the_pages_show_clocks_that_run_and_what_is_overdue(fresh_index, desk):
    begin_clock(fresh_index, OPERATOR, "dsa-1", "inspection", "district", date(2026, 11, 1))
    begin_clock(fresh_index, OPERATOR, "dsa-1", "inspection", "agency", date(2026, 12, 20))
    with desk("operator") as client:
        listed = client.get("/agreements").text
        page = client.get("/agreements/dsa-1").text
    assert "district had to act by Dec 16, 2026: inspection of records." in listed
    assert "agency had to act" not in listed
    assert page.count("Clock runs: inspection of records") == 2
    assert "Quill School District has to act by Dec 16, 2026" in page


@pytest.mark.parametrize("redisclosure", [False, True])
def test_a_page_says_that_what_others_disclose_may_not_be_passed_on(redisclosure):
    agreement = make_dsa(is_approved=True, redisclosure=redisclosure)
    caller = Caller("ana", frozenset(), frozenset({"sis", "ccwis"}), "dsa-1", 1, Role.CASEWORKER)
    viewer = build_viewer(caller, "school_stability", agreement, agreement.begins)
    page = render_page(
        "agreements.html", visit=Visit(viewer), agreements=[], overdue=[], due=[], purposes={}
    ).body.decode()
    assert ("forbids passing on what other agencies disclose" in page) is not redisclosure
