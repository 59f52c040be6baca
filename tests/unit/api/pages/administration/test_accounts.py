"""Pages of accounts and account requests, as operators, approvers and attackers use them."""

import re
from contextlib import contextmanager

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR, open_test_index
from tests.unit.api.live import PLAIN, serving

SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An index, and its pages with sign-in."""
    with cheap_password_hashing(), open_test_index(tmp_path_factory.mktemp("site"), "D01", "CCWIS") as index:
        with serving(create_app(index)) as url:
            yield index, url


@pytest.fixture
def index(site):
    return site[0]


@pytest.fixture
def acting(site):
    """Return a function that signs a new person in; ``send`` sends forms as their browser does."""
    index, url = site

    @contextmanager
    def make(name, role=Role.OPERATOR):
        token = sign_in(index, add_person(index, name, role), PASSWORD)
        with httpx.Client(base_url=url, timeout=30, verify=PLAIN, cookies={"mpi-sign-in": token}) as client:
            client.headers.update(SAME)
            client.csrf = authenticate_session(index, token).csrf
            yield client

    return make


def send(client, path, **fields):
    return client.post(path, data={"csrf": client.csrf, **fields})


def version_on(page):
    return re.search(r'name="version" value="(\w+)"', page.text)[1]


def secret_on(page):
    return re.search(r'<code id="secret">(.*?)</code>', page.text)[1]


def find_state(index, name):
    return next(account.state for account in list_accounts(index, OPERATOR) if account.name == name)


def test_an_operator_adds_an_operator_whose_password_is_shown_once(acting, index):
    with acting("add-ona") as ona:
        new = {"name": "add-oto", "full_name": "Oto Next", "role": "operator", "which": "all"}
        page = send(ona, "/accounts", **new)
        assert page.status_code == 200
        assert page.headers["cache-control"] == "no-store"
        password = secret_on(page)
        assert authenticate_session(index, sign_in(index, "add-oto", password)).must_change
        for path in ("/accounts", "/accounts/add-oto"):
            assert password not in ona.get(path).text
        again = send(ona, "/accounts", **new)
    assert again.status_code == 409
    assert password not in again.text
    assert 'value="Oto Next"' in again.text


def test_an_account_that_reads_records_waits_for_an_approver_who_gets_the_password(acting, index):
    with acting("ask-ona") as ona, acting("ask-ada", Role.APPROVER) as ada:
        asked = send(
            ona,
            "/accounts",
            name="ask-sam",
            full_name="Sam Stone",
            role="steward",
            which="some",
            source="D01",
        )
        assert asked.headers["location"] == "/accounts?done=account_asked"
        assert "It waits for an approver" in ona.get("/accounts").text
        requests = ada.get("/account-requests")
        assert "New account for Sam Stone" in requests.text
        path = re.search(r'action="(/account-requests/\d+)"', requests.text)[1]
        assert send(ona, path, do="confirm").status_code == 403
        page = send(ada, path, do="confirm")
        assert authenticate_session(index, sign_in(index, "ask-sam", secret_on(page))).must_change
        assert send(ada, path, do="confirm").status_code == 409


def test_a_request_is_withdrawn_by_an_operator_and_refused_by_an_approver(acting, index):
    with acting("no-ona") as ona, acting("no-ada", Role.APPROVER) as ada:
        for who, place in (
            (ona, "/accounts?done=account_withdrawn"),
            (ada, "/account-requests?done=account_refused"),
        ):
            send(ona, "/accounts", name="no-sam", full_name="Sam", role="steward", which="all")
            path = re.search(r'action="(/account-requests/\d+)"', ada.get("/account-requests").text)[1]
            assert send(who, path, do="refuse").headers["location"] == place
    assert "no-sam" not in {account.name for account in list_accounts(index, OPERATOR)}


def test_a_password_of_a_steward_is_set_only_with_an_approver(acting, index):
    add_person(index, "reset-sam")
    with acting("reset-ona") as ona, acting("reset-ada", Role.APPROVER) as ada:
        version = version_on(ona.get("/accounts/reset-sam"))
        asked = send(ona, "/accounts/reset-sam", do="password", version=version)
        assert asked.headers["location"] == "/accounts/reset-sam?done=account_asked"
        assert "secret" not in asked.text
        path = re.search(r'action="(/account-requests/\d+)"', ada.get("/account-requests").text)[1]
        assert sign_in(index, "reset-sam", secret_on(send(ada, path, do="confirm")))


def test_ending_an_account_first_names_what_it_means(acting, index):
    add_person(index, "end-oto", Role.OPERATOR)
    with acting("end-ona") as ona:
        page = ona.get("/accounts/end-oto/end")
        assert "Nobody can undo this" in page.text
        form = {"do": "end", "version": version_on(page)}
        assert "Nobody can undo this" in send(ona, "/accounts/end-oto", **form).text
        assert find_state(index, "end-oto") == "active"
        done = send(ona, "/accounts/end-oto", **form, confirm="1")
        assert done.headers["location"] == "/accounts?done=ended"
        assert find_state(index, "end-oto") == "ended"
        assert send(ona, "/accounts/end-oto", **form, confirm="1").status_code == 404
        assert "This account has ended already" in ona.get("/accounts/end-oto/end").text


def test_an_operator_cannot_end_themselves_by_any_form(acting, index):
    with acting("self-ona") as ona:
        assert "Another operator has to change it" in ona.get("/accounts/self-ona").text
        assert '<button class="danger"' not in ona.get("/accounts/self-ona/end").text
        for form in (
            {"do": "end", "confirm": "1", "version": "x"},
            {"do": "change", "role": "analyst", "which": "all", "version": "x"},
            {"do": "password", "version": "x"},
        ):
            answer = send(ona, "/accounts/self-ona", **form)
            assert answer.status_code == 409, form
            assert "your own account" in answer.text
    assert find_state(index, "self-ona") == "active"


def test_a_change_of_a_page_that_is_out_of_date_is_refused(acting, index):
    add_person(index, "late-oto", Role.OPERATOR)
    with acting("late-ona") as ona:
        version = version_on(ona.get("/accounts/late-oto"))
        assert secret_on(send(ona, "/accounts/late-oto", do="password", version=version))
        again = send(ona, "/accounts/late-oto", do="password", version=version)
        assert again.status_code == 412
        assert "nothing was done" in again.text
        assert 'id="secret"' not in again.text


def test_forged_forms_and_other_roles_change_nothing(acting, site):
    index, url = site
    add_person(index, "safe-oto", Role.OPERATOR)
    form = {"do": "end", "confirm": "1", "version": "x"}
    with acting("forged-ona") as ona:
        assert ona.post("/accounts/safe-oto", data=form).status_code == 400
        other_site = {"Sec-Fetch-Site": "cross-site"}
        assert (
            ona.post("/accounts/safe-oto", data={"csrf": ona.csrf, **form}, headers=other_site).status_code
            == 400
        )
        for wrong in ({"do": "own"}, {"do": "change", "role": "king", "which": "all", "version": "x"}):
            assert send(ona, "/accounts/safe-oto", **wrong).status_code == 400
        assert send(ona, "/accounts/nobody", **form).status_code == 404
        assert send(ona, "/account-requests/9999", do="confirm").status_code in (403, 404)
    with acting("forged-sam", Role.STEWARD) as sam:
        for path in ("/accounts", "/accounts/safe-oto", "/accounts/safe-oto/end", "/account-requests"):
            assert sam.get(path).status_code == 403, path
        for path in ("/accounts", "/accounts/safe-oto", "/account-requests/1"):
            assert send(sam, path, **form).status_code == 403, path
    nobody = httpx.post(f"{url}/accounts/safe-oto", data=form, headers=SAME, verify=PLAIN)
    assert nobody.headers["location"].startswith("/sign-in")
    assert find_state(index, "safe-oto") == "active"


def test_the_page_of_an_account_lists_who_changed_it(acting, index):
    add_person(index, "log-oto", Role.OPERATOR)
    with acting("log-ona") as ona:
        page = ona.get("/accounts/log-oto")
        send(
            ona,
            "/accounts/log-oto",
            do="change",
            role="analyst",
            which="some",
            source="D01",
            version=version_on(page),
        )
        text = ona.get("/accounts/log-oto").text
    assert "role and sources changed" in text
    assert "sources: D01" in text
    assert "log-ona" in text
    end_account(index, OPERATOR, "log-oto")
