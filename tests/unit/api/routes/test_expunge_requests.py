"""Sealing and expunging over HTTP: rights, a limit, and a second person."""

import json

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from tests.index import crosswalk, load_rows, make_child, many_children
from tests.unit.api.live import add_key, calling, problem

WRITER = frozenset({Action.RECORD_WRITE})
EXPUNGED, SEALED = [{"kind": "expunged"}], [{"kind": "sealed"}]


@pytest.fixture
def clients(fresh_index):
    """A server, and the headers of its clients by name."""
    keys = {
        "writer": add_key(fresh_index, "writer", WRITER),
        "feed": add_key(fresh_index, "feed", WRITER | {Action.RECORD_SEAL, Action.RECORD_EXPUNGE}),
        "officer": add_key(fresh_index, "officer", {Action.RECORD_EXPUNGE}),
        "counsel": add_key(fresh_index, "counsel", {Action.RECORD_SEAL}),
        "judge": add_key(fresh_index, "judge", {Action.RECORD_SEAL}),
    }
    with calling(create_app(fresh_index), None) as call:
        yield call, {name: {"Authorization": f"Bearer {key}"} for name, key in keys.items()}


def put(clients, name, local_id="1", **changes):
    call, headers = clients
    child = make_child(None, **changes)
    return call.put(f"/v1/sources/D01/records/{local_id}", json=child, headers=headers[name])


def answer(clients, name, verdict, *local_ids, source="D01"):
    call, headers = clients
    body = {"source": source, "local_ids": list(local_ids)}
    return call.post(f"/v1/expunge-requests:{verdict}", json=body, headers=headers[name])


def send_bulk(clients, name, children, restrictions):
    call, headers = clients
    lines = [json.dumps({"source": "D01", **child, "restrictions": restrictions}) for child in children]
    sent = call.post("/v1/records:bulk", content="\n".join(lines), headers=headers[name])
    assert sent.status_code == 200
    return [json.loads(line) for line in sent.text.splitlines()]


@pytest.mark.parametrize("restrictions", [SEALED, EXPUNGED])
def test_a_record_that_seals_needs_more_than_the_right_to_write(fresh_index, clients, restrictions):
    assert put(clients, "writer").status_code == 200
    body = problem(put(clients, "writer", restrictions=restrictions), 403, "access-denied")
    assert "record." in body["detail"]
    assert set(crosswalk(fresh_index)) == {("D01", "1")}


@pytest.mark.parametrize("restrictions", [SEALED, EXPUNGED])
def test_a_bulk_of_seals_without_the_right_is_refused_line_by_line(fresh_index, clients, restrictions):
    children = many_children(300)
    load_rows(fresh_index, "D01", *children)
    ids = crosswalk(fresh_index)
    for _ in range(2):
        answers = send_bulk(clients, "writer", children, restrictions)
        assert [line["problem"]["status"] for line in answers] == [403] * 300
    assert crosswalk(fresh_index) == ids
    call, headers = clients
    plain = json.dumps({"source": "D01", **make_child("plain", first_name="Femi")})
    sealing = json.dumps({"source": "D01", **children[0], "restrictions": restrictions})
    sent = call.post("/v1/records:bulk", content=f"{sealing}\n{plain}", headers=headers["writer"])
    refused, stored = [json.loads(line) for line in sent.text.splitlines()]
    assert (refused["problem"]["type"], stored["record"]) == ("urn:mpi:problem:access-denied", "created")


@pytest.mark.parametrize("restrictions", [SEALED, EXPUNGED])
def test_a_bulk_of_seals_with_the_rights_stops_at_the_limit_of_a_day(fresh_index, clients, restrictions):
    children = many_children(300)
    load_rows(fresh_index, "D01", *children)
    answers = send_bulk(clients, "feed", children, restrictions)
    most = fresh_index.settings.seals_per_day
    assert [line["outcome"] for line in answers[:most]] == ["refused"] * most
    assert {line["problem"]["type"] for line in answers[most:]} == {"urn:mpi:problem:conflict"}
    assert len(crosswalk(fresh_index)) == 300 - most


def test_a_request_is_listed_and_approved_by_another_client(clients):
    call, headers = clients
    put(clients, "feed")
    assert put(clients, "feed", restrictions=EXPUNGED).json()["outcome"] == "refused"
    [listed] = call.get("/v1/expunge-requests", headers=headers["officer"]).json()
    assert (listed["source"], listed["local_id"], listed["requested_by"]) == ("D01", "1", "feed")
    problem(answer(clients, "feed", "approve", "1"), 409, "conflict")
    approved = answer(clients, "officer", "approve", "1")
    assert approved.json() == {"source": "D01", "answer": "approved", "records": 1}
    assert call.get("/v1/expunge-requests", headers=headers["officer"]).json() == []
    problem(answer(clients, "officer", "approve", "1"), 404, "not-found")


def test_a_refused_request_shows_the_record_again(fresh_index, clients):
    enterprise_id = put(clients, "feed").json()["enterprise_id"]
    put(clients, "feed", restrictions=EXPUNGED)
    assert answer(clients, "officer", "refuse", "1").json()["answer"] == "refused"
    assert crosswalk(fresh_index) == {("D01", "1"): enterprise_id}


def test_requests_are_for_clients_with_the_right_only(clients):
    call, headers = clients
    put(clients, "feed", restrictions=EXPUNGED)
    problem(call.get("/v1/expunge-requests", headers=headers["writer"]), 403, "access-denied")
    for verdict in ("approve", "refuse"):
        problem(answer(clients, "writer", verdict, "1"), 403, "access-denied")


@pytest.mark.parametrize(
    "body", [{}, {"source": "D01"}, {"source": "D01", "local_ids": []}, {"source": "D01", "local_ids": "1"}]
)
def test_an_answer_names_source_and_records(clients, body):
    call, headers = clients
    sent = call.post("/v1/expunge-requests:approve", json=body, headers=headers["officer"])
    problem(sent, 400, "invalid-input")


def ask_to_unseal(clients, name, *local_ids, reference="26-JV-0412"):
    call, headers = clients
    body = {"source": "D01", "local_ids": list(local_ids), "reference": reference}
    return call.post("/v1/unseal-requests", json=body, headers=headers[name])


def answer_unseal(clients, name, verdict, *local_ids):
    call, headers = clients
    body = {"source": "D01", "local_ids": list(local_ids)}
    return call.post(f"/v1/unseal-requests:{verdict}", json=body, headers=headers[name])


def test_two_clients_lift_a_seal(fresh_index, clients):
    call, headers = clients
    put(clients, "writer")
    before = crosswalk(fresh_index)
    put(clients, "feed", restrictions=SEALED)
    assert ask_to_unseal(clients, "counsel", "1").json() == {"source": "D01", "answer": "asked", "records": 1}
    problem(answer_unseal(clients, "counsel", "approve", "1"), 409, "conflict")
    assert crosswalk(fresh_index) == {}
    [waiting] = call.get("/v1/unseal-requests", headers=headers["judge"]).json()
    assert (waiting["local_id"], waiting["reference"]) == ("1", "26-JV-0412")
    assert answer_unseal(clients, "judge", "approve", "1").json()["answer"] == "approved"
    assert crosswalk(fresh_index) == before
    problem(answer_unseal(clients, "judge", "approve", "1"), 404, "not-found")


def test_unsealing_needs_the_right_to_seal_and_an_order(clients):
    call, headers = clients
    put(clients, "feed", restrictions=SEALED)
    for name in ("writer", "officer"):
        problem(ask_to_unseal(clients, name, "1"), 403, "access-denied")
        problem(answer_unseal(clients, name, "refuse", "1"), 403, "access-denied")
        problem(call.get("/v1/unseal-requests", headers=headers[name]), 403, "access-denied")
    body = problem(ask_to_unseal(clients, "counsel", "1", reference="Jane Doe"), 400, "invalid-input")
    assert "Doe" not in body["detail"]
    problem(ask_to_unseal(clients, "counsel", "2"), 404, "not-found")
    ask_to_unseal(clients, "counsel", "1")
    assert answer_unseal(clients, "judge", "refuse", "1").json()["answer"] == "refused"
