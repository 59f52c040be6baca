import pytest

from tests.index import make_child
from tests.unit.api.live import problem

FLAG = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-09-02"}


def put(call, source: str, local_id: str, **changes):
    answer = call.put(f"/v1/sources/{source}/records/{local_id}", json=make_child(local_id, **changes))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_person_holds_the_records_of_every_source_with_their_flags(call):
    child = {"first_name": "Tindra", "last_name": "Holmqvist", "birth_date": "2012-02-03"}
    first = put(call, "D01", "p1", **child)
    second = put(call, "CCWIS", "p1", **child, flags=[FLAG])
    assert (second["outcome"], second["enterprise_id"]) == ("linked", first["enterprise_id"])
    person = call.get(f"/v1/persons/{first['enterprise_id'].lower().replace('-', '')}").json()
    assert person["enterprise_id"] == first["enterprise_id"]
    assert person["now"] == [first["enterprise_id"]]
    assert {(r["source"], r["local_id"]) for r in person["records"]} == {("D01", "p1"), ("CCWIS", "p1")}
    [flag] = person["flags"]
    assert flag | FLAG == flag
    assert (flag["source"], flag["asserted_by"]) == ("CCWIS", "CCWIS")


def test_a_retired_id_answers_with_who_took_over_and_its_lineage_says_so(call):
    child = {"first_name": "Anselm", "last_name": "Quillfeather", "birth_date": "2011-07-08"}
    first = put(call, "D01", "r1", **child)
    other = put(call, "CCWIS", "r1", first_name="Bo", last_name="Zwart", birth_date="2011-07-08")
    moved = put(call, "CCWIS", "r1", **child)
    eids = {first["enterprise_id"], other["enterprise_id"]}
    assert moved["enterprise_id"] in eids
    [retired] = eids - {moved["enterprise_id"]}
    person = call.get(f"/v1/persons/{retired}")
    assert person.status_code == 200
    assert (person.json()["status"], person.json()["now"]) == ("retired", [moved["enterprise_id"]])
    steps = call.get(f"/v1/persons/{retired}/lineage").json()
    assert (steps[0]["before"], steps[0]["after"]) == (None, retired)
    assert (steps[-1]["before"], steps[-1]["after"]) == (retired, moved["enterprise_id"])


def test_as_of_answers_for_the_moment_asked(call):
    child = {"first_name": "Ilse", "last_name": "Rautavaara", "birth_date": "2013-03-04"}
    first = put(call, "D01", "t1", **child)
    then = call.get(f"/v1/persons/{first['enterprise_id']}").json()["since"]
    put(call, "CCWIS", "t1", **child)
    eid = first["enterprise_id"]
    now = call.get(f"/v1/persons/{eid}").json()["records"]
    past = call.get(f"/v1/persons/{eid}", params={"as_of": then}).json()["records"]
    assert (len(past), len(now)) == (1, 2)
    problem(call.get(f"/v1/persons/{eid}", params={"as_of": "2001-01-01"}), 404, "not-found")


@pytest.mark.parametrize("as_of", ["", "yesterday", "2026-02-30", "2026-11-24T10:00:00 01:00", "\x00"])
def test_a_moment_that_is_none_is_refused(call, as_of):
    eid = put(call, "D01", "m1", first_name="Momo", last_name="Zeit")["enterprise_id"]
    problem(call.get(f"/v1/persons/{eid}", params={"as_of": as_of}), 400, "invalid-input")


@pytest.mark.parametrize("eid", ["7K3M", "7K3M-92QX-0HTA", "UUUU-UUUU-UUUU", "%00", "a%2Fb"])
def test_text_that_is_no_enterprise_id_is_refused_with_the_rule_that_it_breaks(call, eid):
    for tail in ("", "/lineage"):
        answer = call.get(f"/v1/persons/{eid}{tail}")
        assert answer.status_code == (404 if "%2F" in eid else 400)


def test_a_misspelt_parameter_does_not_answer_for_now(call):
    eid = put(call, "D01", "q1", first_name="Quer", last_name="Frage")["enterprise_id"]
    answer = call.get(f"/v1/persons/{eid}", params={"asof": "2020-01-01"})
    problem(answer, 400, "invalid-parameter")
    problem(call.get(f"/v1/persons/{eid}/lineage", params={"as_of": "2020-01-01"}), 400, "invalid-parameter")


def test_a_search_finds_the_person_best_first_and_stores_nothing(call, index):
    child = {"first_name": "Oriel", "last_name": "Vantongeren", "birth_date": "2010-10-11"}
    kept = put(call, "D01", "s1", **child)
    counts = _counts(index)
    found = call.post("/v1/persons:search", json=make_child("anything", **child))
    assert found.status_code == 200
    best = found.json()[0]
    assert (best["enterprise_id"], best["band"]) == (kept["enterprise_id"], "LINK")
    assert sum(part["bits"] for part in best["explanation"]) == pytest.approx(best["match_weight"])
    assert "Oriel".upper() not in found.text.upper()
    weights = [each["match_weight"] for each in found.json()]
    assert weights == sorted(weights, reverse=True)
    assert _counts(index) == counts


def test_a_search_with_too_little_is_refused(call):
    problem(call.post("/v1/persons:search", json={"first_name": "Only"}), 422, "invalid-record")


def _counts(index):
    with index.database.read(None) as unit:
        return unit.records.counts(), unit.persons.counts(), unit.last_commit()
