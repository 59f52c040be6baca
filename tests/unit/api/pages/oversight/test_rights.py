"""Pages of rights cases and of retention: two people, one report to print, no child in an address."""

import re
from contextlib import ExitStack

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.policy.cases.subject_rights import Inspection
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.sign_in import change_password, sign_in
from mpi.service.records.upsert import upsert
from mpi.service.rights.source_rules import set_rule
from tests.index import OPERATOR, make_child, open_test_index
from tests.pages.desk import PASSWORD
from tests.unit.api.live import PLAIN, serving
from tests.unit.api.pages.desk.test_sign_in import SAME

ACTIONS = {"max": ("rights.manage",), "rae": ("rights.decide",), "hal": ("rights.decide",), "ola": ()}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index with an account for each right, and one without."""
    with open_test_index(tmp_path_factory.mktemp("index"), "D01", "CCWIS") as new_index:
        set_rule(new_index, OPERATOR, "D01", inspection=Inspection.LINKED, citation="FERPA")
        upsert(new_index, OPERATOR, "D01", make_child("case-17", first_name="Zebulonia", grade="05"))
        upsert(new_index, OPERATOR, "CCWIS", make_child("C-17", first_name="Zebulonia"))
        for name, actions in ACTIONS.items():
            account = NewAccount(name, f"{name.title()} Owner", Role.SOURCE_OWNER, ("D01",))
            add_account(new_index, OPERATOR, account, PASSWORD)
            if actions:
                grant_actions(new_index, OPERATOR, name, actions)
        yield new_index


@pytest.fixture(scope="module")
def people(index):
    """A browser of each person, by name."""
    with serving(create_app(index)) as url, ExitStack() as stack:
        yield {name: stack.enter_context(enter(index, url, name)) for name in ACTIONS}


def enter(index, url, name):
    token = change_password(index, sign_in(index, name, PASSWORD), PASSWORD, f"{PASSWORD} {name}")
    return httpx.Client(base_url=url, timeout=60, verify=PLAIN, cookies={"mpi-sign-in": token})


def send(client, path, **form):
    token = re.search(r'name="csrf" value="(\w+)"', client.get(path).text)[1]
    return client.post(path, data={"csrf": token, **form}, headers=SAME)


def opened(people, **changes):
    form = {
        "source": "D01", "local_id": "case-17", "kind": "inspect", "relation": "parent",
        "identification": "photo_id", "identified_by": "R. Registrar", "reference": "SR-2026-17",
        "received": clock.today(), "owner": "Records office", **changes,
    }  # fmt: skip
    answer = send(people["max"], "/rights", **form)
    assert answer.status_code == 303, answer.text
    assert "case-17" not in answer.headers["location"]
    return answer.headers["location"].partition("?")[0]


def test_a_report_is_released_by_another_person_and_tells_of_no_hidden_record(people):
    path = opened(people)
    assert 'value="release"' not in people["max"].get(path).text
    form = {"do": "release", "name": "P. Officer"}
    missing = send(people["rae"], path, **form)
    assert (missing.status_code, "attest" in missing.text) == (409, True)
    page = send(people["rae"], path, **form, check=["identity", "rights", "protection"])
    assert page.status_code == 200
    assert "Zebulonia" in page.text
    assert "C-17" not in page.text
    assert "CCWIS" not in page.text
    assert "released" in people["max"].get("/rights").text


def test_a_change_goes_over_refusal_and_hearing_to_a_statement(people):
    path = opened(people, kind="amend", field="grade", wanted="06")
    assert send(people["rae"], path, do="refuse", reason="not_inaccurate", name="P").status_code == 303
    assert "You may ask for a hearing" in people["max"].get(path).text
    assert send(people["max"], path, do="hearing").status_code == 303
    assert send(people["hal"], path, do="uphold", name="H. Officer").status_code == 303
    assert send(people["max"], path, do="attach", statement="It is <wrong>.").status_code == 303
    assert "It is &lt;wrong&gt;." in people["max"].get(path).text


def test_a_faulty_form_shows_what_is_wrong_and_keeps_the_text(people):
    form = {"source": "D01", "local_id": "case-17", "kind": "inspect", "owner": "Desk of records"}
    answer = send(people["max"], "/rights", **form)
    assert (answer.status_code, "Desk of records" in answer.text) == (400, True)


def test_an_error_leads_to_the_field_of_the_form_that_was_sent(people):
    path = opened(people, reference="SR-2026-18")
    for form in (
        {"do": "release", "check": ["identity", "rights", "protection"]},
        {"do": "refuse", "reason": "other"},
    ):
        page = send(people["rae"], path, **form).text
        target = f"{form['do']}-name"
        assert f'href="#{target}"' in page
        assert f'id="{target}"' in page


def test_only_who_was_granted_the_right_sees_the_pages(people):
    for path in ("/rights", "/retention"):
        assert people["ola"].get(path).status_code == 403
        assert people["rae"].get(path).status_code == 200


def test_a_hold_stops_a_destruction_until_it_is_lifted(people, index):
    set_rule(index, OPERATOR, "D01", retention_days=36_000, retention_begins="last_sent")
    form = {
        "do": "hold",
        "source": "D01",
        "reference": "LH-2026-3",
        "reason": "lawsuit",
        "name": "C. Counsel",
    }
    assert send(people["max"], "/retention", **form).status_code == 303
    page = people["rae"].get("/retention").text
    assert "LH-2026-3" in page
    code = re.search(r'name="hold" value="(\w+)"', page)[1]
    nameless = send(people["rae"], "/retention", do="lift", hold=code, reason="over").text
    assert f'href="#lift-name-{code}"' in nameless
    assert f'id="lift-name-{code}"' in nameless
    assert send(people["rae"], "/retention", do="lift", hold=code, reason="over", name="C").status_code == 303
    assert send(people["max"], "/retention", do="plan", source="D01").status_code == 409
