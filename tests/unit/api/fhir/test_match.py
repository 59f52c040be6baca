"""The ten cases of PDQm 3.2.0's Patient Demographics Match (ITI-119), and what goes with them."""

from mpi.api.app import create_app
from mpi.service.agreements.refusals import list_refusals
from mpi.service.core.index import SearchLimits
from mpi.storage.tables import DisclosureRow, RecordRow, table_of
from tests.index import OPERATOR, expunge, with_settings
from tests.unit.api.fhir.conftest import D02_SYSTEM, issues_of, match, matches_of, parameters
from tests.unit.api.live import add_key, calling

PATH = "/fhir/Patient/$match"


def grades_of(bundle):
    return [(eid, grade) for eid, grade, _ in matches_of(bundle)]


def outcomes_of(bundle):
    return [entry["resource"] for entry in bundle.get("entry", ()) if entry["search"]["mode"] == "outcome"]


def count_rows(database, row):
    with database.read(OPERATOR) as unit:
        return len(unit.connection.execute(table_of(row).select()).all())


def test_case_1_one_patient_found_has_a_score_and_a_grade(everywhere, child):
    eid = child.store()
    bundle = match(everywhere, child.patient())
    assert bundle["total"] == 1
    [(found, grade, score)] = matches_of(bundle)
    assert (found, grade) == (eid, "certain")
    assert 0.9 < score < 1
    [entry] = bundle["entry"]
    assert entry["fullUrl"] == str(everywhere.base_url.join(f"/fhir/Patient/{eid}"))
    patient = entry["resource"]
    assert patient["active"] is True
    assert patient["name"] == [{"use": "official", "family": child.last_name, "given": ["Amara"]}]
    assert (patient["gender"], patient["birthDate"]) == ("female", child.birth_date)


def test_case_2_several_patients_are_graded_most_likely_first(everywhere, child):
    other = child.store(first_name="Amarah")
    exact = child.store(source="D02")
    assert other != exact
    bundle = match(everywhere, child.patient())
    assert [eid for eid, _, _ in matches_of(bundle)] == [exact, other]
    scores = [score for _, _, score in matches_of(bundle)]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_case_3_only_certain_matches_answers_a_certain_one(everywhere, child):
    eid = child.store()
    assert grades_of(match(everywhere, child.patient(), onlyCertainMatches=True)) == [(eid, "certain")]


def test_case_4_only_certain_matches_answers_no_entry_for_a_possible_one(everywhere, child):
    eid = child.store(birth_date=child.birth_date)
    guess = child.patient(given="Amaru")
    assert grades_of(match(everywhere, guess)) == [(eid, "possible")]
    bundle = match(everywhere, guess, onlyCertainMatches=True)
    assert (bundle["total"], "entry" in bundle) == (0, False)


def test_case_5_only_certain_matches_answers_no_entry_where_several_fit(everywhere, child):
    first = child.store(birth_order="1")
    second = child.store(source="D02", birth_order="2", **{"not": [first]})
    assert first != second
    graded = dict(grades_of(match(everywhere, child.patient())))
    assert graded == {first: "probable", second: "probable"}
    bundle = match(everywhere, child.patient(), onlyCertainMatches=True)
    assert (bundle["total"], "entry" in bundle) == (0, False)


def test_case_6_count_leaves_out_the_least_likely(everywhere, child):
    first = child.store(birth_order="1")
    child.store(source="D02", birth_order="2", **{"not": [first]})
    bundle = match(everywhere, child.patient(multipleBirthInteger=1), count=1)
    assert [eid for eid, _, _ in matches_of(bundle)] == [first]
    assert bundle["total"] == 1
    assert matches_of(match(everywhere, child.patient(), count=0)) == []


def test_case_7_nobody_found_is_an_empty_bundle(everywhere, child):
    bundle = match(everywhere, child.patient())
    assert (bundle["total"], "entry" in bundle) == (0, False)


def test_case_8_a_patient_who_is_withdrawn_or_merged_is_absent(everywhere, child):
    child.store(local_id=f"{child.last_name}-w")
    path = f"/v1/sources/D01/records/{child.last_name}-w"
    assert everywhere.delete(path).status_code == 200
    assert "entry" not in match(everywhere, child.patient())
    first, second = child.store(), child.store(source="D02", first_name="Oskari", birth_date="2001-01-01")
    merge = {"eids": [first, second], "survivor": second, "reason": "same-child"}
    assert everywhere.post("/v1/persons:merge", json=merge).status_code == 200
    assert [found for found, _, _ in matches_of(match(everywhere, child.patient()))] == [second]


def test_case_9_an_issue_is_answered_with_an_operation_outcome(everywhere, child):
    answer = everywhere.post(PATH, json=parameters({"resourceType": "Patient", "gender": "female"}))
    [issue] = issues_of(answer, 400)
    assert (issue["severity"], issue["code"]) == ("error", "incomplete")


def test_case_10_warnings_come_with_the_patients(everywhere, child):
    first = child.store(birth_order="1")
    second = child.store(source="D02", birth_order="2", **{"not": [first]})
    unknown = [{"system": "http://example.org/exampleSystem", "value": "8675309"}]
    bundle = match(everywhere, child.patient(identifier=unknown))
    assert {eid for eid, _, _ in matches_of(bundle)} == {first, second}
    [outcome] = outcomes_of(bundle)
    assert outcome["resourceType"] == "OperationOutcome"
    assert {(issue["severity"], issue["expression"][0]) for issue in outcome["issue"]} == {
        ("warning", "Patient.multipleBirth"),
        ("warning", "Patient.identifier"),
    }
    assert "8675309" not in str(outcome)


def test_nobody_is_certain_where_another_person_is_likelier(everywhere, child):
    named = child.store()
    numbered = child.store("D02", last_name=f"{child.last_name[::-1].title()}", ssn="412-55-0141")
    assert named != numbered
    ssn = [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "412-55-0141"}]
    bundle = match(everywhere, child.patient(identifier=ssn))
    grades = dict(grades_of(bundle))
    assert grades.keys() == {named, numbered}
    assert grades[named] == "probable"
    assert outcomes_of(bundle) == []


def test_somebody_who_may_be_the_twin_is_never_certain(everywhere, child):
    eid = child.store(ssn="412-55-0142")
    ssn = [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "412-55-0142"}]
    bundle = match(everywhere, child.patient(given="Oskari", identifier=ssn))
    assert grades_of(bundle) == [(eid, "probable")]
    [outcome] = outcomes_of(bundle)
    assert [issue["expression"] for issue in outcome["issue"]] == [["Patient.multipleBirth"]]


def test_birth_order_tells_twins_apart(everywhere, child):
    first = child.store(birth_order="1")
    second = child.store(source="D02", birth_order="2", **{"not": [first]})
    bundle = match(everywhere, child.patient(multipleBirthInteger=2))
    assert grades_of(bundle) == [(second, "certain"), (first, "possible")]
    assert matches_of(bundle)[1][2] <= 0.5
    assert outcomes_of(bundle) == []


def test_a_patient_alone_is_as_good_as_parameters(everywhere, child):
    eid = child.store()
    answer = everywhere.post(PATH, json=child.patient())
    assert grades_of(answer.json()) == [(eid, "certain")]


def test_only_single_match_answers_one_or_none(everywhere, child):
    first = child.store(birth_order="1")
    child.store(source="D02", birth_order="2", **{"not": [first]})
    assert matches_of(match(everywhere, child.patient(), onlySingleMatch=True)) == []
    single = match(everywhere, child.patient(multipleBirthInteger=1), onlySingleMatch=True)
    assert [eid for eid, _, _ in matches_of(single)] == [first]


def test_an_answer_holds_what_records_state_as_fhir_writes_it(everywhere, child):
    eid = child.store(
        local_id=f"{child.last_name}-full",
        middle_name="Grace",
        suffix="Jr",
        preferred_name="Mara",
        sex="X",
        other_names=[{"first_name": "Amara", "last_name": "Quist"}],
        addresses=[
            {
                "address_line1": "12 Elm St",
                "address_line2": "Apt 3",
                "city": "Dayton",
                "state": "OH",
                "postal_code": "45402",
                "county": "Montgomery",
            }
        ],
        phone="937-555-0182",
        email="amara@example.org",
        guardians=[
            {"guardian_first_name": "Ngozi", "guardian_last_name": "Okoro", "guardian_relationship": "mother"}
        ],
        identifiers=[{"system": "state_student_id", "assigner": "OH", "value": "S-77"}],
        birth_city="Toronto",
        birth_country="CA",
        birth_order="1",
    )
    [(found, _, _)] = matches_of(bundle := match(everywhere, child.patient()))
    assert found == eid
    patient = bundle["entry"][0]["resource"]
    assert patient == {
        "resourceType": "Patient",
        "id": eid,
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-birthPlace",
                "valueAddress": {"city": "Toronto", "country": "CA"},
            }
        ],
        "identifier": [
            {"use": "official", "system": "urn:mpi:enterprise-id", "value": eid},
            {"system": "urn:mpi:source:D01", "value": f"{child.last_name}-full"},
            {"system": "urn:mpi:identifier:state_student_id:OH", "value": "S-77"},
        ],
        "active": True,
        "name": [
            {"use": "official", "family": child.last_name, "given": ["Amara", "Grace"], "suffix": ["Jr"]},
            {"use": "nickname", "given": ["Mara"]},
            {"family": "Quist", "given": ["Amara"]},
        ],
        "telecom": [
            {"system": "phone", "value": "937-555-0182"},
            {"system": "email", "value": "amara@example.org"},
        ],
        "gender": "other",
        "birthDate": child.birth_date,
        "address": [
            {
                "use": "home",
                "line": ["12 Elm St", "Apt 3"],
                "city": "Dayton",
                "district": "Montgomery",
                "state": "OH",
                "postalCode": "45402",
            }
        ],
        "multipleBirthInteger": 1,
        "contact": [
            {
                "relationship": [{"text": "mother"}],
                "name": {"family": "Okoro", "given": ["Ngozi"]},
            }
        ],
    }
    # What was answered is understood when it is sent back.
    assert grades_of(match(everywhere, patient)) == [(eid, "certain")]


def test_a_match_changes_nothing_but_the_ledger(everywhere, index, child):
    child.store()
    records, lines = count_rows(index.database, RecordRow), count_rows(index.database.ledger, DisclosureRow)
    for _ in range(2):
        match(everywhere, child.patient(given="Oskari"))
        match(everywhere, child.patient())
    assert count_rows(index.database, RecordRow) == records
    # Two lines of searches that find nobody, and two of each search that finds the child.
    assert count_rows(index.database.ledger, DisclosureRow) == lines + 6


def test_a_client_learns_nothing_of_records_of_other_sources(sis, everywhere, child):
    hidden = child.store("CCWIS")
    assert "entry" not in match(sis, child.patient())
    eid = child.store("D01")
    assert eid == hidden
    [(found, _, _)] = matches_of(bundle := match(sis, child.patient()))
    assert found == eid
    systems = {one["system"] for one in bundle["entry"][0]["resource"]["identifier"]}
    assert systems == {"urn:mpi:enterprise-id", "urn:mpi:source:D01"}
    seen_by_all = match(everywhere, child.patient())["entry"][0]["resource"]["identifier"]
    assert {one["system"] for one in seen_by_all} == systems | {"urn:mpi:source:CCWIS"}
    # A system of a hidden source is as unknown as one that does not exist.
    named = [
        match(sis, child.patient(identifier=[{"system": system, "value": "1"}]))
        for system in ("urn:mpi:source:CCWIS", "urn:mpi:source:NO-SUCH", D02_SYSTEM)
    ]
    assert len({str(outcomes_of(bundle)[0]["issue"]) for bundle in named}) == 1


def test_contact_details_of_a_protected_child_are_not_answered(sis, child):
    child.store("D01", phone="937-555-0182", restrictions=[{"kind": "address_confidential"}])
    child.store("D01", phone="937-555-0182", postal_code="45402")
    [entry] = match(sis, child.patient())["entry"]
    assert "telecom" not in entry["resource"]
    assert "address" not in entry["resource"]


def test_an_expunged_child_is_gone(index, everywhere, child):
    local_id = f"{child.last_name}-x"
    child.store(local_id=local_id)
    assert match(everywhere, child.patient())["total"] == 1
    expunge(index, "D01", {"local_id": local_id})
    assert "entry" not in match(everywhere, child.patient())


def test_a_client_that_searched_too_often_has_to_wait(index, child):
    limited = with_settings(index, search_limits=SearchLimits(per_minute=1, per_child=9))
    with calling(create_app(limited), add_key(index, "often", sources=["D01"])) as client:
        match(client, child.patient())
        answer = client.post(PATH, json=child.patient())
        [issue] = issues_of(answer, 429)
        assert issue["code"] == "throttled"
        assert 0 < int(answer.headers["retry-after"]) <= 60


def test_the_policy_refuses_with_an_outcome_before_the_body_is_read(index, app):
    with calling(app, add_key(index, "searcher", ["person.search"], ["D01"])) as client:
        [issue] = issues_of(client.post(PATH, content=b"{"), 403)
        assert issue["code"] == "forbidden"
        reason = issue["details"]["coding"][0]["code"]
    assert reason in {each.reason for each in list_refusals(index, OPERATOR) if each.client == "searcher"}
    with calling(app, "mpi_test_nobody") as stranger:
        answer = stranger.post(PATH, content=b"{")
        [issue] = issues_of(answer, 401)
        assert issue["code"] == "login"
        assert answer.headers["www-authenticate"].startswith("Bearer")
