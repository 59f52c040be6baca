"""Agreements over HTTP: two persons, steps, and who reads what."""

from datetime import UTC, datetime

import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.viewer import PURPOSES, Action
from mpi.service.access.clients import add_client
from tests.index import OPERATOR, make_child
from tests.unit.api.live import calling, problem

TERMS = {
    "code": "dsa-1",
    "title": "School stability of children in care",
    "begins": "2026-01-01",
    "ends": "2026-12-31",
    "parties": [
        {"code": "district", "name": "Quill School District", "kind": "education", "sources": ["D01"]},
        {"code": "agency", "name": "Child Welfare of Quill", "kind": "child_welfare", "sources": ["CCWIS"]},
    ],
    "grants": [
        {
            "discloser": "district",
            "recipient": "agency",
            "population": "foster_care",
            "legal_basis": "ferpa_caseworker",
            "purposes": ["school_stability"],
            "output_fields": ["grade", "school_id"],
            "matching_fields": ["birth_date"],
        }
    ],
    "codes": {},
    "partitions": ["operational"],
    "retention_days": None,
    "redisclosure": False,
    "small_cell": 10,
    "clocks": {"inspection": 45},
    "owners": [],
}


class People:
    """Clients of one server, by name."""

    def __init__(self, call, keys):
        self._call = call
        self._keys = keys

    def __call__(self, name, method, path, body=None, **headers):
        """Send a request as one of the clients."""
        headers = {"Authorization": f"Bearer {self._keys[name]}", **headers}
        return self._call.request(method, f"/v1/{path}", json=body, headers=headers)


@pytest.fixture
def ask(fresh_index):
    """Send a request as admin, counsel (the approver), district or reader, who acts under no DSA."""
    scopes = {
        "admin": ["agreement.admin", "agreement.read"],
        "counsel": ["approve", "agreement.read"],
        "district": ["agreement.read", "record.write"],
        "visitor": ["record.read"],
    }
    with clock.fixed_clock(datetime(2026, 6, 1, tzinfo=UTC)):
        keys = {
            name: add_client(fresh_index, OPERATOR, name, granted, ["D01"] if name == "district" else None)
            for name, granted in scopes.items()
        }
        with calling(create_app(fresh_index), None) as call:
            yield People(call, keys)


@pytest.fixture
def dsa(ask):
    """The agreement, in force."""
    assert ask("admin", "POST", "agreements", TERMS).status_code == 200
    assert ask("counsel", "POST", "agreements/dsa-1:approve", {"version": 1}).status_code == 200
    return "dsa-1"


def test_an_agreement_is_proposed_and_approved_by_two_clients(ask):
    proposed = ask("admin", "POST", "agreements", TERMS).json()
    assert (proposed["state"], proposed["version"], proposed["proposed_by"]) == ("draft", 1, "admin")
    assert proposed["terms"] == TERMS
    problem(ask("admin", "POST", "agreements/dsa-1:approve", {"version": 1}), 403, "access-denied")
    approved = ask("counsel", "POST", "agreements/dsa-1:approve", {"version": 1}).json()
    assert (approved["state"], approved["days_left"], approved["proposed_by"]) == ("active", 213, None)
    problem(ask("counsel", "POST", "agreements/dsa-1:approve", {"version": 1}), 409, "conflict")
    history = ask("counsel", "GET", "agreements/dsa-1/history").json()
    assert [(line["event"], line["by"]) for line in history] == [("propose", "admin"), ("approve", "counsel")]


def test_the_terms_that_are_read_can_be_sent_again(ask, dsa):
    terms = ask("admin", "GET", "agreements/dsa-1").json()["terms"]
    problem(ask("admin", "POST", "agreements", terms), 409, "conflict")
    renewed = ask("admin", "POST", "agreements", {**terms, "ends": "2027-12-31"}).json()
    assert (renewed["version"], renewed["draft_version"], renewed["state"]) == (1, 2, "active")
    assert renewed["draft"]["ends"] == "2027-12-31"


def test_steps_change_the_state_and_give_a_reason(ask, dsa):
    for step, state in (("suspend", "suspended"), ("resume", "active"), ("end", "ended")):
        problem(ask("admin", "POST", f"agreements/dsa-1:{step}", {}), 400, "invalid-input")
        answer = ask("admin", "POST", f"agreements/dsa-1:{step}", {"reason": f"{step} it"})
        assert answer.json()["state"] == state
        problem(ask("admin", "POST", f"agreements/dsa-1:{step}", {"reason": "again"}), 409, "conflict")
    for code in ("dsa-9", "%00", "%C3%A4"):
        problem(ask("admin", "POST", f"agreements/{code}:end", {"reason": "x"}), 404, "not-found")


def test_a_repeated_call_takes_effect_once(ask):
    key = {"Idempotency-Key": "a"}
    assert [ask("admin", "POST", "agreements", TERMS, **key).json()["version"] for _ in range(2)] == [1, 1]
    body = {"version": 1}
    for _ in range(2):
        assert ask("counsel", "POST", "agreements/dsa-1:approve", body, **key).json()["state"] == "active"
    for _ in range(2):
        answer = ask("admin", "POST", "agreements/dsa-1:suspend", {"reason": "x"}, **{"Idempotency-Key": "b"})
        assert answer.json()["state"] == "suspended"
    assert len(ask("admin", "GET", "agreements/dsa-1/history").json()) == 3


def test_a_client_learns_of_no_agreement_but_its_own(ask, dsa):
    assert [one["code"] for one in ask("admin", "GET", "agreements").json()] == ["dsa-1", "house"]
    [own] = ask("district", "GET", "agreements").json()
    assert (own["code"], own["clients"], own["fault"]) == ("house", [], None)
    answers = [ask("district", "GET", f"agreements/{code}").json() for code in ("dsa-1", "dsa-2")]
    for answer in answers:
        del answer["instance"]
    assert answers[0] == {**answers[1], "detail": "there is no agreement 'dsa-1' that you may read"}
    problem(ask("district", "GET", "agreements/house/history"), 403, "access-denied")


def test_agreements_are_read_and_changed_by_who_was_granted_it(ask, dsa):
    for path in ("agreements", "agreements/house", "agreements/house/history", "purposes", "legal-bases"):
        problem(ask("visitor", "GET", path), 403, "access-denied")
    for name in ("counsel", "district", "visitor"):
        problem(ask(name, "POST", "agreements", {"not": "read"}), 403, "access-denied")
        for step in ("suspend", "resume", "end"):
            problem(ask(name, "POST", f"agreements/dsa-1:{step}", {"not": "read"}), 403, "access-denied")


def test_wrong_terms_are_refused_with_their_place(ask):
    for change, place in (
        ({"begins": "soon"}, "begins"),
        ({"begins": 20260101}, "begins"),
        ({"small_cell": "10"}, "small_cell"),
        ({"grants": [{}]}, "grants.0"),
        ({"secret": 1}, "unknown member"),
        ({"ends": "2025-01-01"}, "ends"),
        ({"parties": "all"}, "parties"),
        ({"clocks": {"inspection": 0}}, "clocks"),
        ({"code": "\x00"}, "code"),
        ({"title": "x\u0000"}, "title"),
        ({"grants": []}, "grants"),
    ):
        refused = problem(ask("admin", "POST", "agreements", {**TERMS, **change}), 400, "invalid-input")
        assert place in refused["detail"]
        assert "soon" not in refused["detail"]
    assert [one["code"] for one in ask("admin", "GET", "agreements").json()] == ["house"]


def test_a_strange_code_is_an_unknown_agreement(ask):
    for code in ("%00", "..%2Fhouse", "a" * 500, "%C3%A4", "HOUSE"):
        problem(ask("admin", "GET", f"agreements/{code}"), 404, "not-found")


def test_a_record_of_a_lapsed_agreement_is_refused_and_its_withdrawal_is_not(ask, dsa):
    record = "sources/D01/records/7"
    child = make_child(None)
    assert ask("district", "PUT", record, child).status_code == 200
    ask("admin", "POST", "agreements/dsa-1:suspend", {"reason": "breach"})
    refused = problem(ask("district", "PUT", record, {**child, "city": "Quill"}), 409, "agreement-lapsed")
    assert "'dsa-1' is suspended" in refused["detail"]
    assert ask("district", "DELETE", record).status_code == 200


def test_purposes_and_legal_bases_are_listed(ask):
    purposes = ask("district", "GET", "purposes").json()
    assert tuple(purpose["code"] for purpose in purposes) == PURPOSES
    bases = {basis["code"]: basis for basis in ask("district", "GET", "legal-bases").json()}
    assert bases["ferpa_studies"]["purposes"] == ["program_evaluation"]
    assert bases["ferpa_caseworker"]["disclosers"] == ["education"]


def test_the_actions_of_agreements_can_be_granted():
    assert {Action("agreement.read"), Action("agreement.admin")} <= set(Action)
