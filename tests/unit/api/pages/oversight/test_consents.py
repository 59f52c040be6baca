"""Page of consents: what is on the paper goes in, and nothing of the child into an address."""

import re
from dataclasses import replace
from datetime import date, timedelta

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.policy.parties import Party, PartyKind
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.sign_in import change_password, sign_in
from mpi.service.agreements.register import approve_version, propose_version, suspend_agreement
from mpi.service.legal.disclosure_consents import list_consents
from mpi.service.records.upsert import upsert
from tests.agreements import change_grant
from tests.index import OPERATOR, SECOND_PERSON, make_child
from tests.pages.desk import PASSWORD
from tests.unit.api.live import PLAIN, serving
from tests.unit.api.pages.desk.test_sign_in import SAME

CHILD = make_child("case-17", first_name="Zebulonia")


@pytest.fixture
def index(fresh_index):
    upsert(fresh_index, OPERATOR, "D01", CHILD)
    upsert(fresh_index, OPERATOR, "CCWIS", make_child("C-1", first_name="Ottoline"))
    parties = (
        Party("district", "District", PartyKind.EDUCATION, frozenset({"D01"})),
        Party("agency", "Child Agency", PartyKind.CHILD_WELFARE),
    )
    dsa = change_grant(legal_basis="consent", population="all")
    propose_version(
        fresh_index, OPERATOR, replace(dsa, parties=parties, owners=(), begins=date(2020, 1, 1), ends=None)
    )
    approve_version(fresh_index, SECOND_PERSON, "dsa-1")
    for name, actions in (("max", ["consent.record"]), ("ola", [])):
        account = NewAccount(name, f"{name.title()} Owner", Role.SOURCE_OWNER, ("D01",))
        add_account(fresh_index, OPERATOR, account, PASSWORD)
        if actions:
            grant_actions(fresh_index, OPERATOR, name, actions)
    return fresh_index


@pytest.fixture
def enter(index):
    with serving(create_app(index)) as url:
        clients = []

        def enter(name):
            token = change_password(index, sign_in(index, name, PASSWORD), PASSWORD, f"{PASSWORD} {name}")
            clients.append(
                httpx.Client(base_url=url, timeout=30, verify=PLAIN, cookies={"mpi-sign-in": token})
            )
            return clients[-1]

        yield enter
        for client in clients:
            client.close()


def send(client, **form):
    token = re.search(r'name="csrf" value="(\w+)"', client.get("/consents").text)[1]
    form = {"csrf": token, "source": "D01", "local_id": "case-17", **form}
    return client.post("/consents", data=form, headers=SAME)


def read_main(page) -> str:
    """Return what a page says, without the time of day."""
    main = re.search(r"<main.*</main>", page.text, re.DOTALL)[0]
    return re.sub(r"(?s)<time.*?</time>", "", main)


def record(client, **changes):
    form = {
        "do": "record", "agreement": "dsa-1", "recipient": "agency", "purpose": ["transport"],
        "field": ["grade"], "signer": "parent", "signed": clock.today(),
        "ends": (clock.now().date() + timedelta(days=30)).isoformat(), "reference": "CF-2026-0417", **changes,
    }  # fmt: skip
    return send(client, **form)


def test_a_consent_is_recorded_listed_and_revoked(enter):
    clerk = enter("max")
    assert "There is no consent about this record." in send(clerk, do="find").text
    done = record(clerk)
    assert done.status_code == 303
    assert "case-17" not in done.headers["location"]
    page = clerk.get(done.headers["location"])
    for text in (
        "The consent is recorded.",
        "CF-2026-0417",
        "in force",
        "Zebulonia",
        "a parent or legal caregiver",
    ):
        assert text in page.text
    code = re.search(r'name="code" value="(\w+)"', page.text)[1]
    wrong = send(clerk, do="revoke", code=code, reference="CF-1")
    assert (wrong.status_code, "another paper" in wrong.text) == (400, True)
    done = send(clerk, do="revoke", code=code, reference="CF-2026-0417")
    assert done.status_code == 303
    revoked = clerk.get(done.headers["location"]).text
    assert "The consent is revoked." in revoked
    assert 'name="code"' not in revoked
    assert send(clerk, do="revoke", code=code, reference="CF-2026-0417").status_code == 409


def test_a_consent_that_is_sent_twice_is_recorded_once_until_it_is_revoked(enter, index):
    clerk = enter("max")
    first, again = record(clerk), record(clerk)
    assert first.headers["location"] == again.headers["location"]
    assert len(list_consents(index, OPERATOR, "D01", "case-17")) == 1
    assert record(clerk, signer="student").headers["location"] != first.headers["location"]
    code = re.search(r"code=(\w+)", first.headers["location"])[1]
    send(clerk, do="revoke", code=code, reference="CF-2026-0417")
    assert record(clerk).headers["location"] != first.headers["location"]
    assert len(list_consents(index, OPERATOR, "D01", "case-17")) == 3


def test_the_code_of_a_consent_shows_nothing_of_a_sealed_record(enter, index):
    clerk = enter("max")
    path = record(clerk).headers["location"]
    code = re.search(r"code=(\w+)", path)[1]
    upsert(index, OPERATOR, "D01", {**CHILD, "restrictions": [{"kind": "sealed"}]})
    hidden, unknown = clerk.get(f"/consents?code={code}"), clerk.get("/consents?code=0123456789ab")
    assert (hidden.status_code, unknown.status_code) == (404, 404)
    assert read_main(hidden) == read_main(unknown)
    assert "CF-2026-0417" not in hidden.text


def test_the_form_offers_what_an_agreement_rests_on_consent_for(enter, index):
    clerk = enter("max")
    page = clerk.get("/consents").text
    for text in ("Child Agency", 'value="transport"', 'value="grade"'):
        assert text in page
    assert 'value="first_name"' not in page
    suspend_agreement(index, OPERATOR, "dsa-1", "breach")
    assert "Child Agency" not in clerk.get("/consents").text


def test_a_form_with_faults_records_nothing_and_keeps_what_was_typed(enter):
    clerk = enter("max")
    for changes in (
        {"signed": "soon"}, {"ends": "2001-01-01"}, {"purpose": []}, {"field": ["first_name"]},
        {"signer": "nobody"}, {"reference": "no number"}, {"local_id": "nobody-1"}, {"source": "CCWIS"},
        {"recipient": "elsewhere"}, {"agreement": "nothing"}, {"do": "burn"}, {"local_id": "x" * 300},
    ):  # fmt: skip
        answer = record(clerk, **changes)
        assert (changes, answer.status_code in (400, 403, 404, 422)) == (changes, True)
    assert 'value="CF-2026-0417"' in record(clerk, signed="soon").text
    assert "There is no consent about this record." in send(clerk, do="find").text


def test_a_sealed_record_is_answered_like_one_that_does_not_exist(enter, index):
    clerk = enter("max")
    record(clerk)
    upsert(index, OPERATOR, "D01", {**CHILD, "restrictions": [{"kind": "sealed"}]})
    hidden, unknown = send(clerk, do="find"), send(clerk, do="find", local_id="nobody-1")
    assert (hidden.status_code, unknown.status_code) == (404, 404)
    assert read_main(hidden).replace("case-17", "nobody-1") == read_main(unknown)
    assert "CF-2026-0417" not in hidden.text


def test_who_may_not_record_consents_sees_no_page(enter):
    other = enter("ola")
    assert other.get("/consents").status_code == 403
    assert 'href="/consents"' not in other.get("/asked").text
    assert send_blindly(other).status_code == 403


def send_blindly(client):
    token = re.search(r'name="csrf" value="(\w+)"', client.get("/asked").text)[1]
    form = {"csrf": token, "do": "find", "source": "D01", "local_id": "case-17"}
    return client.post("/consents", data=form, headers=SAME)
