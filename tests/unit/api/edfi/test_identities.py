import base64
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from mpi.api.app import create_app
from mpi.service.core.index import IdentitySettings, SearchLimits
from mpi.service.records.source_pause import pause, resume
from mpi.storage.tables import DisclosureRow, table_of
from tests.index import OPERATOR, expunge, with_settings
from tests.unit.api.edfi.conftest import PATH
from tests.unit.api.live import add_key, calling


def create(client, student, **options):
    answer = client.post(PATH, json=student, **options)
    assert answer.status_code == 201, answer.text
    return answer.json()


def search(client, *students):
    answer = client.post(f"{PATH}/search", json=students)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["Status"] == "Complete"
    return body["SearchResponses"]


def find(client, *unique_ids):
    answer = client.post(f"{PATH}/find", json=unique_ids)
    assert answer.status_code == 200, answer.text
    return [[each["UniqueId"] for each in item["Responses"]] for item in answer.json()["SearchResponses"]]


def as_record(local_id, student, **more):
    return {
        "local_id": local_id,
        "last_name": student["LastSurname"],
        "first_name": student["FirstName"],
        "birth_date": student["BirthDate"][:10],
        "sex": "F",
        **more,
    }


def put(client, source, local_id, student, **more):
    answer = client.put(f"/v1/sources/{source}/records/{local_id}", json=as_record(local_id, student, **more))
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_new_student_gets_an_id_at_an_address(sis, student):
    answer = sis.post(PATH, json=student(BirthLocation={"City": "Dayton", "StateAbbreviation": "OH"}))
    assert answer.status_code == 201
    unique_id = answer.json()
    assert answer.headers["location"] == f"{PATH}/{unique_id}"
    read = sis.get(answer.headers["location"])
    assert read.status_code == 200
    assert read.json() == {
        "UniqueId": unique_id,
        "Score": 100,
        **student(),
        "BirthLocation": {"City": "Dayton", "StateAbbreviation": "OH"},
    }


def test_the_same_request_again_changes_nothing(sis, student, index):
    unique_id = create(sis, student())
    shuffled = dict(reversed(student(Unknown={"Shoe": 9}).items()))
    in_other_case = {name.lower(): value for name, value in shuffled.items()}
    for again in (student(), shuffled, in_other_case):
        assert create(sis, again) == unique_id
    keyed = {"Idempotency-Key": "once-1"}
    assert create(sis, student(), headers=keyed) == create(sis, student(), headers=keyed) == unique_id
    with index.database.read(OPERATOR) as unit:
        person = unit.persons.find_by_eid(unique_id)
        assert len(unit.persons.members([person.id])[person.id]) == 1


def test_requests_at_once_get_one_id(sis, student):
    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(lambda _: create(sis, student()), range(4)))) == 1


def test_the_systems_own_record_joins_the_placeholder(sis, student):
    unique_id = create(sis, student())
    assert put(sis, "D01", "own-1", student())["enterprise_id"] == unique_id
    other = create(sis, student("Malou", BirthOrder=2))
    stated = put(sis, "D01", "own-2", student("Mary Louise", BirthDate="2001-01-01"), same_as=other)
    assert stated["enterprise_id"] == other


def test_a_student_whom_the_index_has_keeps_the_id(sis, student):
    existing = put(sis, "D01", "before-1", student())["enterprise_id"]
    assert create(sis, student()) == existing


def test_birth_order_is_asked_for_where_a_twin_is_near_and_tells_the_twins_apart(sis, student):
    first = create(sis, student("Amara"))
    refused = sis.post(PATH, json=student("Amaro"))
    assert refused.status_code == 400
    assert list(refused.json()["validationErrors"]) == ["$.BirthOrder"]
    second = create(sis, student("Amaro", BirthOrder=2))
    assert second != first
    assert sis.get(f"{PATH}/{second}").json()["BirthOrder"] == 2
    assert create(sis, student("Amara")) == first
    [found] = search(sis, student("Amara"))
    assert found["AskFor"] == ["BirthOrder"]
    assert "AskFor" not in search(sis, student("Amara", BirthOrder=1))[0]


def test_twins_of_one_name_have_two_ids(sis, student):
    first, second = (create(sis, student(BirthOrder=order)) for order in (1, 2))
    assert first != second
    assert [create(sis, student(BirthOrder=order)) for order in (1.0, 2)] == [first, second]
    [found] = search(sis, student(BirthOrder=2))
    scores = {each["UniqueId"]: each["Score"] for each in found["Responses"]}
    assert scores[first] <= 50 < scores[second] < 100
    assert found["Responses"][0]["UniqueId"] == second


def test_find_answers_none_or_one_for_each_id_in_order(sis, student):
    known = create(sis, student())
    asked = ("T7K3-M92Q-X0HN", known, "", "no ID", known.lower(), known.replace("-", ""), known, "\u0000")
    assert find(sis, *asked) == [[], [known], [], [], [], [], [known], []]
    assert find(sis) == []
    assert sis.get(f"{PATH}/{known.lower()}").status_code == 404


def test_a_retired_id_answers_its_survivor(everywhere, student):
    first = put(everywhere, "D01", "r-1", student())["enterprise_id"]
    second = put(everywhere, "D02", "r-1", student("Oskari", BirthDate="2001-01-01"))["enterprise_id"]
    merge = {"eids": [first, second], "survivor": first, "reason": "same-child"}
    assert everywhere.post("/v1/persons:merge", json=merge).status_code == 200
    assert find(everywhere, second, first) == [[first], [first]]
    assert everywhere.get(f"{PATH}/{second}").json()["UniqueId"] == first


def test_an_id_whose_records_several_students_hold_answers_none(everywhere, student):
    children = {"s-1": student(), "s-2": student("Oskari", BirthDate="2001-01-01")}
    for source in ("D01", "D02"):
        eids = {
            name: put(everywhere, source, name, child)["enterprise_id"] for name, child in children.items()
        }
    merge = {"eids": list(eids.values()), "survivor": eids["s-1"], "reason": "same-child"}
    assert everywhere.post("/v1/persons:merge", json=merge).status_code == 200
    groups = [[{"source": source, "local_id": name} for name in children] for source in ("D01", "D02")]
    split = {"groups": groups, "reason": "two-children"}
    path = f"/v1/persons/{eids['s-1']}:split"
    contradicted = everywhere.post(path, json=split).json()["chain"]
    assert everywhere.post(path, json={**split, "supersedes": contradicted}).status_code == 200
    assert len(everywhere.get(f"/v1/persons/{eids['s-2']}").json()["now"]) == 2
    assert find(everywhere, eids["s-2"]) == [[]]
    assert everywhere.get(f"{PATH}/{eids['s-2']}").status_code == 404


def test_a_reader_learns_nothing_of_records_of_other_sources(sis, everywhere, student):
    hidden = put(everywhere, "CCWIS", "h-1", student())["enterprise_id"]
    assert find(sis, hidden) == find(sis, "T7K3-M92Q-X0HN") == [[]]
    assert search(sis, student()) == [{"Responses": []}]
    unknown = sis.get(f"{PATH}/T7K3-M92Q-X0HN").json()
    assert {**sis.get(f"{PATH}/{hidden}").json(), "correlationId": ""} == {**unknown, "correlationId": ""}
    # A twin that the reader may not see is not asked about.
    assert create(sis, student("Tindro"))


def test_a_search_answers_likely_students_with_a_score_below_100(sis, student):
    unique_id = create(sis, student("Ingmar"))
    nobody = {"LastSurname": "Nobody", "FirstName": "Nils", "BirthDate": "1999-09-09"}
    found, none = search(sis, student("Ingmar"), nobody)
    assert none == {"Responses": []}
    [response] = found["Responses"]
    assert response["UniqueId"] == unique_id
    assert 90 < response["Score"] <= 99.99


def test_a_search_that_cannot_be_made_says_why_and_leaves_the_others(sis, student):
    unique_id = create(sis, student())
    found, too_little = search(sis, student(), {"FirstName": "Tindra"})
    assert [each["UniqueId"] for each in found["Responses"]] == [unique_id]
    assert too_little["Responses"] == []
    assert [error["Code"] for error in too_little["Errors"]] == ["too-little"]


def test_each_answer_has_lines_on_the_ledger(sis, student, index):
    unique_id = create(sis, student())

    def count_lines():
        with index.database.ledger.read(OPERATOR) as unit:
            return len(unit.connection.execute(table_of(DisclosureRow).select()).all())

    for call in (
        lambda: create(sis, student()),
        lambda: sis.get(f"{PATH}/{unique_id}"),
        lambda: find(sis, unique_id),
        lambda: search(sis, student()),
    ):
        before = count_lines()
        call()
        assert count_lines() > before


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"{", "$"),
        (b"[]", "$"),
        (b"null", "$"),
        (b'{"BirthDate": "soon"}', "$.BirthDate"),
        (b'{"BirthDate": "2014-02-30T00:00:00"}', "$.BirthDate"),
        (b'{"BirthDate": 20140309}', "$.BirthDate"),
        (b'{"BirthOrder": "1"}', "$.BirthOrder"),
        (b'{"BirthOrder": -1}', "$.BirthOrder"),
        (b'{"BirthOrder": 2147483648}', "$.BirthOrder"),
        (b'{"FirstName": {}}', "$.FirstName"),
        (b'{"BirthLocation": "Dayton"}', "$.BirthLocation"),
        (b'{"BirthLocation": {"City": 9}}', "$.BirthLocation.City"),
        (json.dumps({"FirstName": "x" * 201}).encode(), "$.FirstName"),
        (b'{"FirstName": "Tindra"}', "$.record"),
        (b'{"FirstName": "a\\u0000b", "LastSurname": "x", "BirthDate": "2014-03-09"}', "$.FirstName"),
        (b"\xff", "$"),
    ],
)
def test_a_wrong_body_is_refused_with_the_path_of_the_fault(sis, body, path):
    answer = sis.post(PATH, content=body)
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert list(problem["validationErrors"]) == [path]
    assert problem["correlationId"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("action", ["find", "search"])
@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"[null]", json.dumps(["x"] * 201).encode()])
def test_a_wrong_list_is_refused(sis, action, body):
    answer = sis.post(f"{PATH}/{action}", content=body)
    assert (answer.status_code, answer.json()["title"]) == (400, "Data Validation Failed")


def test_other_refusals_have_the_form_of_ed_fi_too(index, app, sis, student):
    assert sis.post(PATH, content=b" " * 1_000_001).status_code == 413
    with_query = sis.get(f"{PATH}/T7K3-M92Q-X0HN", params={"as_of": "2020-01-01"})
    assert (with_query.status_code, with_query.json()["type"][:11]) == (400, "urn:ed-fi:a")
    unknown = sis.get(f"{PATH}/x", headers={"Authorization": "Bearer no-such"})
    assert (unknown.status_code, unknown.json()["title"]) == (401, "Authentication Failed")
    assert unknown.headers["www-authenticate"].startswith("Bearer")
    with calling(app, add_key(index, "reader", ["person.read", "record.read"], ["D01"])) as reader:
        for action in ("", "/search"):
            refused = reader.post(PATH + action, json=student())
            assert refused.status_code == 403
            assert refused.json()["type"] == "urn:ed-fi:api:security:authorization"
            assert refused.json()["reason"]


def test_a_client_without_exactly_one_source_cannot_create(index, app, everywhere, student):
    answer = everywhere.post(PATH, json=student())
    assert (answer.status_code, answer.json()["title"]) == (501, "Not Implemented")
    named = with_settings(index, identities=IdentitySettings(sources=frozenset({"D02"})))
    with calling(create_app(named), add_key(index, "named")) as client:
        unique_id = create(client, student())
    [record] = everywhere.get(f"/v1/persons/{unique_id}").json()["records"]
    assert record["source"] == "D02"


def test_a_record_that_waits_is_incomplete(index, sis, student):
    pause(index, OPERATOR, "D01", "test")
    try:
        answer = sis.post(PATH, json=student())
    finally:
        resume(index, OPERATOR, "D01")
    assert answer.status_code == 502
    assert answer.json()["IdentitySystemStatusCode"] == "Incomplete"


def test_a_client_that_searched_too_often_has_to_wait(index, student):
    limited = with_settings(index, search_limits=SearchLimits(per_minute=1, per_child=9))
    with calling(create_app(limited), add_key(index, "often", sources=["D01"])) as client:
        create(client, student())
        for answer in (
            client.post(f"{PATH}/search", json=[student()]),
            client.post(PATH, json=student("Obi", BirthOrder=2)),
        ):
            assert (answer.status_code, answer.json()["title"]) == (429, "Too Many Requests")
            assert 0 < int(answer.headers["retry-after"]) <= 60


def test_a_token_of_the_token_endpoint_is_accepted(index, app, student):
    key = add_key(index, "vendor", sources=["D01"])
    basic = base64.b64encode(f"vendor:{key}".encode()).decode()
    with calling(app, None) as client:
        granted = client.post(
            "/oauth/token",
            data={"grant_type": "client_credentials"},
            headers={"Authorization": f"Basic {basic}"},
        )
        token = granted.json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        assert create(client, student())


def test_sex_suffix_and_place_come_back_as_ed_fi_writes_them(sis, student):
    stated = student(
        SexType="uri://ed-fi.org/SexDescriptor#Male",
        GenerationCodeSuffix="Jr",
        MiddleName="Grace",
        BirthDate="2014-03-09T23:30:00-06:00",
        BirthLocation={"City": "Toronto", "InternationalProvince": "Ontario", "Country": "Canada"},
    )
    identity = sis.get(f"{PATH}/{create(sis, stated)}").json()
    assert identity["SexType"] == "Male"
    assert identity["BirthDate"] == "2014-03-09T00:00:00"
    assert (identity["GenerationCodeSuffix"], identity["MiddleName"]) == ("Jr", "Grace")
    assert identity["BirthLocation"] == stated["BirthLocation"]


def test_an_expunged_student_is_gone(index, sis, student):
    put(sis, "D01", "gone-1", student())
    unique_id = create(sis, student())
    with index.database.read(OPERATOR) as unit:
        person = unit.persons.find_by_eid(unique_id)
        labels = unit.records.labels(unit.persons.members([person.id])[person.id]).values()
    for label in labels:
        expunge(index, label.source, {"local_id": label.local_id, "first_name": "X"})
    assert find(sis, unique_id) == [[]]
    assert search(sis, student()) == [{"Responses": []}]
