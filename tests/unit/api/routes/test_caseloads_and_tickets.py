"""Caseloads are replaced, and tickets opened and closed, over the API."""

import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.viewer import Action
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, make_child, open_test_index
from tests.rosters import add_sources, put_child
from tests.unit.api.live import add_key, calling, problem

ROWS = "local_id,caseworker,name\nc1,cal,Cal Osei\nc9,cal,Cal Osei\n"
TICKETS = "/v1/sources/D01/tickets"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("routes")) as new_index:
        add_sources(new_index)
        put_child(new_index)
        child = make_child("1", first_name="Ana", last_name="Lopez", birth_date="2010-02-31")
        upsert(new_index, OPERATOR, "D01", child)
        yield new_index


@pytest.fixture(scope="module")
def client(index):
    with calling(create_app(index), add_key(index, "all")) as http_client:
        yield http_client


def test_a_caseload_is_replaced_and_unknown_children_are_named_by_line(client):
    first = client.post("/v1/sources/CCWIS/caseload", json={"csv": ROWS}).json()
    assert (first["begun"], first["unknown_lines"]) == (1, [3])
    again = client.post("/v1/sources/CCWIS/caseload", json={"csv": ROWS}).json()
    assert (again["begun"], again["unchanged"]) == (0, 1)
    problem(client.post("/v1/sources/D01/caseload", json={"csv": ROWS}), 400, "invalid-input")
    problem(client.post("/v1/sources/CCWIS/caseload", json={"csv": "name\n"}), 400, "invalid-input")


def test_items_of_children_are_stored_by_a_program(client):
    text = "local_id,as_of,contact_restriction\nc1,2026-01-05,yes\nc9,,no\n"
    first = client.post("/v1/sources/CCWIS/child-items", json={"csv": text}).json()
    assert (first["changed"], first["unknown_lines"]) == (1, [3])
    assert client.post("/v1/sources/CCWIS/child-items", json={"csv": text}).json()["unchanged"] == 1
    wrong = text.replace("yes", "secret story")
    answer = client.post("/v1/sources/CCWIS/child-items", json={"csv": wrong})
    problem(answer, 400, "invalid-input")
    assert "secret" not in answer.text


def test_a_ticket_is_opened_once_and_closed_once(client):
    body = {"field": "birth_date", "kind": "impossible-date", "owner": "North", "due_on": clock.today()}
    opened = client.post(TICKETS, json=body).json()
    assert (opened["state"], opened["records_now"]) == ("open", 1)
    problem(client.post(TICKETS, json=body), 409, "conflict")
    problem(client.post(TICKETS, json=body | {"due_on": "soon"}), 400, "invalid-input")
    assert client.post(f"{TICKETS}/{opened['number']}:close", json={}).json()["state"] == "closed"
    problem(client.post(f"{TICKETS}/{opened['number']}:close", json={}), 409, "conflict")
    problem(client.post(f"{TICKETS}/999:close", json={}), 404, "not-found")


def test_who_only_reads_changes_neither(index):
    with calling(create_app(index), add_key(index, "reader", {Action.RECORD_READ})) as reader:
        assert reader.post("/v1/sources/CCWIS/caseload", json={"csv": ROWS}).status_code == 403
        items = {"csv": "local_id,contact_restriction\nc1,yes\n"}
        assert reader.post("/v1/sources/CCWIS/child-items", json=items).status_code == 403
        assert reader.post(TICKETS, json={}).status_code == 403
