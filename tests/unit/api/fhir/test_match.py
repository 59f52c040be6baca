"""The ten cases of PDQm 3.2.0's Patient Demographics Match (ITI-119), and what goes with them."""

from tests.unit.api.fhir.conftest import issues_of, match, matches_of, parameters


def test_case_1_one_patient_found_has_score_and_grade(everywhere, child):
    eid = child.store()
    bundle = match(everywhere, child.patient())
    assert bundle["total"] == 1
    [(found, grade, score)] = matches_of(bundle)
    assert (found, grade) == (eid, "certain")
    assert 0.9 < score < 1
    [entry] = bundle["entry"]
    assert entry["fullUrl"] == f"{everywhere.base_url}fhir/Patient/{eid}".replace("//fhir", "/fhir")
    patient = entry["resource"]
    assert patient["active"] is True
    assert patient["name"] == [{"use": "official", "family": child.last_name, "given": ["Amara"]}]
    assert (patient["gender"], patient["birthDate"]) == ("female", child.birth_date)
    assert {"use": "official", "system": "urn:mpi:enterprise-id", "value": eid} in patient["identifier"]
