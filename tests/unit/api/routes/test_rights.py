"""Rights cases, legal holds, destruction and research projects over HTTP."""

import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.viewer import Action
from mpi.policy.cases.subject_rights import Inspection
from mpi.service.rights.source_rules import set_rule
from tests.index import OPERATOR, load_rows, make_child
from tests.unit.api.live import add_key, calling, problem

REQUEST = {
    "kind": "inspect",
    "source": "D01",
    "local_id": "1",
    "relation": "parent",
    "identification": "photo_id",
    "identified_by": "R. Registrar",
    "reference": "SR-2026-17",
    "owner": "Records office",
}
RELEASE = {"checks": ["identity", "rights", "protection"], "released_by": "P. Officer"}
HOLD = {"source": "D01", "reference": "LH-1", "reason": "lawsuit", "placed_by": "C. Counsel"}


@pytest.fixture
def ask(fresh_index):
    """Call a server as one of its clients."""
    load_rows(fresh_index, "D01", make_child("1"), make_child("2", first_name="Femi", last_name="Adeyemi"))
    set_rule(fresh_index, OPERATOR, "D01", inspection=Inspection.LINKED, citation="FERPA")
    keys = {
        "office": add_key(fresh_index, "office", {Action.RIGHTS_MANAGE}),
        "officer": add_key(fresh_index, "officer", {Action.RIGHTS_DECIDE}),
        "hearer": add_key(fresh_index, "hearer", {Action.RIGHTS_DECIDE}),
        "reader": add_key(fresh_index, "reader", {Action.RECORD_READ, Action.PERSON_READ}),
        "research": add_key(fresh_index, "research", {Action.CROSSWALK_EXPORT}),
    }
    with calling(create_app(fresh_index), None) as call:

        def send(name, path, body=None):
            sent = {"Authorization": f"Bearer {keys[name]}"}
            if body is None:
                return call.get(f"/v1/{path}", headers=sent)
            return call.post(f"/v1/{path}", json=body, headers=sent)

        send.index = fresh_index
        yield send


def opened(ask, **changes):
    body = {**REQUEST, "received": clock.today(), **changes}
    return ask("office", "rights-cases", body).json()["code"]


def test_a_request_goes_from_its_opening_to_the_report(ask):
    path = f"rights-cases/{opened(ask)}"
    problem(ask("office", f"{path}:release", RELEASE), 403, "access-denied")
    problem(ask("reader", "rights-cases"), 403, "access-denied")
    problem(ask("officer", f"{path}:release", {**RELEASE, "checks": []}), 409, "conflict")
    report = ask("officer", f"{path}:release", RELEASE).json()
    assert [record["local_id"] for record in report["records"]] == ["1"]
    assert report["records"][0]["values"]["first_name"] == "Amara"
    [listed] = ask("officer", "rights-cases").json()
    assert (listed["state"], listed["steps"][0]["released_by"]) == ("released", "P. Officer")


def test_a_refusal_to_amend_leads_over_a_hearing_to_a_statement(ask):
    path = f"rights-cases/{opened(ask, kind='amend', field='grade', wanted='06')}"
    refused = ask("officer", f"{path}:refuse", {"reason": "not_inaccurate", "decided_by": "P"}).json()
    assert "hearing" in refused["letter"]
    assert ask("office", f"{path}:ask-hearing", {}).json()["state"] == "hearing"
    upheld = ask("hearer", f"{path}:decide-hearing", {"officer": "H", "amends": False}).json()
    assert upheld["state"] == "upheld"
    attached = ask("office", f"{path}:attach-statement", {"statement": "It is wrong."}).json()
    assert attached["statement"] == "It is wrong."
    granted = f"rights-cases/{opened(ask, kind='amend', field='grade', wanted='07')}"
    assert ask("officer", f"{granted}:grant", {"decided_by": "P"}).json()["state"] == "granted"


def test_a_faulty_request_is_refused_without_its_values(ask):
    for fault in ({"reference": "In re Amara"}, {"kind": "see"}, {"received": "soon"}, {"child": "Amara"}):
        body = {**REQUEST, "received": clock.today(), **fault}
        assert "Amara" not in str(problem(ask("office", "rights-cases", body), 400, "invalid-input"))
    problem(ask("officer", "rights-cases/0123456789ab:release", RELEASE), 404, "not-found")


def test_a_hold_is_placed_and_lifted_by_two(ask):
    placed = ask("office", "legal-holds", HOLD).json()
    assert (placed["target"], placed["stands"]) == ("source", True)
    body = {"lifted_by": "C. Counsel", "reason": "settled"}
    problem(ask("office", f"legal-holds/{placed['code']}:lift", body), 403, "access-denied")
    assert ask("officer", f"legal-holds/{placed['code']}:lift", body).json()["stands"] is False
    assert len(ask("officer", "legal-holds").json()) == 1


def test_a_destruction_is_planned_approved_and_certified(ask):
    problem(ask("office", "destruction-runs", {"source": "D01"}), 409, "conflict")
    set_rule(ask.index, OPERATOR, "D01", retention_days=0, retention_begins="last_sent")
    assert {view["source"]: view["due"] for view in ask("office", "retention").json()}["D01"] == 2
    run = ask("office", "destruction-runs", {"source": "D01"}).json()
    path = f"destruction-runs/{run['number']}"
    problem(ask("office", f"{path}/certificate"), 409, "conflict")
    assert ask("officer", f"{path}:approve", {"approved_by": "P", "records": 2}).json()["state"] == "approved"
    done = ask("office", f"{path}:execute", {}).json()
    assert (done["state"], done["destroyed"]) == ("done", 2)
    certificate = ask("officer", f"{path}/certificate").json()
    assert certificate["digest"] == done["digest"] == ask("office", "destruction-runs").json()[0]["digest"]


def test_a_research_project_is_opened_and_ended(ask):
    body = {"code": "reading", "title": "Reading", "opened_by": "D. Director"}
    problem(ask("office", "research-projects", body), 403, "access-denied")
    assert ask("research", "research-projects", body).json()["ended_on"] is None
    problem(ask("research", "research-projects", body), 409, "conflict")
    ended = ask("research", "research-projects/reading:end", {"ended_by": "D. Director"}).json()
    assert ended["ended_by"] == "D. Director"
    assert len(ask("research", "research-projects").json()) == 1
