"""The page of one-time codes, and signing in with them, without scripts."""

import re
from contextlib import ExitStack

import pyotp
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.service.access.own_account.second_factor import STEP_S
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import with_settings
from tests.unit.api.live import serving
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser


@pytest.fixture(autouse=True, scope="module")
def _cheap_hashing():
    with cheap_password_hashing():
        yield


@pytest.fixture(scope="module")
def url(index):
    careful = with_settings(index, second_factor_roles=frozenset({Role.APPROVER}))
    with serving(create_app(careful)) as url:
        yield url


@pytest.fixture
def open_browser(url, manual_clock):
    """Return a function that opens a browser; the clock stands, so that codes stay the same."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Browser(url))


def send(browser, **fields):
    """Send the form of the page."""
    data = {"csrf": browser.csrf("/second-factor"), "password": PASSWORD, **fields}
    return browser.post("/second-factor", data=data, headers=SAME)


def code_of(page: str, steps: int = 0) -> str:
    """Return a code of the key that a page shows."""
    secret = re.search(r"<code>([A-Z2-7]{32})</code>", page)[1]
    return pyotp.TOTP(secret).at(int(clock.now().timestamp()) + steps * STEP_S)


def test_a_person_sets_up_codes_and_signs_in_with_one(open_browser, index):
    add_person(index, "codes-1")
    browser = open_browser()
    browser.sign_in("codes-1")
    page = browser.get("/second-factor").text
    assert 'class="segno"' in page
    assert "<script" not in page[page.index("<main") :]
    wrong = send(browser, do="add", code="000000")
    assert (wrong.status_code, "the code is wrong" in wrong.text) == (400, True)
    assert send(browser, do="add", code=code_of(page), password="wrong").status_code == 403
    answer = send(browser, do="add", code=code_of(page))
    recovery_codes = re.findall(r"<li><code>([0-9a-z-]{17})</code>", answer.text)
    assert (answer.status_code, len(recovery_codes)) == (200, 10)
    assert answer.headers["cache-control"] == "no-store"
    later = browser.get("/second-factor").text
    assert not any(each in later for each in recovery_codes)
    assert "segno" not in later
    other = open_browser()
    assert other.sign_in("codes-1").status_code == 403
    assert other.sign_in("codes-1", code=code_of(page)).status_code == 403
    assert not other.is_signed_in
    assert other.sign_in("codes-1", code=code_of(page, steps=1)).status_code == 303
    other = open_browser()
    assert other.sign_in("codes-1", code=recovery_codes[0]).status_code == 303
    assert send(other, do="remove", code=recovery_codes[0]).status_code == 403
    assert send(other, do="remove", code=recovery_codes[1]).status_code == 303
    assert other.is_signed_in
    assert code_of(other.get("/second-factor").text) != code_of(page)
    assert open_browser().sign_in("codes-1").status_code == 303


def test_a_person_who_needs_codes_is_led_to_the_page_and_nowhere_else(open_browser, index):
    add_person(index, "codes-2", Role.APPROVER)
    browser = open_browser()
    browser.sign_in("codes-2")
    for path in ("/", "/queue", "/sessions", "/account-requests"):
        answer = browser.get(path)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/second-factor")
    page = browser.get("/second-factor").text
    assert send(browser, do="add", code=code_of(page)).status_code == 200
    assert browser.get("/").status_code == 200


def test_a_form_of_another_session_sets_up_nothing(open_browser, index):
    add_person(index, "codes-3")
    browser, attacker = open_browser(), open_browser()
    browser.sign_in("codes-3")
    add_person(index, "codes-4")
    attacker.sign_in("codes-4")
    form = {"csrf": attacker.csrf("/second-factor"), "do": "add", "code": "000000", "password": PASSWORD}
    assert browser.post("/second-factor", data=form, headers=SAME).status_code == 400
    foreign = {**form, "csrf": browser.csrf("/second-factor")}
    answer = browser.post("/second-factor", data=foreign, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 400
