"""The page of the second person for seals: what it tells, and what it asks for."""

import re

import httpx
import pytest

from mpi.api.app import create_app
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.unseal_requests import request_unseals
from tests.index import OPERATOR, make_child
from tests.unit.api.live import PLAIN, serving
from tests.unit.api.pages.desk.test_sign_in import SAME

CHILD = make_child("case-17", first_name="Zebulonia")


@pytest.fixture
def officer(fresh_index):
    upsert(fresh_index, OPERATOR, "D01", CHILD)
    upsert(fresh_index, OPERATOR, "D01", {**CHILD, "restrictions": [{"kind": "sealed"}]})
    request_unseals(fresh_index, OPERATOR, "D01", ["case-17"], "26-JV-0412")
    upsert(fresh_index, OPERATOR, "D01", make_child("2", first_name="Ottoline"))
    upsert(
        fresh_index,
        OPERATOR,
        "D01",
        {**make_child("2", first_name="Ottoline"), "restrictions": [{"kind": "expunged"}]},
    )
    with (
        serving(create_app(fresh_index, open_pages=True)) as url,
        httpx.Client(
            base_url=url, timeout=30, verify=PLAIN, cookies={"mpi-acting-as": "privacy-officer"}
        ) as client,
    ):
        yield client


def send(client, kind="unseal", local_id="case-17", **fields):
    token = re.search(r'name="csrf" value="(\w+)"', client.get("/seals").text)[1]
    form = {
        "csrf": token,
        "kind": kind,
        "source": "D01",
        "local_id": local_id,
        "reason": "order read",
        **fields,
    }
    return client.post("/seals", data=form, headers=SAME)


def test_the_page_names_system_order_and_asker_and_nothing_of_the_record(officer):
    page = officer.get("/seals").text
    for text in (
        "Lift a seal",
        "Destroy a record",
        "case-17",
        "26-JV-0412",
        "operator",
        "Until then it is sealed",
    ):
        assert text in page
    for name in ("Zebulonia", "Ottoline"):
        assert name not in page
    assert 'href="/seals"' in officer.get("/ledger").text


def test_an_approval_lifts_the_seal_and_is_listed_with_its_reason(officer, fresh_index):
    answer = send(officer, do="approve")
    assert answer.headers["location"] == "/seals?done=unseal_approved"
    assert look_up_crosswalk(fresh_index, OPERATOR, "D01", "case-17").enterprise_id
    page = officer.get("/seals?done=unseal_approved").text
    for text in ("The seal is lifted", "approved", "order read"):
        assert text in page
    assert "case-17" not in page
    assert send(officer, do="approve").status_code == 404


def test_a_record_is_destroyed_only_after_a_confirmation(officer):
    refused = send(officer, "expunge", "2", do="approve", reason="court order")
    assert (refused.status_code, "destroyed for good" in refused.text) == (400, True)
    assert 'value="court order"' in refused.text
    assert (
        send(officer, "expunge", "2", do="approve", confirm="1")
        .headers["location"]
        .endswith("expunge_approved")
    )
    assert send(officer, "expunge", "2", do="approve", confirm="1").status_code == 404


def test_a_refusal_needs_a_reason(officer):
    assert send(officer, do="refuse", reason=" ").status_code == 400
    assert send(officer, do="refuse", reason="x" * 500).status_code == 400
    assert send(officer, do="refuse").headers["location"] == "/seals?done=unseal_refused"


def test_a_form_that_names_no_answer_does_nothing(officer):
    for kind, do in (("unseal", "fly"), ("merge", "approve"), ("", "approve")):
        assert send(officer, kind, do=do).status_code == 400


def test_who_was_not_granted_it_by_name_opens_no_page(officer):
    token = re.search(r'name="csrf" value="(\w+)"', officer.get("/seals").text)[1]
    for role in ("steward", "approver", "operator", "auditor", "source-owner"):
        officer.cookies.set("mpi-acting-as", role)
        assert (role, officer.get("/seals").status_code) == (role, 403)
        form = {"csrf": token, "do": "approve"}
        assert officer.post("/seals", data=form, headers=SAME).status_code == 403
        assert 'href="/seals"' not in officer.get("/agreements").text
