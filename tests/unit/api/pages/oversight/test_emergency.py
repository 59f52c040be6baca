"""The pages of emergency access: the person's own, and that of the reviewer."""

import re

import pytest

from mpi.api.app import create_app
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.agreements.refusals import list_refusals
from mpi.service.records.upsert import upsert
from tests.accounts import add_person, cheap_password_hashing
from tests.agreements import permit_emergencies
from tests.index import OPERATOR, make_child
from tests.unit.api.live import serving
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser, sign_in_new_account

REASON = "<b>child missing</b> since this morning"


@pytest.fixture(autouse=True, scope="module")
def _cheap_hashing():
    with cheap_password_hashing():
        yield


@pytest.fixture
def url(fresh_index):
    permit_emergencies(fresh_index)
    with serving(create_app(fresh_index)) as url:
        yield url


@pytest.fixture
def caseworker(url, fresh_index):
    add_person(fresh_index, "cal", Role.CASEWORKER, ["D01"], "Cal Reyes")
    grant_actions(fresh_index, OPERATOR, "cal", ["break.glass"])
    with Browser(url) as browser:
        assert browser.sign_in("cal").status_code == 303
        yield browser


@pytest.fixture
def officer(url, fresh_index):
    with Browser(url) as browser:
        yield sign_in_new_account(browser, fresh_index, "pria", Role.PRIVACY_OFFICER)


def send(browser, path, **fields):
    return browser.post(path, data={"csrf": browser.csrf(), **fields}, headers=SAME)


def begin(browser):
    answer = send(browser, "/emergency", do="begin", reason=REASON)
    assert answer.headers["location"] == "/find?done=emergency_begun", answer.text


def test_the_page_says_what_an_emergency_permits_and_asks_for_a_reason(caseworker):
    page = caseworker.get("/emergency").text
    for text in ("60 minutes", "20 children", "somebody else reviews", "Do not name the child"):
        assert text in page
    refused = send(caseworker, "/emergency", do="begin", reason=" ")
    assert (refused.status_code, "reason: 1 to 500 characters" in refused.text) == (400, True)


def test_a_child_opens_in_an_emergency_alone_and_each_page_says_what_is_left(caseworker, fresh_index):
    eid = upsert(fresh_index, OPERATOR, "D01", make_child("1", first_name="Odalys")).enterprise_id
    assert "Odalys" not in caseworker.get(f"/people/{eid}").text
    begin(caseworker)
    page = caseworker.get(f"/people/{eid}").text
    assert "Odalys" in page
    assert "60 minutes and about 20 children left" in page
    assert "60 minutes and about 19 children left" in caseworker.get("/find").text
    send(caseworker, "/emergency", do="end")
    page = caseworker.get(f"/people/{eid}").text
    assert "Odalys" not in page
    assert "children left" not in page


def test_the_own_page_says_when_it_is_over(caseworker):
    begin(caseworker)
    assert 'value="begin"' not in caseworker.get("/emergency").text
    send(caseworker, "/emergency", do="end")
    page = caseworker.get("/emergency").text
    assert "Somebody else has to review it" in page
    assert 'value="begin"' not in page
    assert send(caseworker, "/emergency", do="begin", reason=REASON).status_code == 409
    assert send(caseworker, "/emergency", do="fly").status_code == 400


def test_somebody_else_reads_the_reason_and_closes_the_use(caseworker, officer):
    begin(caseworker)
    page = officer.get("/emergency/uses").text
    for text in ("cal", "&lt;b&gt;child missing&lt;/b&gt;", "may go on until"):
        assert text in page
    begun = re.search(r'name="begun" value="([^"]+)"', page)[1]
    assert send(officer, "/emergency/uses", client="cal", begun=begun, note=" ").status_code == 400
    assert send(officer, "/emergency/uses", client="cal", begun="2001", note="fine").status_code == 409
    assert send(officer, "/emergency/uses", client="cal", begun=begun, note="fine").status_code == 303
    page = officer.get("/emergency/uses").text
    assert "pria: fine" in page
    assert "Nothing waits for review" in page
    assert send(officer, "/emergency/uses", client="cal", begun=begun, note="fine").status_code == 404


@pytest.mark.parametrize("role", [Role.STEWARD, Role.AUDITOR])
def test_others_open_neither_page(url, fresh_index, role):
    with Browser(url) as browser:
        sign_in_new_account(browser, fresh_index, "eve", role)
        for path in ("/emergency", "/emergency/uses"):
            assert browser.get(path).status_code == 403
            assert (
                send(browser, path, do="begin", reason=REASON, client="cal", begun="1", note="x").status_code
                == 403
            )
        assert "/emergency" not in browser.get("/change-password").text


def test_an_agreement_without_emergencies_refuses_in_plain_words(fresh_index):
    with serving(create_app(fresh_index)) as url, Browser(url) as browser:
        add_person(fresh_index, "cal")
        grant_actions(fresh_index, OPERATOR, "cal", ["break.glass"])
        browser.sign_in("cal")
        answer = send(browser, "/emergency", do="begin", reason=REASON)
        assert (answer.status_code, "does not permit this purpose" in answer.text) == (403, True)
    [refusal] = list_refusals(fresh_index, OPERATOR)
    assert (refusal.client, refusal.reason, refusal.purpose) == (
        "cal",
        "purpose-outside-agreement",
        "emergency_breakglass",
    )
