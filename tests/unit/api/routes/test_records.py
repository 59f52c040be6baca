from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.index import make_child
from tests.unit.api.live import problem

SECRET_NAME = "Xanthippe"


def put(call, local_id: str, **changes):
    # A unique name, so that no other test's child is similar.
    child = make_child(None, **({"first_name": local_id * 2, "last_name": local_id * 3} | changes))
    return call.put(f"/v1/sources/D01/records/{local_id}", json=child)


@pytest.mark.parametrize(
    ("path", "local_id"),
    [
        ("D01%2F12345", "D01/12345"),
        ("a%2Fb%2Frekey", "a/b/rekey"),
        ("a%3Amerge", "a:merge"),
        ("a:b", "a:b"),
        ("%25", "%"),
        ("%252F", "%2F"),
        ("two%20words", "two words"),
        ("%C3%A9%E2%82%AC%F0%9F%8E%92", "é€🎒"),
        ("%3Fas_of%3D1%23", "?as_of=1#"),
        ("a+b", "a+b"),
    ],
)
def test_a_local_id_is_one_path_segment_decoded_once(call, path, local_id):
    url = f"/v1/sources/D01/records/{path}"
    answer = call.put(url, json=make_child(local_id, first_name=f"Path{len(path)}", birth_date="2011-05-06"))
    assert (answer.status_code, answer.json()["local_id"]) == (200, local_id)
    record = call.get(url)
    assert (record.json()["local_id"], record.json()["record"]["local_id"]) == (local_id, local_id)
    crosswalk = call.get("/v1/crosswalk", params={"source": "D01", "local_id": local_id})
    assert crosswalk.json()["enterprise_id"] == answer.json()["enterprise_id"]
    assert call.delete(url).json()["outcome"] == "withdrawn"


@pytest.mark.parametrize("path", ["a/b", "a/", "%zz", "%", "%ff", "%C3"])
def test_a_path_with_invalid_encoding_is_refused(call, path):
    problem(call.put(f"/v1/sources/D01/records/{path}", json=make_child("x")), 400, "invalid-input")


def test_an_encoded_slash_never_separates_path_segments(call):
    problem(call.get("/v1/sources%2FD01/records/1"), 404, "not-found")


@pytest.mark.parametrize("path", ["", "%20", "%00", "a%07b", "x" * 201])
def test_text_that_is_no_local_id_is_refused_by_name(call, path):
    body = problem(call.get(f"/v1/sources/D01/records/{path}"), 422, "invalid-record")
    assert body["field"] == "local_id"


def test_the_same_record_again_changes_nothing(call):
    first = put(call, "same").json()
    second = put(call, "same").json()
    assert (first["outcome"], first["record"]) == ("created", "created")
    assert (second["outcome"], second["record"]) == ("unchanged", "unchanged")
    assert second["enterprise_id"] == first["enterprise_id"]


def test_a_withdrawn_record_that_returns_gets_its_enterprise_id_back(call):
    first = put(call, "back").json()
    assert call.delete("/v1/sources/D01/records/back").json()["enterprise_id"] is None
    withdrawn = call.get("/v1/sources/D01/records/back").json()
    assert (withdrawn["state"], withdrawn["enterprise_id"]) == ("withdrawn", None)
    assert put(call, "back").json()["enterprise_id"] == first["enterprise_id"]


def test_concurrent_callers_sending_one_record_get_one_enterprise_id(call):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: put(call, "race"), range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["enterprise_id"] for answer in answers}) == 1
    assert sorted(answer.json()["outcome"] for answer in answers) == ["created"] + ["unchanged"] * 7


def test_a_record_is_read_as_sent_except_for_the_ssn(call):
    put(call, "ssn", ssn="219-09-9991", phone="614 555 0100", birth_date="2027-13-45")
    answer = call.get("/v1/sources/D01/records/ssn")
    assert answer.json()["record"]["phone"] == "614 555 0100"
    assert "219-09" not in answer.text
    assert answer.json()["issues"]


def test_a_local_id_in_the_body_must_equal_the_one_in_the_path(call):
    answer = call.put("/v1/sources/D01/records/one", json=make_child("two"))
    assert problem(answer, 422, "invalid-record")["field"] == "local_id"


def test_an_unknown_source_or_record_is_not_found(call):
    problem(call.put("/v1/sources/NOPE/records/1", json=make_child()), 404, "not-found")
    problem(call.get("/v1/sources/D01/records/nobody"), 404, "not-found")
    problem(call.delete("/v1/sources/D01/records/nobody"), 404, "not-found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 400),
        (b"null", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"{", 400),
        (b'{"first_name":"\xff"}', 400),
        (b'{"first_name":"\\ud800"}', 400),
        (b'{"first_name":NaN}', 400),
        (b'{"flags":' + b"[" * 5000 + b"]" * 5000 + b"}", 400),
        (b'{"first_name":"\\u0000"}', 422),
        (b'{"first_name":{"a":1}}', 422),
        (b'{"first_name":[]}', 422),
        (b'{"first_name":true}', 422),
        (b'{"flags":"x"}', 422),
        (b'{"flags":[{"population":"foster_care"}]}', 422),
        (b'{"race":[' + b",".join([b'"x"'] * 10_000) + b"]}", 422),
        (b'{"guardians":[' + b",".join([b"{}"] * 10_000) + b"]}", 422),
        (b'{"first_name":"' + b"x" * 20_000 + b'"}', 422),
        (b'{"frist_name":"x"}', 422),
        (b'{"source":"D01"}', 422),
        (b'{"as_of":"yesterday"}', 422),
        (b'{"local_id":7}', 422),
        (b'{"identifiers":[{"system":"s","assigner":"a","value":123456789012345678901}]}', 422),
    ],
)
def test_a_hostile_body_is_refused_and_nothing_is_stored(call, body, code):
    answer = call.put("/v1/sources/D01/records/hostile", content=body)
    problem(answer, code, "invalid-input" if code == 400 else "invalid-record")
    assert call.get("/v1/sources/D01/records/hostile").status_code == 404


def test_a_refusal_names_the_field_and_never_the_value(call):
    answer = call.put(
        "/v1/sources/D01/records/refused",
        json={"first_name": SECRET_NAME, "restrictions": [{"kind": SECRET_NAME}]},
    )
    assert problem(answer, 422, "invalid-record")["field"] == "restrictions"
    assert SECRET_NAME not in answer.text
    broken = call.put("/v1/sources/D01/records/refused", content=f'{{"first_name": "{SECRET_NAME}" "x"}}')
    problem(broken, 400, "invalid-input")
    assert SECRET_NAME not in broken.text


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_more_than_a_megabyte_is_too_large(call, chunked):
    body = b'{"first_name":"' + b"x" * 1_000_000 + b'"}'
    chunks = (body[start : start + 50_000] for start in range(0, len(body), 50_000))
    answer = call.put("/v1/sources/D01/records/huge", content=chunks if chunked else body)
    problem(answer, 413, "too-large")


def test_an_idempotency_key_repeats_the_first_answer_and_refuses_another_call(call):
    path, key = "/v1/sources/D01/records/records-once", {"Idempotency-Key": "records-once"}
    child = make_child(None, first_name="Onceia", last_name="Onlyson")
    first = call.put(path, json=child, headers=key).json()
    assert first["outcome"] == "created"
    assert call.put(path, json=child, headers=key).json() == first
    problem(call.put(path, json=child | {"grade": "05"}, headers=key), 422, "idempotency-key-reused")
    deletion_key = {"Idempotency-Key": "records-gone"}
    assert call.delete(path, headers=deletion_key).json()["outcome"] == "withdrawn"
    call.put(path, json=child)
    assert call.delete(path, headers=deletion_key).json()["outcome"] == "withdrawn"
    assert call.get(path).json()["state"] == "active"


def test_a_stored_idempotent_answer_contains_no_value(call, index):
    from sqlalchemy import text

    child = make_child(None, first_name="Keptia", last_name="Secretson")
    call.put("/v1/sources/D01/records/kept", json=child, headers={"Idempotency-Key": "kept"})
    with index.database.read(None) as unit:
        rows = unit.connection.execute(text("SELECT * FROM kept_answer WHERE key = 'kept'")).all()
    assert len(rows) == 1
    assert "Keptia" not in str(rows)


def test_a_record_is_rekeyed_over_http_with_any_characters(call):
    child = make_child(None, first_name="Rekia", last_name="Newman")
    eid = call.put("/v1/sources/D01/records/a%2Fb", json=child).json()["enterprise_id"]
    answer = call.post("/v1/sources/D01/records/a%2Fb/rekey", json={"to": "b%2F/c"})
    assert (answer.status_code, answer.json()["rekeyed"]) == (200, 1)
    assert call.get("/v1/sources/D01/records/b%252F%2Fc").json()["enterprise_id"] == eid
    problem(call.get("/v1/sources/D01/records/a%2Fb"), 404, "not-found")
    problem(call.post("/v1/sources/D01/records/a%2Fb/rekey", json={"to": "x"}), 404, "not-found")
    undo_answer = call.post(f"/v1/steps/{answer.json()['step']}:undo")
    assert undo_answer.status_code == 200, undo_answer.text
    assert call.get("/v1/sources/D01/records/a%2Fb").json()["enterprise_id"] == eid


def test_an_identity_assertion_is_sent_and_withdrawn_over_http(call):
    first_answer = call.put(
        "/v1/sources/CCWIS/records/sa", json=make_child(None, first_name="Saia", last_name="Assert")
    )
    eid = first_answer.json()["enterprise_id"]
    different_child = make_child(None, first_name="Otto", last_name="Different", birth_date="2001-01-01")
    assert (
        call.put("/v1/sources/D01/records/sa", json=different_child | {"same_as": eid}).json()[
            "enterprise_id"
        ]
        == eid
    )
    withdrawn = call.put("/v1/sources/D01/records/sa", json=different_child | {"same_as": None}).json()
    assert withdrawn["enterprise_id"] != eid
    problem(
        call.put("/v1/sources/D01/records/sa", json=different_child | {"same_as": 7}), 400, "invalid-input"
    )
