"""Decisions, merges, splits, moves and undo over HTTP."""

from datetime import date, timedelta

import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.viewer import Action, make_operator
from tests.index import make_child
from tests.unit.api.live import add_key, calling, problem

ONE = {"source": "D01", "local_id": "1"}
TWO = {"source": "D01", "local_id": "2"}
HIDDEN = {"source": "CCWIS", "local_id": "1"}
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02"}
SAME = {"kind": "SAME", "groups": [[ONE, TWO]], "reason": "same-child"}


@pytest.fixture
def steward(fresh_index):
    """Client that may do everything, with two persons: Amara with two records, Bo with one."""
    with calling(create_app(fresh_index), add_key(fresh_index, "steward")) as client:
        for path, child in (("D01/records/1", {}), ("CCWIS/records/1", {}), ("D01/records/2", BO)):
            answer = client.put(f"/v1/sources/{path}", json=make_child(None, **child))
            assert answer.status_code == 200
        yield client


@pytest.fixture
def district(fresh_index):
    with calling(
        create_app(fresh_index), add_key(fresh_index, "district", frozenset(Action), {"D01"})
    ) as client:
        yield client


def eid(client, source, local_id) -> str:
    crosswalk = client.get("/v1/crosswalk", params={"source": source, "local_id": local_id})
    return crosswalk.json()["enterprise_id"]


def person_ids(client) -> list[str]:
    return [eid(client, "D01", "1"), eid(client, "D01", "2")]


def merge(client, **members):
    body = {"eids": person_ids(client), "reason": "same-child", **members}
    return client.post("/v1/persons:merge", json=body)


def test_a_merge_is_previewed_applied_with_if_match_and_undone(steward):
    eids_before = person_ids(steward)
    preview = merge(steward, preview=True)
    assert preview.status_code == 200
    assert person_ids(steward) == eids_before
    effect = steward.post(
        "/v1/persons:merge",
        json={"eids": eids_before, "reason": "same-child"},
        headers={"If-Match": f'"{preview.json()["etag"]}"'},
    ).json()
    assert (effect["persons"], effect["moved"]) == (preview.json()["persons"], preview.json()["moved"])
    assert len(set(person_ids(steward))) == 1
    undo_answer = steward.post(f"/v1/decisions/{effect['decisions'][0]}:undo", json={"reason": "mistaken"})
    assert undo_answer.status_code == 200
    assert person_ids(steward) == eids_before
    causes = [s["cause"] for s in steward.get(f"/v1/persons/{eids_before[1]}/lineage").json()]
    assert causes == ["upsert", "merge", "undo merge"]


def test_a_stale_tag_gives_412_in_one_line_and_changes_nothing(steward):
    etag = merge(steward, preview=True).json()["etag"]
    tags = ", ".join(
        steward.get(f"/v1/persons/{enterprise_id}").headers["etag"] for enterprise_id in person_ids(steward)
    )
    assert merge(steward, preview=True).status_code == 200
    steward.put("/v1/sources/D01/records/1", json=make_child(None, grade="05"))
    for old_tag in (f'"{etag}"', tags, '"x"'):
        answer = steward.post(
            "/v1/persons:merge",
            json={"eids": person_ids(steward), "reason": "same-child"},
            headers={"If-Match": old_tag},
        )
        assert "\n" not in problem(answer, 412, "stale")["detail"]
    assert len(set(person_ids(steward))) == 2
    tags = ", ".join(
        steward.get(f"/v1/persons/{enterprise_id}").headers["etag"] for enterprise_id in person_ids(steward)
    )
    answer = steward.post(
        "/v1/persons:merge",
        json={"eids": person_ids(steward), "reason": "same-child"},
        headers={"If-Match": tags},
    )
    assert answer.status_code == 200


def test_a_contradiction_gives_409_with_the_chain(steward):
    different = steward.post(
        "/v1/decisions", json=SAME | {"kind": "DIFFERENT", "groups": [[ONE], [TWO]]}
    ).json()
    conflict = problem(steward.post("/v1/decisions", json=SAME), 409, "decision-conflict")
    assert conflict["chain"] == different["decisions"]
    assert problem(merge(steward), 409, "decision-conflict")["chain"] == different["decisions"]
    assert merge(steward, supersedes=different["decisions"]).status_code == 200


def test_a_split_and_a_move(steward):
    amara, bo = person_ids(steward)
    split = steward.post(
        f"/v1/persons/{amara}:split", json={"groups": [[ONE], [HIDDEN]], "keep": 1, "reason": "x"}
    )
    assert split.status_code == 200
    assert eid(steward, "CCWIS", "1") == amara
    assert steward.post(f"/v1/steps/{split.json()['step']}:undo").status_code == 200
    move = steward.post(f"/v1/persons/{amara}:move", json={"records": [HIDDEN], "to": bo, "reason": "x"})
    assert move.status_code == 200
    assert eid(steward, "CCWIS", "1") == bo


def test_decisions_are_read_and_listed(steward):
    effect = steward.post("/v1/decisions", json=SAME | {"note": "seen at school"}).json()
    [number] = effect["decisions"]
    decision = steward.get(f"/v1/decisions/{number}").json()
    assert (decision["by"], decision["notes"], decision["groups"]) == (
        "steward",
        ["seen at school"],
        [[ONE, TWO]],
    )
    assert [each["id"] for each in steward.get("/v1/decisions").json()] == [number]
    assert steward.get("/v1/decisions", params={"before": number}).json() == []
    problem(steward.get("/v1/decisions/99"), 404, "not-found")
    problem(steward.get("/v1/decisions/x"), 400, "invalid-parameter")


def test_an_idempotent_call_is_done_once_and_answered_the_same(steward):
    key = {"Idempotency-Key": "k1"}
    body = {"kind": "UNSURE", "groups": [[ONE, TWO]], "reason": "x"}
    first = steward.post("/v1/decisions", json=body, headers=key)
    second = steward.post("/v1/decisions", json=body, headers=key)
    assert first.json() == second.json()
    assert len(steward.get("/v1/decisions").json()) == 1
    different_body = steward.post("/v1/decisions", json=body | {"reason": "y"}, headers=key)
    problem(different_body, 422, "idempotency-key-reused")
    undo = steward.post(f"/v1/decisions/{first.json()['decisions'][0]}:undo", headers=key)
    problem(undo, 422, "idempotency-key-reused")
    problem(
        steward.post("/v1/decisions", json=body, headers={"Idempotency-Key": "x" * 201}), 400, "invalid-input"
    )


def test_idempotency_keys_of_a_merge_belong_to_their_client(steward, fresh_index):
    eids = person_ids(steward)
    body, key = {"eids": eids, "reason": "same-child"}, {"Idempotency-Key": "k1"}
    first = steward.post("/v1/persons:merge", json=body, headers=key)
    assert steward.post("/v1/persons:merge", json=body, headers=key).json() == first.json()
    with calling(create_app(fresh_index), add_key(fresh_index, "other")) as other_client:
        problem(other_client.post("/v1/persons:merge", json=body, headers=key), 409, "conflict")


def test_a_stored_answer_does_not_show_a_record_sealed_since(steward):
    key = {"Idempotency-Key": "k1"}
    first = merge_with_key(steward, key)
    assert first.status_code == 200
    body = {"eids": [p["enterprise_id"] for p in first.json()["persons"]], "reason": "same-child"}
    steward.put("/v1/sources/D01/records/2", json=make_child(None, restrictions=[{"kind": "sealed"}]))
    second = steward.post("/v1/persons:merge", json=body, headers=key)
    problem(second, 409, "conflict")


def merge_with_key(client, key):
    eids = person_ids(client)
    preview = client.post("/v1/persons:merge", json={"eids": eids, "reason": "x", "preview": True}).json()
    body = {"eids": [p["enterprise_id"] for p in preview["persons"]], "reason": "same-child"}
    return client.post("/v1/persons:merge", json=body, headers=key)


def test_a_client_of_one_source_sees_nothing_of_another(steward, district):
    """A hidden record is answered like a missing one, whatever is requested."""
    mixed = {"kind": "SAME", "groups": [[TWO, HIDDEN]], "reason": "x"}
    number = steward.post("/v1/decisions", json=mixed).json()["decisions"][0]
    steward.put("/v1/sources/CCWIS/records/9", json=make_child(None, first_name="Uma", last_name="Xu"))
    hidden, amara = eid(steward, "CCWIS", "9"), eid(steward, "D01", "1")
    nobody = "T7K3-M92Q-X0HN"

    def comparable(answer) -> tuple[int, dict]:
        return answer.status_code, {k: v for k, v in answer.json().items() if k != "instance"}

    absent = {"source": "D01", "local_id": "999"}
    for unknown, hidden_record in ((absent, HIDDEN), ({"source": "X", "local_id": "1"}, HIDDEN)):
        bodies = [
            {"kind": "SAME", "groups": [[ONE, each]], "reason": "x"} for each in (unknown, hidden_record)
        ]
        first, second = (comparable(district.post("/v1/decisions", json=body)) for body in bodies)
        assert first == second
        assert first[0] == 404
        parts = [{"groups": [[each]], "reason": "x"} for each in (unknown, hidden_record)]
        first, second = (comparable(district.post(f"/v1/persons/{amara}:split", json=body)) for body in parts)
        assert first == second
    for path, body in (
        ("/v1/persons/{}:split", {"groups": [[ONE]], "reason": "x"}),
        ("/v1/persons/{}:move", {"records": [ONE], "to": amara, "reason": "x"}),
    ):
        first, second = (comparable(district.post(path.format(each), json=body)) for each in (nobody, hidden))
        assert first == second
    first, second = (
        comparable(district.post("/v1/persons:merge", json={"eids": [amara, each], "reason": "x"}))
        for each in (nobody, hidden)
    )
    assert first == second
    assert comparable(district.get(f"/v1/decisions/{number}"))[0] == 404
    assert comparable(district.post(f"/v1/decisions/{number}:undo"))[0] == 404
    step = steward.get(f"/v1/decisions/{number}").json()["step"]
    assert comparable(district.post(f"/v1/steps/{step}:undo"))[0] == 404
    assert district.get("/v1/decisions").json() == []
    merge = district.post("/v1/decisions", json=SAME)
    assert merge.status_code == 200
    assert "CCWIS" not in merge.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/decisions", {"kind": "PERHAPS", "groups": [[ONE, TWO]], "reason": "x"}),
        ("/v1/decisions", {"kind": "SAME", "groups": "Amara", "reason": "x"}),
        ("/v1/decisions", {"kind": "SAME", "groups": [["Amara"]], "reason": "x"}),
        ("/v1/decisions", {"kind": "SAME", "groups": [[ONE, TWO | {"name": "Amara"}]], "reason": "x"}),
        ("/v1/decisions", {"kind": "SAME", "groups": [[ONE, TWO]], "reason": "Amara" * 20}),
        ("/v1/decisions", {"kind": "SAME", "groups": [[ONE, TWO]], "reason": 7}),
        ("/v1/decisions", {"kind": "SAME", "groups": [[ONE, TWO]], "reason": "x", "Amara": 1}),
        ("/v1/decisions", {"kind": "SAME", "groups": [[ONE, TWO]]}),
        ("/v1/decisions", {"kind": "SAME", "groups": [[ONE, TWO]], "reason": "x", "supersedes": ["Amara"]}),
        ("/v1/decisions", {"kind": "SAME", "groups": [[ONE, TWO]], "reason": "x", "recheck_on": "Amara"}),
        ("/v1/decisions", {"kind": "SAME", "groups": [[ONE, TWO]], "reason": "x", "preview": "Amara"}),
        ("/v1/persons:merge", {"eids": "Amara", "reason": "x"}),
        ("/v1/persons:merge", {"eids": ["Amara"], "reason": "x"}),
        ("/v1/persons:merge", {"eids": [], "reason": "x"}),
    ],
)
def test_an_invalid_body_is_refused_and_not_quoted(steward, path, body):
    answer = steward.post(path, json=body)
    assert answer.status_code == 400
    assert "Amara" not in answer.text


def test_an_encoded_colon_is_data_and_never_an_action(steward):
    amara = eid(steward, "D01", "1")
    body = {"groups": [[ONE]], "reason": "x"}
    for path in (f"/v1/persons/{amara}%3Asplit", "/v1/persons%3Amerge", "/v1/decisions/1%3Aundo"):
        problem(steward.post(path, json=body), 404, "not-found")
    assert steward.get("/v1/decisions").json() == []


def test_any_client_may_report_a_wrong_link_which_opens_a_task(steward, fresh_index):
    scope = frozenset({Action.LINK_REPORT})
    body = {
        "kind": "DIFFERENT",
        "groups": [[ONE], [TWO]],
        "reason": "wrong-child",
        "note": "seen at the school",
    }
    with calling(create_app(fresh_index), add_key(fresh_index, "school", scope, {"D01"})) as school:
        eids_before = person_ids(steward)
        claim = school.post("/v1/link-reports", json=body).json()["claim"]
        hidden = school.post("/v1/link-reports", json=body | {"groups": [[ONE], [HIDDEN]]})
        assert problem(hidden, 404, "not-found")["detail"] == "group 2, record 1: there is no such record"
        problem(school.post("/v1/decisions", json=body), 403, "access-denied")
        problem(school.post("/v1/link-reports", json=body | {"kind": "UNSURE"}), 400, "invalid-input")
    assert person_ids(steward) == eids_before
    [task] = steward.get("/v1/review-tasks").json()
    assert (task["kind"], task["decisions"]) == ("claim", [claim])
    assert steward.get(f"/v1/decisions/{claim}").json()["status"] == "review"
    assert steward.post(f"/v1/decisions/{claim}:undo").status_code == 200
    assert steward.get("/v1/review-tasks").json() == []


def test_a_number_too_large_is_unknown_and_a_duplicate_counts_once(steward):
    first = steward.post("/v1/decisions", json=SAME).json()["decisions"]
    problem(steward.post("/v1/decisions", json=SAME | {"supersedes": [2**63]}), 404, "not-found")
    different = {"kind": "DIFFERENT", "groups": [[ONE], [TWO]], "reason": "x", "supersedes": first * 2}
    assert steward.post("/v1/decisions", json=different).status_code == 200


def test_a_repeated_answer_is_on_the_ledger_again(steward, fresh_index):
    """A caller who asks twice has received it twice, perhaps for another purpose."""
    bodies = {"/v1/decisions": SAME, "/v1/persons:merge": {"eids": person_ids(steward), "reason": "x"}}
    for path, body in reversed(bodies.items()):
        headers = {"Idempotency-Key": path}
        first = steward.post(path, json=body, headers=headers)
        second = steward.post(path, json=body, headers=headers | {"Purpose-Of-Use": "court_report"})
        assert second.json() == first.json()
        with fresh_index.database.read(make_operator()) as unit:
            first_line, second_line = unit.disclosures.all()[-2:]
        assert (second_line.purpose, second_line.action, second_line.record_ids) == (
            "court_report",
            "decide",
            first_line.record_ids,
        )
        assert second_line.record_ids


def test_a_freeze_window_holds_a_merge_until_it_is_lifted(steward, district):
    today, end_date = clock.today(), (date.fromisoformat(clock.today()) + timedelta(days=3)).isoformat()
    days = {"begins_on": today, "ends_on": end_date, "reason": "count-day"}
    freeze = steward.post("/v1/sources/D01:freeze", json=days)
    assert (freeze.status_code, freeze.json()["state"]) == (200, "open")
    assert merge(steward).json()["held_until"] == end_date
    assert len(set(person_ids(steward))) == 2
    assert [window["source"] for window in district.get("/v1/freeze-windows").json()] == ["D01"]
    assert steward.post("/v1/freeze-windows/1:lift", json={}).json()["state"] == "lifted"
    assert len(set(person_ids(steward))) == 1
    assert steward.post("/v1/freeze-windows/1:lift", json={}).status_code == 409
    assert steward.post("/v1/sources/D01:freeze", json={**days, "ends_on": today}).status_code == 400
    assert district.post("/v1/sources/CCWIS:freeze", json=days).status_code == 403
