import pytest

from mpi.api.app import create_app
from mpi.service.core.index import SearchLimits
from tests.index import make_child, with_settings
from tests.unit.api.live import add_key, calling, problem

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
    path = f"/v1/persons/{first['enterprise_id'].lower().replace('-', '')}"
    person = call.get(path, headers={"Purpose-Of-Use": "case_planning"}).json()
    assert person["enterprise_id"] == first["enterprise_id"]
    assert person["now"] == [first["enterprise_id"]]
    assert {(r["source"], r["local_id"]) for r in person["records"]} == {("D01", "p1"), ("CCWIS", "p1")}
    [flag] = person["flags"]
    assert flag | FLAG == flag
    assert (flag["source"], flag["asserted_by"]) == ("CCWIS", "CCWIS")


def test_a_retired_id_answers_with_its_successor_and_its_lineage(call):
    child = {"first_name": "Anselm", "last_name": "Quillfeather", "birth_date": "2011-07-08"}
    first = put(call, "D01", "r1", **child)
    second = put(call, "CCWIS", "r1", first_name="Bo", last_name="Zwart", birth_date="2011-07-08")
    linked = put(call, "CCWIS", "r1", **child)
    eids = {first["enterprise_id"], second["enterprise_id"]}
    assert linked["enterprise_id"] in eids
    [retired] = eids - {linked["enterprise_id"]}
    person = call.get(f"/v1/persons/{retired}")
    assert person.status_code == 200
    assert (person.json()["status"], person.json()["now"]) == ("retired", [linked["enterprise_id"]])
    steps = call.get(f"/v1/persons/{retired}/lineage").json()
    assert (steps[0]["before"], steps[0]["after"]) == (None, retired)
    assert (steps[-1]["before"], steps[-1]["after"]) == (retired, linked["enterprise_id"])


def test_as_of_answers_for_the_requested_time(call):
    child = {"first_name": "Ilse", "last_name": "Rautavaara", "birth_date": "2013-03-04"}
    first = put(call, "D01", "t1", **child)
    first_time = call.get(f"/v1/persons/{first['enterprise_id']}").json()["since"]
    put(call, "CCWIS", "t1", **child)
    eid = first["enterprise_id"]
    current_records = call.get(f"/v1/persons/{eid}").json()["records"]
    past_records = call.get(f"/v1/persons/{eid}", params={"as_of": first_time}).json()["records"]
    assert (len(past_records), len(current_records)) == (1, 2)
    problem(call.get(f"/v1/persons/{eid}", params={"as_of": "2001-01-01"}), 404, "not-found")


@pytest.mark.parametrize("as_of", ["", "yesterday", "2026-02-30", "2026-11-24T10:00:00 01:00", "\x00"])
def test_an_invalid_time_is_refused(call, as_of):
    eid = put(call, "D01", "m1", first_name="Momo", last_name="Zeit")["enterprise_id"]
    problem(call.get(f"/v1/persons/{eid}", params={"as_of": as_of}), 400, "invalid-input")


@pytest.mark.parametrize("eid", ["7K3M", "7K3M-92QX-0HTA", "UUUU-UUUU-UUUU", "%00", "a%2Fb"])
def test_an_invalid_enterprise_id_is_refused_with_the_rule_that_it_breaks(call, eid):
    for tail in ("", "/lineage"):
        answer = call.get(f"/v1/persons/{eid}{tail}")
        assert answer.status_code == (404 if "%2F" in eid else 400)


def test_a_misspelled_parameter_is_refused(call):
    eid = put(call, "D01", "q1", first_name="Quer", last_name="Frage")["enterprise_id"]
    answer = call.get(f"/v1/persons/{eid}", params={"asof": "2020-01-01"})
    problem(answer, 400, "invalid-parameter")
    problem(call.get(f"/v1/persons/{eid}/lineage", params={"as_of": "2020-01-01"}), 400, "invalid-parameter")


def test_a_search_lists_the_best_person_first_and_stores_nothing(call, index):
    child = {"first_name": "Oriel", "last_name": "Vantongeren", "birth_date": "2010-10-11"}
    stored = put(call, "D01", "s1", **child)
    counts_before = _counts(index)
    answer = call.post("/v1/persons:search", json=make_child("anything", **child))
    assert answer.status_code == 200
    best = answer.json()[0]
    assert (best["enterprise_id"], best["band"]) == (stored["enterprise_id"], "LINK")
    assert sum(part["bits"] for part in best["explanation"]) == pytest.approx(best["match_weight"])
    assert "Oriel".upper() not in answer.text.upper()
    weights = [match["match_weight"] for match in answer.json()]
    assert weights == sorted(weights, reverse=True)
    assert _counts(index) == counts_before


def test_a_search_with_too_few_fields_is_refused(call):
    problem(call.post("/v1/persons:search", json={"first_name": "Only"}), 422, "invalid-record")


def test_a_client_with_too_many_searches_is_told_when_to_search_again(fresh_index):
    limited_index = with_settings(fresh_index, search_limits=SearchLimits(per_minute=2))
    with calling(create_app(limited_index), add_key(limited_index, "eager")) as call:
        for _ in range(2):
            assert call.post("/v1/persons:search", json=make_child("x")).status_code == 200
        answer = call.post("/v1/persons:search", json=make_child("x", first_name="Secret"))
        body = problem(answer, 429, "too-many-searches")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert "within a minute" in body["detail"]
        assert "Secret" not in answer.text


def _counts(index):
    with index.database.read(None) as unit:
        return unit.records.counts(), unit.persons.counts(), unit.last_commit()
