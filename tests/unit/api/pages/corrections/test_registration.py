"""The page that registers a child: check, choice, and what its reader may see."""

import re

import pytest

from mpi.api.app import create_app
from mpi.domain.errors import InputError
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_rights import grant_actions
from tests.accounts import add_person, cheap_password_hashing
from tests.index import OPERATOR, crosswalk
from tests.unit.api.live import serving
from tests.unit.api.pages.corrections.conftest import LINA, MARLON, put, read_hidden_fields
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser

RECORD = {"source": "D01", "local_id": "desk-1", **LINA}


@pytest.fixture
def registrar(fresh_index):
    """Browser of a steward of D01 who may enter its records by hand."""
    with cheap_password_hashing(), serving(create_app(fresh_index)) as url, Browser(url) as browser:
        add_person(fresh_index, "rae", Role.STEWARD, ["D01"])
        grant_actions(fresh_index, OPERATOR, "rae", ["record.write"])
        assert browser.sign_in("rae").status_code == 303
        yield browser


def send(browser, **form):
    return browser.post("/register", data={"csrf": browser.csrf("/register"), **form}, headers=SAME)


def check(browser, **changes):
    """Check a record; return the page and the form that saves it."""
    record = {**RECORD, **changes}
    shown = send(browser, **record, do="check")
    return shown, {**record, **read_hidden_fields(shown.text), "confirm": "1"}


def test_a_new_child_is_registered_after_a_check_that_finds_nobody(fresh_index, registrar):
    assert 'href="/register"' in registrar.get("/").text
    shown, save = check(registrar)
    assert "No child that you may see matches" in shown.text
    assert ("D01", "desk-1") not in crosswalk(fresh_index)
    done = send(registrar, **save)
    eid = crosswalk(fresh_index)["D01", "desk-1"]
    assert done.headers["location"] == f"/people/{eid}?done=registered"
    assert "Lina Quarterly" in registrar.get(done.headers["location"]).text
    assert "Lina" not in str(shown.url)


def test_the_record_is_saved_as_one_of_the_same_child(fresh_index, registrar):
    eid = put(fresh_index, "D01", "lina-1", **LINA)
    shown, save = check(registrar, first_name="Linda")
    assert "This may be an existing child" in shown.text
    assert "The same child: Lina Quarterly" in shown.text
    assert send(registrar, **save, whose=eid).status_code == 303
    assert crosswalk(fresh_index)["D01", "desk-1"] == eid


def test_a_new_child_beside_a_likely_one_needs_a_reason(fresh_index, registrar):
    eid = put(fresh_index, "D01", "lina-1", **LINA)
    _, save = check(registrar)
    for choice, text in (({}, "Choose whose record it is"), ({"whose": "new"}, "say why")):
        answer = send(registrar, **save, **choice)
        assert answer.status_code == 400
        assert text in answer.text
        assert 'value="Lina"' in answer.text
    assert send(registrar, **save, whose="new", reason="namesake").status_code == 303
    assert crosswalk(fresh_index)["D01", "desk-1"] != eid


def test_a_registered_record_is_updated_instead(fresh_index, registrar):
    _, save = check(registrar)
    send(registrar, **save)
    shown, save = check(registrar, local_id="desk-2", middle_name="Rosamund")
    assert "Already registered: update record desk-1 of Lina Quarterly" in shown.text
    assert send(registrar, **save, whose="D01\tdesk-1").status_code == 303
    assert ("D01", "desk-2") not in crosswalk(fresh_index)
    eid = crosswalk(fresh_index)["D01", "desk-1"]
    assert "Rosamund" in registrar.get(f"/people/{eid}").text


def test_two_registrars_do_not_overwrite_each_other(fresh_index, registrar):
    put(fresh_index, "D01", "lina-1", **LINA)
    _, first = check(registrar, middle_name="Rosamund")
    _, second = check(registrar, middle_name="Philippa")
    assert send(registrar, **first, whose="D01\tlina-1").status_code == 303
    stale = send(registrar, **second, whose="D01\tlina-1")
    assert stale.status_code == 412
    assert "has changed since it was read" in stale.text
    assert "Already registered: update record lina-1" in stale.text
    again = {**second, **read_hidden_fields(stale.text)}
    assert send(registrar, **again, whose="D01\tlina-1").status_code == 303


def test_only_an_offered_record_is_updated(fresh_index, registrar):
    put(fresh_index, "D01", "lina-1", **LINA)
    put(fresh_index, "D01", "marlon-1", **MARLON)
    _, save = check(registrar)
    assert send(registrar, **save, whose="D01\tmarlon-1").status_code == 412
    [offered] = save["offered"]
    forged = {**save, "offered": [offered.replace("lina-1", "marlon-1")]}
    assert send(registrar, **forged, whose="D01\tmarlon-1").status_code == 400


def test_a_record_that_was_changed_after_the_check_is_checked_again(fresh_index, registrar):
    _, save = check(registrar)
    answer = send(registrar, **{**save, "last_name": "Overbrook"})
    assert answer.status_code == 400
    assert "You changed the record after the check" in answer.text
    assert ("D01", "desk-1") not in crosswalk(fresh_index)


def test_a_form_sent_twice_registers_once(fresh_index, registrar):
    _, save = check(registrar)
    first, second = (send(registrar, **save) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    other, _ = check(registrar)
    assert other.status_code == 409
    assert "has a record with this local ID" in other.text


def test_a_sealed_local_id_is_refused_on_the_form_like_one_in_use(fresh_index, registrar):
    put(fresh_index, "D01", "used", **MARLON)
    put(fresh_index, "D01", "sealed", **MARLON, restrictions=[{"kind": "sealed"}])
    _, save = check(registrar)
    put(fresh_index, "D01", "desk-1", **MARLON, restrictions=[{"kind": "sealed"}])
    checked = [check(registrar, local_id=local_id)[0] for local_id in ("used", "sealed")]
    pages = [*checked, send(registrar, **save)]
    for page in pages:
        assert page.status_code == 409
        assert "nothing was saved" in page.text
    assert pages[0].text.replace("used", "sealed") == pages[1].text


def test_the_page_is_the_same_whether_or_not_another_agency_holds_the_child(fresh_index, registrar):
    before, _ = check(registrar, **MARLON)
    put(fresh_index, "CCWIS", "marlon-1", **MARLON)
    after, _ = check(registrar, **MARLON)
    once = re.compile(r'name="once" value="[^"]*"')
    assert once.sub("", before.text) == once.sub("", after.text)


def test_errors_stand_at_their_fields(registrar):
    for changes, field in (
        ({"local_id": ""}, "local_id"),
        ({"first_name": "", "birth_date": ""}, "first_name"),
    ):
        shown, _ = check(registrar, **changes)
        assert shown.status_code in (400, 422)
        assert f'href="#{field}"' in shown.text
    assert send(registrar, **{**RECORD, "source": "CCWIS"}).status_code == 403


def test_nobody_registers_without_being_granted_it(fresh_index):
    with cheap_password_hashing(), serving(create_app(fresh_index)) as url, Browser(url) as browser:
        add_person(fresh_index, "sam", Role.STEWARD, ["D01"])
        browser.sign_in("sam")
        assert browser.get("/register").status_code == 403
        assert 'href="/register"' not in browser.get("/").text
        add_person(fresh_index, "all", Role.STEWARD)
        add_person(fresh_index, "cal", Role.CASEWORKER, ["CCWIS"])
        for name, text in (("all", "name the sources"), ("cal", "cannot look for")):
            with pytest.raises(InputError, match=text):
                grant_actions(fresh_index, OPERATOR, name, ["record.write"])
