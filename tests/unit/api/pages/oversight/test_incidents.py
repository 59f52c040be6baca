"""Pages of wrong links: who was told, corrections, confirmations, closing."""

import re
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer
from mpi.policy.cases.incident_clock import IncidentDays
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.sign_in import change_password, sign_in
from mpi.service.audit.incidents import list_incidents
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, load_rows, make_child, open_test_index, with_settings
from tests.pages.desk import PASSWORD
from tests.unit.api.live import serving
from tests.unit.api.pages.desk.test_sign_in import SAME

ROLES = {"pia": Role.PRIVACY_OFFICER, "ann": Role.AUDITOR, "stu": Role.STEWARD}
STEWARD = replace(OPERATOR, client="steward")
REGISTRY = Viewer("registry", "data_quality", frozenset({Action.PERSON_READ}), None)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index with a wrong link, of which one client was told."""
    with open_test_index(tmp_path_factory.mktemp("index"), "D01", "CCWIS") as new_index:
        load_rows(new_index, "D01", make_child("D-1"))
        load_rows(new_index, "CCWIS", make_child("C-1"))
        eid = look_up_crosswalk(new_index, OPERATOR, "D01", "D-1").enterprise_id
        look_up_person(new_index, REGISTRY, eid)
        parts = [[RecordRef("D01", "D-1")], [RecordRef("CCWIS", "C-1")]]
        split(new_index, OPERATOR, eid, parts, StepOptions("test"))
        for name, role in ROLES.items():
            add_account(new_index, OPERATOR, NewAccount(name, name.title(), role, None), PASSWORD)
        yield new_index


@pytest.fixture(scope="module")
def people(index):
    """A browser of each person, by name."""
    with serving(create_app(index)) as url, ExitStack() as stack:
        yield {name: stack.enter_context(enter(index, url, name)) for name in ROLES}


def enter(index, url, name):
    token = change_password(index, sign_in(index, name, PASSWORD), PASSWORD, f"{PASSWORD} {name}")
    return httpx.Client(base_url=url, timeout=60, cookies={"mpi-sign-in": token})


def send(browser, path, /, **form):
    token = re.search(r'name="csrf" value="(\w+)"', browser.get(path).text)[1]
    return browser.post(path, data={"csrf": token, **form}, headers=SAME)


def test_an_officer_corrects_a_wrong_link_and_others_may_not(index, people):
    officer, auditor, steward = (people[name] for name in ROLES)
    [incident] = list_incidents(index, OPERATOR)
    path = f"/incidents/{incident.code}"
    assert incident.code in officer.get("/incidents").text
    assert 'href="/incidents"' in auditor.get("/ledger").text
    assert steward.get("/incidents").status_code == 403
    assert steward.get(path).status_code == 403
    shown = auditor.get(path)
    assert "registry" in shown.text
    assert "D-1" in shown.text
    assert 'value="send"' not in shown.text
    assert send(auditor, path, do="send").status_code == 403
    assert officer.get("/incidents/nonsense").status_code == 404

    assert send(officer, path, do="close", by="P. Officer", note="done").status_code == 409
    assert send(officer, path, do="send").status_code == 303
    assert send(officer, path, do="acknowledge", client="registry", by=" ").status_code == 400
    assert send(officer, path, do="acknowledge", client="nobody", by="R. Registrar").status_code == 404
    assert send(officer, path, do="acknowledge", client="registry", by="R. Registrar").status_code == 303
    assert "R. Registrar" in officer.get(path).text
    assert send(officer, path, do="close", by="P. Officer", note="Both were called").status_code == 303
    closed = officer.get(path).text
    assert "P. Officer" in closed
    assert 'name="do"' not in closed
    assert incident.code not in officer.get("/incidents").text
    assert incident.code in officer.get("/incidents?closed=1").text


def test_an_overdue_incident_is_marked_and_one_undone_says_by_whom(tmp_path):
    with open_test_index(tmp_path, "D01", "CCWIS") as index, ExitStack() as stack:
        load_rows(index, "D01", make_child("D-1"))
        load_rows(index, "CCWIS", make_child("C-1"))
        add_account(index, OPERATOR, NewAccount("pia", "Pia", Role.PRIVACY_OFFICER, None), PASSWORD)
        strict = with_settings(index, incident_days=IncidentDays(send=0, acknowledge=0))
        url = stack.enter_context(serving(create_app(strict)))
        officer = stack.enter_context(enter(index, url, "pia"))
        eid = look_up_crosswalk(index, STEWARD, "D01", "D-1").enterprise_id
        look_up_person(index, REGISTRY, eid)
        parts = [[RecordRef("D01", "D-1")], [RecordRef("CCWIS", "C-1")]]
        step = split(index, STEWARD, eid, parts, StepOptions("test")).step
        [incident] = list_incidents(index, OPERATOR)
        path = f"/incidents/{incident.code}"
        listed = officer.get("/incidents").text
        assert "0 days left" in listed
        assert "1 waiting for you" in listed
        assert "Corrections to be sent by" in officer.get(path).text
        assert send(officer, path, do="send").status_code == 303
        with clock.fixed_clock(clock.now() + timedelta(days=1)):
            officer.cookies["mpi-sign-in"] = sign_in(index, "pia", f"{PASSWORD} pia")
            assert "badge late" in officer.get("/incidents").text
            late = officer.get(path).text
            assert late.count("badge late") == 2
            assert "To be confirmed by" in late
        officer.cookies["mpi-sign-in"] = sign_in(index, "pia", f"{PASSWORD} pia")

        undo_step(index, STEWARD, step)
        shown = officer.get(path).text
        assert "The separation was undone by steward" in shown
        assert "withdrawn on" in shown
        [reversal] = list_incidents(index, OPERATOR)
        followed = officer.get(f"/incidents/{reversal.code}").text
        assert path in followed
        assert 'value="acknowledge"' in followed
        assert reversal.code in officer.get("/incidents").text


def test_an_incident_of_a_undone_separation_offers_to_close_it_alone(tmp_path):
    with open_test_index(tmp_path, "D01", "CCWIS") as index, ExitStack() as stack:
        load_rows(index, "D01", make_child("D-1"))
        load_rows(index, "CCWIS", make_child("C-1"))
        add_account(index, OPERATOR, NewAccount("pia", "Pia", Role.PRIVACY_OFFICER, None), PASSWORD)
        officer = stack.enter_context(enter(index, stack.enter_context(serving(create_app(index))), "pia"))
        eid = look_up_crosswalk(index, STEWARD, "D01", "D-1").enterprise_id
        look_up_person(index, REGISTRY, eid)
        parts = [[RecordRef("D01", "D-1")], [RecordRef("CCWIS", "C-1")]]
        undo_step(index, STEWARD, split(index, STEWARD, eid, parts, StepOptions("test")).step)
        [incident] = list_incidents(index, OPERATOR)
        path = f"/incidents/{incident.code}"
        shown = officer.get(path).text
        assert 'value="close"' in shown
        assert 'value="send"' not in shown
        assert send(officer, path, do="send").status_code == 409
        assert send(officer, path, do="close", by="P. Officer", note="a slip").status_code == 303


def test_the_ledger_says_what_a_link_told(people):
    auditor, steward = people["ann"], people["stu"]
    pair = {"source": "D01", "local_id": "D-1", "other_source": "CCWIS", "other_local_id": "C-1"}
    assert steward.get("/ledger/link").status_code == 403
    assert 'href="/ledger/link"' in auditor.get("/ledger").text
    page = send(auditor, "/ledger/link", **pair)
    assert page.status_code == 200
    assert "registry" in page.text
    assert "looked at a child" in page.text
    unknown = send(auditor, "/ledger/link", **{**pair, "local_id": "no-such"})
    assert unknown.status_code == 404
    assert "registry" not in unknown.text
    assert (
        send(auditor, "/ledger/link", **{**pair, "other_source": "D01", "other_local_id": "D-1"}).status_code
        == 400
    )
