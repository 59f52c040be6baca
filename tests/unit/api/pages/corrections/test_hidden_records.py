"""Corrections by a steward of one source: no page tells what another agency holds."""

import re

import pytest

from mpi.api.app import create_app
from mpi.domain.roles import Role
from tests.accounts import cheap_password_hashing
from tests.unit.api.live import serving
from tests.unit.api.pages.corrections.conftest import LINA, MARLON, put, read_hidden_fields
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser, sign_in_new_account

UNKNOWN = "T7K3-M92Q-X0HN"


@pytest.fixture
def district(fresh_index):
    """Browser of a steward who may see the source D01 alone."""
    with cheap_password_hashing(), serving(create_app(fresh_index)) as url, Browser(url) as browser:
        yield sign_in_new_account(browser, fresh_index, "dana", Role.STEWARD, ["D01"])


def send(browser, path, **form):
    return browser.post(path, data={"csrf": browser.csrf("/find"), **form}, headers=SAME)


def test_a_child_of_another_agency_is_answered_as_an_unknown_one(fresh_index, district):
    lina = put(fresh_index, "D01", "lina-1", **LINA)
    put(fresh_index, "D01", "lina-9", **LINA)
    marlon = put(fresh_index, "CCWIS", "marlon-1", **MARLON)
    for path in (f"/people/{lina}/link?other=",):
        hidden, unknown = (district.get(path + eid) for eid in (marlon, UNKNOWN))
        assert hidden.status_code == unknown.status_code == 400
        assert hidden.text.replace(marlon, UNKNOWN) == unknown.text
    for path in ("/people/{}/link", "/people/{}/move"):
        assert district.get(path.format(marlon)).status_code == 404
    found = send(district, f"/people/{lina}/link", do="search", **MARLON)
    assert "No child matches" in found.text
    form = {"record": "D01\tlina-9", "reason": "twin", "etag": "x"}
    answers = [send(district, f"/people/{lina}/move", **form, to=eid).text for eid in (marlon, UNKNOWN)]
    pages = [re.sub(r'name="once" value="[^"]*"', "", text) for text in answers]
    assert pages[0].replace(marlon, UNKNOWN) == pages[1]


def test_pages_and_previews_are_those_of_an_index_without_the_other_agencies(fresh_index, district):
    lina = put(fresh_index, "D01", "lina-1", **LINA)
    marlon = put(fresh_index, "D01", "marlon-1", **MARLON)

    def read():
        pages = [district.get(f"/people/{lina}/link?other={marlon}").text]
        fields = read_hidden_fields(pages[0])
        pages.append(send(district, f"/people/{lina}/link", **fields, reason="typo").text)
        return [re.sub(r'name="once" value="[^"]*"', "", page) for page in pages]

    before = read()
    assert "What would change" in before[1]
    assert put(fresh_index, "CCWIS", "lina-2", **LINA, phone="614-555-0123") == lina
    assert put(fresh_index, "CCWIS", "marlon-2", **MARLON) == marlon
    assert read() == before
