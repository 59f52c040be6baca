"""The clock of a session that a page shows, and its extension."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import mpi.api
from mpi.api.app import create_app
from mpi.domain import clock
from tests.accounts import add_person, cheap_password_hashing
from tests.unit.api.live import serving
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module")
def _cheap_hashing():
    with cheap_password_hashing():
        yield


@pytest.fixture
def ada(index, request):
    """A person who signed in at 9:00, at a site whose clock the test sets with ``at``."""
    name = re.sub(r"\W", "-", request.node.name)[:40].lower()
    with serving(create_app(index)) as url, Browser(url) as browser:
        with at(0):
            assert browser.sign_in(add_person(index, name)).status_code == 303
        yield browser


def at(minutes):
    """Set the clock of the site to some minutes after the sign-in."""
    return clock.set_clock(lambda: START + timedelta(minutes=minutes))


def read_page(browser, path="/change-password"):
    """Return what the body of a page tells its script."""
    return dict(
        re.findall(r' data-([a-z-]+)="([^"]*)"', re.search(r"<body[^>]*>", browser.get(path).text)[0])
    )


def extend(browser, token):
    return browser.post("/session", data={"csrf": token}, headers=SAME)


def test_a_page_tells_how_long_its_session_lasts(ada):
    with at(0):
        page = read_page(ada)
    assert (page["ends-in"], page["warn-before"], page["page"]) == ("1800", "150", "/change-password")
    with at(0.5):
        assert read_page(ada)["ends-in"] == "1800", "rounded up to a minute"
    with at(10):
        assert read_page(ada)["ends-in"] == "1800"


def test_the_end_of_the_longest_session_is_told(ada):
    for minutes in range(0, 12 * 60, 20):
        with at(minutes):
            page = read_page(ada)
    assert page["ends-in"] == "1200"


def test_a_press_extends_the_session_and_tells_the_new_end(ada):
    with at(0):
        token = ada.csrf()
    with at(29):
        answer = extend(ada, token)
    assert answer.json() == {"seconds_left": 1800, "can_extend": True}
    assert answer.headers["cache-control"] == "no-store"
    with at(58):
        assert ada.is_signed_in


def test_nothing_extends_a_session_that_ended(ada):
    with at(0):
        token = ada.csrf()
    with at(31):
        answer = extend(ada, token)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in")
        assert not ada.is_signed_in


def test_another_site_cannot_extend_a_session(ada):
    with at(0):
        token = ada.csrf()
        assert (
            ada.post("/session", data={"csrf": token}, headers={"Sec-Fetch-Site": "cross-site"}).status_code
            == 400
        )
        assert extend(ada, "0" * 32).status_code == 400


def test_the_key_of_what_was_typed_is_that_of_the_person_alone(ada, index):
    with at(0):
        key = read_page(ada)["draft-key"]
        assert re.fullmatch(r"[0-9a-f]{32}", key)
        ada.post("/sign-out", data={"csrf": ada.csrf()}, headers=SAME)
        assert key not in ada.get("/sign-in").text
        name = add_person(index, "key-of-another")
        ada.sign_in(name)
        other_key = read_page(ada)["draft-key"]
        ada.post("/sign-out", data={"csrf": ada.csrf()}, headers=SAME)
        ada.sign_in(name)
        assert read_page(ada)["draft-key"] == other_key != key


def test_pages_without_sign_in_have_no_end(index):
    with serving(create_app(index, open_pages=True)) as url, Browser(url) as browser:
        assert "data-ends-in" not in browser.get("/").text
        assert browser.post("/session").status_code == 404


def test_a_page_that_looks_again_by_itself_does_not_lengthen_the_session(ada):
    look = {"x-mpi-look": "1"}
    for minutes in (5, 15, 25):
        with at(minutes):
            assert ada.get("/change-password", headers=look).status_code == 200
    with at(31):
        assert ada.get("/change-password", headers=look).status_code == 303
        assert ada.get("/change-password").status_code == 303


def test_a_form_with_the_mark_of_a_look_is_an_act_of_the_person(ada):
    with at(20):
        token = re.search(r'name="csrf" value="([^"]+)"', ada.get("/change-password").text)[1]
    with at(40):
        assert ada.post("/session", data={"csrf": token}, headers={**SAME, "x-mpi-look": "1"}).is_success
    with at(69):
        assert ada.get("/change-password").status_code == 200


@pytest.mark.parametrize("name", ["register", "link", "move", "consents", "subpoenas", "find"])
def test_forms_that_search_or_hold_local_ids_are_kept_in_no_draft(name):
    template = (Path(mpi.api.__file__).parent / "templates" / f"{name}.html").read_text("utf-8")
    forms = re.findall(r'<form [^>]*method="post"(?:[^>"]|"[^"]*")*>', template)
    assert forms
    assert [form for form in forms if "data-no-draft" not in form] == []
