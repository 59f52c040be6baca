"""Golden records, corrections and explanations over HTTP."""

import pytest

from tests.index import make_child
from tests.unit.api.live import problem

CHILD = {"first_name": "Gerlinde", "last_name": "Goldammer", "birth_date": "2011-02-27"}
CORRECTION = {
    "attribute": "middle_name", "value": "Louise", "reason": "document-seen", "note": "Passport shown",
}  # fmt: skip


@pytest.fixture(scope="module")
def eid(call):
    call.put("/v1/sources/D01/records/g1", json=make_child("g1", middle_name="Lou", **CHILD))
    return call.put("/v1/sources/CCWIS/records/g2", json=make_child("g2", **CHILD)).json()["enterprise_id"]


def golden_value(call, eid: str, attribute: str) -> dict:
    values = call.get(f"/v1/persons/{eid}/golden").json()["values"]
    [value] = [value for value in values if value["attribute"] == attribute]
    return value


def test_a_golden_record_names_records_and_rules(call, eid):
    answer = call.get(f"/v1/persons/{eid}/golden")
    assert answer.status_code == 200
    assert answer.headers["ETag"]
    name = golden_value(call, eid, "first_name")
    assert (name["value"], name["rule"]) == ("Gerlinde", "agreed")
    assert {name["record"]["source"], *(each["source"] for each in name["agreeing"])} == {"D01", "CCWIS"}


def test_a_correction_is_made_shown_refused_when_stale_and_undone(call, eid):
    tag = call.get(f"/v1/persons/{eid}/golden").headers["ETag"]
    correction = call.post(f"/v1/persons/{eid}/corrections", json=CORRECTION, headers={"If-Match": tag})
    assert correction.status_code == 200
    middle = golden_value(call, eid, "middle_name")
    assert (middle["value"], middle["rule"]) == ("Louise", "correction")
    assert middle["others"] == [{"value": "Lou", "record": {"source": "D01", "local_id": "g1"}}]
    assert middle["correction"]["evidence"] == "Passport shown"
    record = middle["record"]
    stored = call.get(f"/v1/sources/{record['source']}/records/{record['local_id']}").json()
    assert (stored["state"], stored["record"]["middle_name"]) == ("aside", "Louise")
    answer = call.put(f"/v1/sources/{record['source']}/records/x", json=make_child(None, **CHILD))
    problem(answer, 409, "conflict")
    stale_answer = call.post(f"/v1/persons/{eid}/corrections", json=CORRECTION, headers={"If-Match": tag})
    problem(stale_answer, 412, "stale")
    assert call.post(f"/v1/steps/{correction.json()['step']}:undo").status_code == 200
    assert golden_value(call, eid, "middle_name")["value"] == "Lou"


def test_the_answer_to_a_correction_names_the_state_that_the_next_one_refers_to(call, eid):
    preview = call.post(f"/v1/persons/{eid}/corrections", json={**CORRECTION, "preview": True}).json()
    steps = []
    tag = preview["etag"]
    for name in ("Louise", "Loulou"):
        body = {**CORRECTION, "value": name}
        answer = call.post(f"/v1/persons/{eid}/corrections", json=body, headers={"If-Match": f'"{tag}"'})
        assert answer.status_code == 200, name
        tag = answer.json()["etag"]
        assert call.get(f"/v1/persons/{eid}/golden").headers["ETag"].startswith(f'"{tag}-')
        steps.append(answer.json()["step"])
    for step in reversed(steps):
        assert call.post(f"/v1/steps/{step}:undo").status_code == 200


def test_an_invalid_correction_is_refused_without_being_quoted(call, eid):
    body = CORRECTION | {"attribute": "birth_date", "value": "31 Febtober"}
    answer = call.post(f"/v1/persons/{eid}/corrections", json=body)
    assert answer.status_code == 400
    assert "Febtober" not in answer.text


def test_two_records_are_explained_in_one_sentence_and_its_parts(call, eid):
    left, right = {"source": "D01", "local_id": "g1"}, {"source": "CCWIS", "local_id": "g2"}
    explanation = call.post("/v1/explanations", json={"left": left, "right": right}).json()
    assert explanation["sentence"].startswith(
        "Very strong evidence for the same child: same name and birth date"
    )
    assert sum(part["bits"] for part in explanation["parts"]) == pytest.approx(
        explanation["match_weight"], abs=1e-4
    )
    assert explanation["standing"][0] == "These records are currently one child."
    hidden = call.post("/v1/explanations", json={"left": left, "right": right | {"local_id": "no"}})
    assert hidden.status_code == 404


def test_a_person_is_explained_with_its_history(call, eid):
    explanation = call.get(f"/v1/persons/{eid}/explanation").json()
    assert explanation["sentence"] == "2 records are one child through 1 automatic link."
    assert len(explanation["lines"]) == 1
    steps = call.get(f"/v1/persons/{eid}/built").json()
    assert steps[0]["sentence"] == "A record was sent: record g1 of D01 became a new child."
