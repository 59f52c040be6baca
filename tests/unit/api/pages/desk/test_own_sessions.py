"""The page of a person's own sessions."""

import re
from contextlib import ExitStack

import pytest

from mpi.api.app import create_app
from tests.accounts import add_person, cheap_password_hashing
from tests.unit.api.live import serving
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser


@pytest.fixture(autouse=True, scope="module")
def _cheap_hashing():
    with cheap_password_hashing():
        yield


@pytest.fixture(scope="module")
def url(index):
    with serving(create_app(index)) as url:
        yield url


@pytest.fixture
def open_browsers(url, index):
    """Sign one person in with several browsers, which are closed in the end."""
    with ExitStack() as stack:

        def sign_in_all(name, count=3):
            add_person(index, name)
            browsers = [stack.enter_context(Browser(url)) for _ in range(count)]
            for browser in browsers:
                browser.timeout = 300
                assert browser.sign_in(name).status_code == 303
            return browsers

        yield sign_in_all


def send(browser, **fields):
    """Send the form of the page."""
    return browser.post("/sessions", data={"csrf": browser.csrf("/sessions"), **fields}, headers=SAME)


def test_the_page_lists_the_sessions_with_their_network_and_ends_one(open_browsers):
    first, second, third = open_browsers("lists")
    page = first.get("/sessions").text
    assert page.count("127.0.0.0/24") == 3
    assert page.count("this session") == 1
    assert not any(browser.cookies["mpi-sign-in"] in page for browser in (first, second, third))
    newest, middle = re.findall(r'name="session" value="([^"]+)"', page)
    answer = send(first, do="end", session=middle)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sessions")
    assert [browser.is_signed_in for browser in (first, second, third)] == [True, False, True]
    assert newest in first.get("/sessions").text
    assert send(first, do="end", session=middle).status_code == 404


def test_one_press_ends_all_other_sessions(open_browsers):
    first, second, third = open_browsers("ends-others")
    assert send(second, do="end-others").status_code == 303
    assert [browser.is_signed_in for browser in (first, second, third)] == [False, True, False]
    assert "End all other sessions" not in second.get("/sessions").text


def test_a_form_without_choice_or_from_another_site_ends_nothing(open_browsers):
    first, second = open_browsers("stays", 2)
    assert send(first).status_code in (400, 422)
    forged = {"csrf": second.csrf("/sessions"), "do": "end-others"}
    assert first.post("/sessions", data=forged, headers=SAME).status_code == 400
    foreign = {"csrf": first.csrf("/sessions"), "do": "end-others"}
    answer = first.post("/sessions", data=foreign, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 400
    assert second.is_signed_in
