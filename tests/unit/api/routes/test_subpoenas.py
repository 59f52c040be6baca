"""Subpoena cases over HTTP."""

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from tests.index import load_rows, make_child
from tests.unit.api.live import add_key, calling, problem

CASE = {
    "source": "D01",
    "court": "Juvenile Court",
    "reference": "26-JV-0412",
    "served_by": "Public Defender",
    "received": "2026-01-02",
    "due": "2126-12-04",
    "local_ids": ["1"],
    "fields": ["first_name", "sex"],
}
DECISION = {"verdict": "release", "counsel": "R. Alvarado", "reason": "relevant"}


@pytest.fixture
def ask(fresh_index):
    """Call a server as one of its clients."""
    load_rows(fresh_index, "D01", make_child("1"))
    keys = {
        "office": add_key(fresh_index, "office", {Action.SUBPOENA_MANAGE}),
        "counsel": add_key(fresh_index, "counsel", {Action.SUBPOENA_DECIDE}),
        "reader": add_key(fresh_index, "reader", {Action.RECORD_READ, Action.PERSON_READ}),
    }
    with calling(create_app(fresh_index), None) as call:

        def send(name, path="", body=None, **headers):
            sent = {"Authorization": f"Bearer {keys[name]}", **headers}
            if body is None and not path.endswith(":release"):
                return call.get(f"/v1/subpoenas{path}", headers=sent)
            return call.post(f"/v1/subpoenas{path}", json=body, headers=sent)

        yield send


def test_a_case_goes_from_its_opening_to_the_release(ask):
    opened = ask("office", "", CASE).json()
    assert (opened["state"], opened["obstacle"]) == ("open", "counsel has not decided about this case")
    path = f"/{opened['code']}"
    problem(ask("office", f"{path}:release"), 409, "conflict")
    assert ask("office", f"{path}:notify", {"day": "2026-01-03"}).json()["notified"] == "2026-01-03"
    decided = ask("counsel", f"{path}:decide", DECISION).json()
    assert (decided["state"], decided["counsel"]) == ("decided", "R. Alvarado")
    released = ask("office", f"{path}:release").json()
    assert released == {
        "code": opened["code"],
        "reference": "26-JV-0412",
        "records": [
            {"source": "D01", "local_id": "1", "values": {"first_name": "Amara", "sex": "F"}, "withheld": []}
        ],
    }
    [listed] = ask("counsel").json()
    assert listed["state"] == "released"


def test_each_call_needs_its_scope(ask):
    code = ask("office", "", CASE).json()["code"]
    problem(ask("reader"), 403, "access-denied")
    problem(ask("counsel", "", CASE), 403, "access-denied")
    problem(ask("office", f"/{code}:decide", DECISION), 403, "access-denied")
    problem(ask("counsel", f"/{code}:release"), 403, "access-denied")


def test_a_purpose_that_names_the_case_opens_nothing(ask):
    code = ask("office", "", CASE).json()["code"]
    for purpose in (f"subpoena:{code}", "court_report"):
        refused = ask("office", f"/{code}:release", **{"Purpose-Of-Use": purpose})
        problem(refused, 403, "access-denied")


def test_a_faulty_body_is_refused_without_its_values(ask):
    for fault in (
        {"fields": ["ssn"]},
        {"reference": "In re Amara"},
        {"received": "soon"},
        {"child": "Amara"},
    ):
        body = problem(ask("office", "", {**CASE, **fault}), 400, "invalid-input")
        assert "Amara" not in str(body)
    problem(ask("office", "", {**CASE, "local_ids": ["9"]}), 404, "not-found")
