"""Incidents, corrections and questions to the ledger over HTTP."""

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from tests.index import load_rows, make_child
from tests.unit.api.live import add_key, calling, problem

LEFT, RIGHT = {"source": "D01", "local_id": "1"}, {"source": "CCWIS", "local_id": "2"}


@pytest.fixture
def ask(fresh_index):
    """Call a server as one of its clients."""
    load_rows(fresh_index, "D01", make_child("1"))
    load_rows(fresh_index, "CCWIS", make_child("2"))
    keys = {
        "officer": add_key(fresh_index, "officer", {Action.LEDGER_READ, Action.AGREEMENT_ADMIN}),
        "auditor": add_key(fresh_index, "auditor", {Action.LEDGER_READ}),
        "steward": add_key(fresh_index, "steward", {Action.DECIDE}),
        "registry": add_key(fresh_index, "registry", {Action.PERSON_READ, Action.CROSSWALK_READ}),
        "school": add_key(fresh_index, "school", {Action.CROSSWALK_READ}, ["D01"]),
    }
    with calling(create_app(fresh_index), None) as call:

        def send(name, path, body=None):
            sent = {"Authorization": f"Bearer {keys[name]}", "Purpose-Of-Use": "data_quality"}
            if body is None:
                return call.get(f"/v1/{path}", headers=sent)
            return call.post(f"/v1/{path}", json=body, headers=sent)

        yield send


@pytest.fixture
def eid(ask):
    """Enterprise ID of two records that are linked, as the registry was told."""
    told = ask("registry", "crosswalk?source=D01&local_id=1").json()["enterprise_id"]
    assert len(ask("registry", f"persons/{told}").json()["records"]) == 2
    return told


def part(ask, eid):
    answer = ask("steward", f"persons/{eid}:split", {"groups": [[LEFT], [RIGHT]], "reason": "test"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_incident_goes_from_the_split_to_its_closing(ask, eid):
    assert ask("auditor", "incidents").json() == []
    part(ask, eid)
    [incident] = ask("auditor", "incidents").json()
    path = f"incidents/{incident['code']}"
    assert incident["state"] == "open"
    assert [each["client"] for each in incident["recipients"]] == ["registry"]
    assert ask("auditor", path).json() == incident
    problem(ask("auditor", f"{path}:send", {}), 403, "access-denied")
    problem(ask("registry", "incidents"), 403, "access-denied")
    problem(ask("officer", "incidents/none"), 404, "not-found")
    closing = {"by": "P. Officer", "note": "corrected"}
    problem(ask("officer", f"{path}:close", closing), 409, "conflict")
    assert ask("officer", f"{path}:send", {}).json()["state"] == "sent"

    assert ask("school", "corrections").json() == []
    [correction] = ask("registry", "corrections").json()
    told = {(record["source"], record["local_id"]) for record in correction["records"]}
    assert told == {("D01", "1"), ("CCWIS", "2")}
    assert len({record["enterprise_id"] for record in correction["records"]}) == 2
    problem(ask("school", f"corrections/{correction['code']}:acknowledge", {}), 404, "not-found")
    [acknowledged] = ask("registry", f"corrections/{correction['code']}:acknowledge", {}).json()
    assert acknowledged["acknowledged_at"]
    paper = {"client": "registry", "by": "R. Registrar"}
    problem(ask("officer", f"{path}:acknowledge", paper), 409, "conflict")
    assert ask("officer", f"{path}:close", closing).json()["state"] == "closed"
    assert ask("auditor", "incidents").json() == []
    assert len(ask("auditor", "incidents?with_closed=true").json()) == 1


def test_a_correction_that_was_withdrawn_is_acknowledged_anew(ask, eid):
    step = part(ask, eid)["step"]
    [incident] = ask("auditor", "incidents").json()
    assert (incident["clock"], incident["days_left"], incident["scope"]) == ("send", 3, None)
    ask("officer", f"incidents/{incident['code']}:send", {})
    assert ask("steward", f"steps/{step}:undo", {"reason": "slip"}).status_code == 200
    latest, first = ask("registry", "corrections").json()
    assert (latest["reverses"], first["code"]) == (incident["code"], incident["code"])
    assert first["withdrawn_at"]
    assert latest["due"]
    closed = ask("auditor", f"incidents/{incident['code']}").json()
    assert (closed["state"], closed["reversed_by"]) == ("closed", "steward")
    assert ask("registry", f"corrections/{latest['code']}:acknowledge", {}).status_code == 200
    assert [each["state"] for each in ask("auditor", "incidents").json()] == ["acknowledged"]


def test_the_ledger_answers_who_saw_a_child_and_what_a_link_told(ask, eid):
    lines = ask("auditor", f"ledger?enterprise_id={eid}").json()["lines"]
    assert [line["action"] for line in lines] == ["person.read", "crosswalk.read"]
    assert ask("auditor", "ledger?client=registry").json()["lines"] == lines
    report = ask("auditor", "ledger/link-disclosures", {"left": LEFT, "right": RIGHT}).json()
    assert len(report["intervals"]) == 1
    assert [line["names_both"] for line in report["disclosures"]][:2] == [False, True]
    problem(ask("registry", "ledger"), 403, "access-denied")
    problem(ask("registry", "ledger/link-disclosures", {"left": LEFT, "right": RIGHT}), 403, "access-denied")
    problem(ask("auditor", "ledger?enterprise_id=x"), 400, "invalid-enterprise-id")
    assert ask("auditor", "ledger?from=2026-01-01").status_code == 400
