"""The match operation of HL7 Identity Matching (IDI) 2.0.0: profiles, scores and the bundle."""

import re

import pytest

from mpi.api.fhir.match_quality import GRADES, LOWEST_SCORE, Element, compute_quality_score
from tests.unit.api.fhir.conftest import issues_of, matches_of, parameters

PATH = "/fhir/Patient/$idi-match"
PROFILE = "http://hl7.org/fhir/us/identity-matching/StructureDefinition/IDI-Patient"
HOME = {"address_line1": "12 Elm St", "city": "Dayton", "state": "OH", "postal_code": "45402"}
ADDRESS = {"use": "home", "line": ["12 Elm Street"], "city": "Dayton", "state": "OH", "postalCode": "45402"}


def idi_match(client, patient, **flags):
    """Match a Patient and return the Bundle."""
    answer = client.post(PATH, json=parameters(patient, "IDIPatient", **flags))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["resourceType"] == "Parameters"
    [parameter] = body["parameter"]
    assert parameter["name"] == "IDIMatchBundle"
    return parameter["resource"]


def scores_of(bundle):
    return {eid: score for eid, _, score in matches_of(bundle)}


def test_the_bundle_has_absolute_addresses_and_an_organization_to_contact(everywhere, child):
    eid = child.store()
    bundle = idi_match(everywhere, child.patient())
    base = str(everywhere.base_url.join("/fhir"))
    assert bundle["type"] == "searchset"
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bundle["identifier"]["value"])
    assert bundle["identifier"]["assigner"]["reference"] == f"{base}/Organization/responder"
    organization, found = bundle["entry"]
    assert organization["fullUrl"] == f"{base}/Organization/responder"
    assert organization["resource"]["active"] is True
    assert organization["resource"]["name"] == "Master Person Index"
    [contact] = organization["resource"]["contact"]
    assert contact["telecom"] == [{"system": "email", "value": "matches@mpi.example.gov", "use": "work"}]
    assert found["fullUrl"] == f"{base}/Patient/{eid}"


def test_without_a_match_the_bundle_says_so(everywhere, child):
    bundle = idi_match(everywhere, child.patient())
    organization, nobody = bundle["entry"]
    assert organization["resource"]["resourceType"] == "Organization"
    [issue] = nobody["resource"]["issue"]
    assert (issue["severity"], issue["diagnostics"]) == ("information", "No Match Found")
    assert nobody["fullUrl"].startswith("http")
    assert bundle["total"] == 0


def test_the_score_follows_the_elements_that_agree(everywhere, child):
    eid = child.store(
        local_id=f"{child.last_name}-idi",
        middle_name="Grace",
        ssn="412-55-0137",
        phone="937-555-0182",
        email="amara@example.org",
        identifiers=[{"system": "state_student_id", "assigner": "OH", "value": "S-78"}],
        **HOME,
    )
    number = {"system": "urn:mpi:identifier:state_student_id:OH", "value": "S-78"}
    for stated, score in (
        ({}, 0.6),
        ({"gender": None}, 0.6),
        ({"telecom": [{"system": "phone", "value": "+1 937 555 0182"}]}, 0.7),
        ({"address": [{"use": "home", "postalCode": "45402"}]}, 0.7),
        ({"address": [ADDRESS]}, 0.8),
        ({"address": [{**ADDRESS, "postalCode": None, "use": "old"}]}, 0.8),
        ({"telecom": [{"system": "email", "value": "Amara@example.org"}]}, 0.8),
        ({"identifier": [number]}, 0.99),
        ({"identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "412550137"}]}, 0.99),
        ({"identifier": [{"system": "urn:mpi:source:D01", "value": f"{child.last_name}-idi"}]}, 0.99),
        ({"identifier": [{"system": "urn:mpi:enterprise-id", "value": eid}]}, 0.99),
        ({"identifier": [{"system": "urn:mpi:source:D01", "value": "another"}]}, 0.6),
    ):
        patient = child.patient(**stated)
        assert scores_of(idi_match(everywhere, patient)) == {eid: score}, stated
    with_middle_name = child.patient()
    with_middle_name["name"][0]["given"].append("Grace")
    assert scores_of(idi_match(everywhere, with_middle_name)) == {eid: 0.7}


def test_name_and_birth_date_alone_score_at_most_point_six(everywhere, child):
    eid = child.store(phone="937-555-0183", **HOME)
    patient = child.patient(gender=None)
    assert scores_of(idi_match(everywhere, patient)) == {eid: 0.6}


def test_no_score_is_above_the_probability_of_the_match(everywhere, child):
    first = child.store(birth_order="1")
    second = child.store("D02", birth_order="2", **{"not": [first]})
    scores = scores_of(idi_match(everywhere, child.patient(multipleBirthInteger=2)))
    assert scores == {second: 0.6, first: 0.5}
    assert compute_quality_score(frozenset(Element), 0.3) == 0.3
    assert compute_quality_score(frozenset(), 0.9) == LOWEST_SCORE


def test_the_grades_are_those_of_the_guide():
    assert [score for score, _ in GRADES] == [0.99, 0.8, 0.7, 0.6]


def test_a_certain_match_needs_both_names(everywhere, child):
    eid = child.store(ssn="412-55-0138")
    ssn = [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "412-55-0138"}]
    other_name = child.patient(name=[{"family": "Quist", "given": ["Amara"]}], identifier=ssn)
    answer = everywhere.post("/fhir/Patient/$match", json=other_name).json()
    assert [(found, grade) for found, grade, _ in matches_of(answer)] == [(eid, "certain")]
    [(_, grade, _)] = matches_of(idi_match(everywhere, other_name))
    assert grade == "probable"
    assert matches_of(idi_match(everywhere, other_name, onlyCertainMatches=True)) == []


@pytest.mark.parametrize(
    ("profile", "stated", "is_met"),
    [
        (PROFILE, {}, True),
        (PROFILE, {"name": [{"use": "official"}]}, False),
        (f"{PROFILE}-L0", {}, False),
        (f"{PROFILE}-L0", {"address": [ADDRESS]}, True),
        (f"{PROFILE}-L1", {"address": [ADDRESS]}, False),
        (f"{PROFILE}-L1|2.0.0", {"address": [ADDRESS]}, False),
        (f"{PROFILE}-L1", {"address": [ADDRESS], "telecom": [{"system": "email", "value": "a@b.org"}]}, True),
        (f"{PROFILE}-L2", {"address": [ADDRESS]}, False),
        ("http://example.org/other", {}, True),
    ],
)
def test_a_claimed_profile_has_to_be_met(everywhere, child, profile, stated, is_met):
    patient = child.patient(meta={"profile": [profile]}, **stated)
    answer = everywhere.post(PATH, json=parameters(patient, "IDIPatient"))
    if is_met:
        assert answer.status_code == 200, answer.text
    else:
        [issue] = issues_of(answer, 422)
        assert issue["code"] == "invariant"


def test_the_parameter_of_the_plain_operation_is_accepted(everywhere, child):
    eid = child.store()
    answer = everywhere.post(PATH, json=parameters(child.patient()))
    assert scores_of(answer.json()["parameter"][0]["resource"]) == {eid: 0.6}
    both = parameters(child.patient())
    both["parameter"].append({"name": "IDIPatient", "resource": child.patient()})
    issues_of(everywhere.post(PATH, json=both), 400)
