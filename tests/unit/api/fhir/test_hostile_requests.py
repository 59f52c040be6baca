"""Whatever is sent, the FHIR API answers with a documented status and tells nothing that was sent."""

import json

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpi.api.fhir.match_request import MAX_DEPTH
from tests.unit.api.fhir.conftest import issues_of, parameters

MATCH, IDI = "/fhir/Patient/$match", "/fhir/Patient/$idi-match"
CANARY = "Zzcanary"
PATIENT = {
    "resourceType": "Patient",
    "name": [{"family": CANARY, "given": ["Amara"]}],
    "birthDate": "2014-03-09",
}
JSON = {"content-type": "application/fhir+json"}


def nest(depth):
    value = {"url": "http://x"}
    for _ in range(depth):
        value = {"url": "http://x", "extension": [value]}
    return {**PATIENT, "extension": [value]}


@pytest.mark.parametrize("path", [MATCH, IDI])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b"\xff",
        b'{"resourceType": "Zzcanary"}',
        b'{"resourceType": ["Zzcanary"]}',
        b'{"resourceType": "Parameters"}',
        b'{"resourceType": "Parameters", "parameter": {}}',
        b'{"resourceType": "Parameters", "parameter": [{"name": "resource"}]}',
        json.dumps(parameters({})).encode(),
        json.dumps(parameters({"resourceType": 5})).encode(),
        json.dumps(parameters({"resourceType": CANARY})).encode(),
        json.dumps(parameters({"resourceType": "Bundle", "type": "x"})).encode(),
        json.dumps(parameters(PATIENT, "Zzcanary")).encode(),
        json.dumps(parameters(PATIENT, onlyCertainMatch=True)).encode(),
        json.dumps(parameters(PATIENT, count=-1)).encode(),
        json.dumps(parameters(PATIENT, count=2**31)).encode(),
        json.dumps(parameters(PATIENT, count=True)).encode(),
        json.dumps(parameters(PATIENT, onlySingleMatch=1)).encode(),
        json.dumps({**PATIENT, "Zzcanary": 1}).encode(),
        json.dumps({**PATIENT, "birthDate": "Zzcanary"}).encode(),
        json.dumps({**PATIENT, "birthDate": "2014-02-30"}).encode(),
        json.dumps({**PATIENT, "gender": ["Zzcanary"]}).encode(),
        json.dumps({**PATIENT, "name": CANARY}).encode(),
        json.dumps({**PATIENT, "implicitRules": "http://x"}).encode(),
        json.dumps({**PATIENT, "modifierExtension": [{"url": "http://x", "valueString": CANARY}]}).encode(),
        json.dumps({**PATIENT, "contact": [{"modifierExtension": []}]}).encode(),
        json.dumps({**PATIENT, "contained": [{"resourceType": CANARY}]}).encode(),
        json.dumps({**PATIENT, "contained": [{"resourceType": {"a": 1}}]}).encode(),
        json.dumps({**PATIENT, "name": [{"family": "a\u0000b", "given": ["x"]}]}).encode(),
        json.dumps({**PATIENT, "name": [{"family": CANARY * 10_000}]}).encode(),
        json.dumps(nest(MAX_DEPTH)).encode(),
        json.dumps(nest(300)).encode(),
        b"[" * 100_000,
    ],
)
def test_a_wrong_body_is_refused_without_what_it_holds(everywhere, path, body):
    answer = everywhere.post(path, content=body, headers=JSON)
    for issue in issues_of(answer, 400):
        assert issue["severity"] == "error"
        assert issue["diagnostics"]
    assert CANARY not in answer.text


@pytest.mark.parametrize(("path", "status", "code"), [(MATCH, 400, "incomplete"), (IDI, 422, "invariant")])
def test_too_little_to_search_by_is_refused(everywhere, path, status, code):
    answer = everywhere.post(path, json={"resourceType": "Patient", "name": [{"family": CANARY}]})
    assert [issue["code"] for issue in issues_of(answer, status)] == [code]
    assert CANARY not in answer.text


@pytest.mark.parametrize(
    "change",
    [
        {"extension": [{"url": "http://example.org/unknown", "valueString": "x"}]},
        {"_birthDate": {"extension": [{"url": "http://x", "valueCode": "unknown"}]}},
        {"gender": "no such code"},
        {"gender": "unknown"},
        {"name": [{"text": "Amara Grace Okonkwo"}]},
        {"name": [{"use": "anonymous", "family": "Okonkwo", "given": ["Amara"]}, *PATIENT["name"]]},
        {"name": PATIENT["name"] * 200},
        {
            "identifier": [
                {"value": "1"},
                {"system": "urn:x"},
                {"system": "urn:mpi:identifier:", "value": "1"},
            ]
        },
        {"identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "12"}]},
        {"telecom": [{"value": "937"}, {"system": "email", "value": "no"}, {"system": "fax"}]},
        {"address": [{}, {"text": "somewhere"}, {"use": "billing", "city": "Dayton"}]},
        {"contact": [{}, {"name": {"family": "Okoro"}, "relationship": [{"coding": [{"code": "MTH"}]}]}]},
        {"multipleBirthBoolean": True},
        {"multipleBirthInteger": 0},
        {"photo": [{"contentType": "image/png"}]},
        {"link": [{"other": {"reference": "Patient/1"}, "type": "seealso"}]},
        {"birthDate": "2014-03"},
        {"birthDate": "9999-12-31"},
    ],
)
def test_what_says_nothing_to_the_index_does_no_harm(everywhere, change):
    answer = everywhere.post(MATCH, json={**PATIENT, **change})
    if answer.status_code != 200:
        issues_of(answer, 400)
    assert CANARY not in answer.text


def test_a_body_that_is_too_large_is_refused(everywhere):
    [issue] = issues_of(everywhere.post(MATCH, content=b" " * 1_000_001, headers=JSON), 413)
    assert issue["code"] == "too-long"


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"accept": "application/fhir+xml"}, "", 406),
        ({"accept": "application/fhir+xml"}, "?_format=json", 200),
        ({"accept": "application/fhir+xml, application/fhir+json;q=0.5"}, "", 200),
        ({"accept": "application/json"}, "", 200),
        ({}, "?_format=application/fhir%2Bjson&_pretty=true", 200),
        ({}, "?_format=application/fhir+json", 200),
        ({}, "?_format=xml", 406),
        ({}, "?_format=", 406),
        ({}, "?_summary=true", 400),
        ({}, "?_pretty=perhaps", 400),
        ({"content-type": "application/fhir+xml"}, "", 415),
        ({"content-type": "application/json; charset=utf-8"}, "", 200),
        ({"content-type": "text/plain"}, "", 415),
    ],
)
def test_only_json_is_spoken(everywhere, headers, query, status):
    body = orjson.dumps(PATIENT)
    answer = everywhere.post(MATCH + query, content=body, headers={**JSON, **headers})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    if status != 200:
        assert answer.json()["resourceType"] == "OperationOutcome"


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_MEMBERS = """
resourceType name family given identifier system value birthDate telecom use address line extension url
contained text period start type coding code multipleBirthInteger photo contact relationship meta profile id
"""
_NAMES = st.sampled_from(_MEMBERS.split())
_VALUES = st.recursive(
    _LEAVES | st.sampled_from(["Patient", "Bundle", "Parameters", "2014-03-09"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(_NAMES, _VALUES, max_size=6), st.sampled_from(["bare", "resource", "IDIPatient"]))
def test_no_patient_makes_the_server_fail(everywhere, members, form):
    patient = {**members, "resourceType": "Patient"}
    body = patient if form == "bare" else parameters(patient, form)
    try:
        content = orjson.dumps(body)
    except (TypeError, ValueError):  # a number or text that JSON cannot hold
        return
    for path in (MATCH, IDI):
        answer = everywhere.post(path, content=content, headers=JSON)
        assert answer.status_code in (200, 400, 422), (body, answer.text)
        assert answer.headers["content-type"] == "application/fhir+json"
