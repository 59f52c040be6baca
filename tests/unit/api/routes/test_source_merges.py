"""Merges and splits of a source's own local IDs, over HTTP."""

from mpi.api.app import create_app
from tests.index import make_child
from tests.unit.api.live import add_key, calling, problem

PATH = "/v1/sources/D01/merges"


def put(call, local_id: str) -> str:
    child = make_child(None, first_name=local_id * 2, last_name=local_id * 3)
    return call.put(f"/v1/sources/D01/records/{local_id}", json=child).json()["enterprise_id"]


def test_a_merge_is_stated_listed_and_taken_back(call):
    first, second = put(call, "mergeda"), put(call, "mergedb")
    body = {"merges": [{"old_local_id": "mergedb", "new_local_id": "mergeda", "date": "2026-01-05"}]}
    preview = call.post(PATH, json=body | {"preview": True}).json()
    assert (preview["new"], preview["moved"], preview["stated"], preview["preview"]) == (1, 1, [], True)
    answer = call.post(PATH, json=body)
    assert (answer.status_code, answer.json()["new"]) == (200, 1)
    [number] = answer.json()["stated"]
    assert call.post(PATH, json=body).json()["unchanged"] == 1
    listed = call.get(PATH, params={"limit": 1}).json()
    assert [(each["number"], each["kind"], each["status"]) for each in listed] == [
        (number, "merge", "in_force")
    ]
    assert listed[0]["stated_by"] == "district-01"
    ids = {call.get(f"/v1/sources/D01/records/merged{name}").json()["enterprise_id"] for name in "ab"}
    assert len(ids) == 1
    assert ids < {first, second}
    assert call.delete(f"{PATH}/{number}").json() == {"source": "D01", "number": number, "moved": 1}
    assert call.get("/v1/sources/D01/records/mergedb").json()["enterprise_id"] == second
    problem(call.delete(f"{PATH}/{number}"), 409, "conflict")


def test_a_circle_is_answered_409_with_the_place(call):
    merges = [
        {"old_local_id": "circlea", "new_local_id": "circleb"},
        {"old_local_id": "circleb", "new_local_id": "circlea"},
    ]
    answer = call.post(PATH, json={"merges": merges})
    problem(answer, 409, "conflict")
    assert "merges[1]" in answer.json()["detail"]
    assert all(each["old_local_id"] != "circlea" for each in call.get(PATH).json())


def test_wrong_bodies_are_refused_by_place_without_values(call):
    wrong_bodies = [
        {},
        {"merges": []},
        {"merges": [{"old_local_id": "Xanthippe"}]},
        {"merges": [{"old_local_id": "Xanthippe", "new_local_id": "b", "kind": "join"}]},
        {"merges": [{"old_local_id": "Xanthippe", "new_local_id": "b", "since": "x"}]},
        {"merges": [{"old_local_id": 7, "new_local_id": "b"}]},
        {"merges": [{"old_local_id": "a", "new_local_id": "b"}] * 1001},
    ]
    for body in wrong_bodies:
        answer = call.post(PATH, json=body)
        assert answer.status_code == 400, body
        assert "Xanthippe" not in answer.text


def test_a_client_of_another_source_may_do_none_of_it(index, call):
    body = {"merges": [{"old_local_id": "othera", "new_local_id": "otherb"}]}
    [number] = call.post(PATH, json=body).json()["stated"]
    with calling(create_app(index), add_key(index, "other-source", sources={"CCWIS"})) as other:
        answers = [other.post(PATH, json=body), other.get(PATH), other.delete(f"{PATH}/{number}")]
        unknown = other.delete(f"/v1/sources/CCWIS/merges/{number}")
    assert [answer.status_code for answer in answers] == [403, 403, 403]
    problem(unknown, 404, "not-found")


def test_a_number_that_is_no_statement_is_unknown(call):
    problem(call.delete(f"{PATH}/999999"), 404, "not-found")


def test_retired_ids_are_listed_page_by_page_with_their_survivors(index, call):
    old = {put(call, f"retired{name}") for name in "abc"}
    merges = [{"old_local_id": f"retired{name}", "new_local_id": "retireda"} for name in "bc"]
    call.post(PATH, json={"merges": merges})
    survivor = call.get("/v1/sources/D01/records/retireda").json()["enterprise_id"]
    path = "/v1/sources/D01/retired-ids"
    listed, after = [], None
    while True:
        page = call.get(path, params={"limit": 1} | ({} if after is None else {"after": after})).json()
        listed += page["retired"]
        after = page["cursor"]
        if after is None:
            break
    own = [each for each in listed if each["enterprise_id"] in old]
    assert {each["enterprise_id"] for each in own} == old - {survivor}
    assert all(each["now"] == [survivor] for each in own)
    problem(call.get(path, params={"after": "x"}), 400, "invalid-input")
    with calling(create_app(index), add_key(index, "other-reader", sources={"CCWIS"})) as other:
        assert other.get(path).status_code == 403


def test_the_second_child_of_a_shared_local_id_gets_a_record(call):
    first = make_child(None, first_name="Sharona", last_name="Quellmore", birth_date="2003-02-01")
    second = make_child(None, first_name="Ulfberht", last_name="Zandvoort", birth_date="2009-09-09")
    path = "/v1/sources/D01/records/shared%2F1"
    first_eid = call.put(path, json=first).json()["enterprise_id"]
    assert call.put(path, json=second).json()["outcome"] == "held"
    preview = call.post(f"{path}/separate", json={"to": "shared/2", "preview": True})
    assert (preview.status_code, preview.json()["step"]) == (200, None)
    effect = call.post(f"{path}/separate", json={"to": "shared/2"})
    assert effect.status_code == 200, effect.text
    second_record = call.get("/v1/sources/D01/records/shared%2F2").json()
    assert second_record["record"]["first_name"] == "Ulfberht"
    assert call.get(path).json()["enterprise_id"] == first_eid != second_record["enterprise_id"]
    problem(call.post(f"{path}/separate", json={"to": "shared/3"}), 409, "conflict")
    assert call.post(f"/v1/steps/{effect.json()['step']}:undo").status_code == 200
