"""Decisions, merges, splits, moves and undo over HTTP."""

from datetime import date, timedelta

import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.viewer import Action, make_operator
from tests.index import make_child, open_test_index
from tests.unit.api.live import a_key, calling, problem

ONE = {"source": "D01", "local_id": "1"}
TWO = {"source": "D01", "local_id": "2"}
HIDDEN = {"source": "CCWIS", "local_id": "1"}
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02"}
SAME = {"kind": "SAME", "groups": [[ONE, TWO]], "reason": "same-child"}


@pytest.fixture
def fresh(tmp_path):
    with open_test_index(tmp_path, "D01", "CCWIS") as index:
        yield index


@pytest.fixture
def steward(fresh):
    """A client that may do everything, and two persons: Amara with two records, Bo with one."""
    with calling(create_app(fresh), a_key(fresh, "steward")) as client:
        for path, child in (("D01/records/1", {}), ("CCWIS/records/1", {}), ("D01/records/2", BO)):
            answer = client.put(f"/v1/sources/{path}", json=make_child(None, **child))
            assert answer.status_code == 200
        yield client


@pytest.fixture
def district(fresh):
    with calling(create_app(fresh), a_key(fresh, "district", frozenset(Action), {"D01"})) as client:
        yield client


def eid(client, source, local_id) -> str:
    found = client.get("/v1/crosswalk", params={"source": source, "local_id": local_id})
    return found.json()["enterprise_id"]


def both(client) -> list[str]:
    return [eid(client, "D01", "1"), eid(client, "D01", "2")]


def merged(client, **more):
    return client.post("/v1/persons:merge", json={"eids": both(client), "reason": "same-child", **more})


def test_a_merge_is_previewed_applied_with_if_match_and_undone(steward):
    before = both(steward)
    seen = merged(steward, preview=True)
    assert seen.status_code == 200
    assert both(steward) == before
    done = steward.post(
        "/v1/persons:merge",
        json={"eids": before, "reason": "same-child"},
        headers={"If-Match": f'"{seen.json()["etag"]}"'},
    ).json()
    assert (done["persons"], done["moved"]) == (seen.json()["persons"], seen.json()["moved"])
    assert len(set(both(steward))) == 1
    undone = steward.post(f"/v1/decisions/{done['decisions'][0]}:undo", json={"reason": "mistaken"})
    assert undone.status_code == 200
    assert both(steward) == before
    causes = [s["cause"] for s in steward.get(f"/v1/persons/{before[1]}/lineage").json()]
    assert causes == ["upsert", "merge", "undo merge"]


def test_a_stale_tag_gives_412_in_one_line_and_changes_nothing(steward):
    seen = merged(steward, preview=True).json()["etag"]
    tags = ", ".join(steward.get(f"/v1/persons/{each}").headers["etag"] for each in both(steward))
    assert merged(steward, preview=True).status_code == 200
    steward.put("/v1/sources/D01/records/1", json=make_child(None, grade="05"))
    for stale in (f'"{seen}"', tags, '"x"'):
        answer = steward.post(
            "/v1/persons:merge",
            json={"eids": both(steward), "reason": "same-child"},
            headers={"If-Match": stale},
        )
        assert "\n" not in problem(answer, 412, "stale")["detail"]
    assert len(set(both(steward))) == 2
    tags = ", ".join(steward.get(f"/v1/persons/{each}").headers["etag"] for each in both(steward))
    answer = steward.post(
        "/v1/persons:merge", json={"eids": both(steward), "reason": "same-child"}, headers={"If-Match": tags}
    )
    assert answer.status_code == 200


def test_a_contradiction_gives_409_with_the_chain(steward):
    apart = steward.post("/v1/decisions", json=SAME | {"kind": "DIFFERENT", "groups": [[ONE], [TWO]]}).json()
    told = problem(steward.post("/v1/decisions", json=SAME), 409, "decision-conflict")
    assert told["chain"] == apart["decisions"]
    assert problem(merged(steward), 409, "decision-conflict")["chain"] == apart["decisions"]
    assert merged(steward, supersedes=apart["decisions"]).status_code == 200


def test_a_split_and_a_move(steward):
    amara, bo = both(steward)
    split = steward.post(
        f"/v1/persons/{amara}:split", json={"groups": [[ONE], [HIDDEN]], "keep": 1, "reason": "x"}
    )
    assert split.status_code == 200
    assert eid(steward, "CCWIS", "1") == amara
    assert steward.post(f"/v1/steps/{split.json()['step']}:undo").status_code == 200
    moved = steward.post(f"/v1/persons/{amara}:move", json={"records": [HIDDEN], "to": bo, "reason": "x"})
    assert moved.status_code == 200
    assert eid(steward, "CCWIS", "1") == bo


def test_decisions_are_read_and_listed(steward):
    made = steward.post("/v1/decisions", json=SAME | {"note": "seen at school"}).json()
    [number] = made["decisions"]
    found = steward.get(f"/v1/decisions/{number}").json()
    assert (found["by"], found["notes"], found["groups"]) == ("steward", ["seen at school"], [[ONE, TWO]])
    assert [each["id"] for each in steward.get("/v1/decisions").json()] == [number]
    assert steward.get("/v1/decisions", params={"before": number}).json() == []
    problem(steward.get("/v1/decisions/99"), 404, "not-found")
    problem(steward.get("/v1/decisions/x"), 400, "invalid-parameter")


def test_the_same_call_under_one_key_is_done_once_and_answered_the_same(steward):
    key = {"Idempotency-Key": "k1"}
    body = {"kind": "UNSURE", "groups": [[ONE, TWO]], "reason": "x"}
    first = steward.post("/v1/decisions", json=body, headers=key)
    again = steward.post("/v1/decisions", json=body, headers=key)
    assert first.json() == again.json()
    assert len(steward.get("/v1/decisions").json()) == 1
    other = steward.post("/v1/decisions", json=body | {"reason": "y"}, headers=key)
    problem(other, 422, "idempotency-key-reused")
    undo = steward.post(f"/v1/decisions/{first.json()['decisions'][0]}:undo", headers=key)
    problem(undo, 422, "idempotency-key-reused")
    problem(
        steward.post("/v1/decisions", json=body, headers={"Idempotency-Key": "x" * 201}), 400, "invalid-input"
    )


def test_a_merge_under_one_key_is_done_once_and_another_client_has_keys_of_its_own(steward, fresh):
    eids = both(steward)
    body, key = {"eids": eids, "reason": "same-child"}, {"Idempotency-Key": "k1"}
    first = steward.post("/v1/persons:merge", json=body, headers=key)
    assert steward.post("/v1/persons:merge", json=body, headers=key).json() == first.json()
    with calling(create_app(fresh), a_key(fresh, "other")) as other:
        problem(other.post("/v1/persons:merge", json=body, headers=key), 409, "conflict")


def test_a_kept_answer_does_not_show_a_record_that_was_sealed_since(steward):
    key = {"Idempotency-Key": "k1"}
    first = merged_under(steward, key)
    assert first.status_code == 200
    body = {"eids": [p["enterprise_id"] for p in first.json()["persons"]], "reason": "same-child"}
    steward.put("/v1/sources/D01/records/2", json=make_child(None, restrictions=[{"kind": "sealed"}]))
    again = steward.post("/v1/persons:merge", json=body, headers=key)
    problem(again, 409, "conflict")


def merged_under(client, key):
    eids = both(client)
    preview = client.post("/v1/persons:merge", json={"eids": eids, "reason": "x", "preview": True}).json()
    body = {"eids": [p["enterprise_id"] for p in preview["persons"]], "reason": "same-child"}
    return client.post("/v1/persons:merge", json=body, headers=key)


def test_a_client_of_one_source_meets_nothing_of_another(steward, district):
    """What it may not see answers as what is not there, whatever is asked."""
    mixed = {"kind": "SAME", "groups": [[TWO, HIDDEN]], "reason": "x"}
    number = steward.post("/v1/decisions", json=mixed).json()["decisions"][0]
    steward.put("/v1/sources/CCWIS/records/9", json=make_child(None, first_name="Uma", last_name="Xu"))
    hidden, amara = eid(steward, "CCWIS", "9"), eid(steward, "D01", "1")
    nobody = "T7K3-M92Q-X0HN"

    def told(answer) -> tuple[int, dict]:
        return answer.status_code, {k: v for k, v in answer.json().items() if k != "instance"}

    absent = {"source": "D01", "local_id": "999"}
    for unknown, unseen in ((absent, HIDDEN), ({"source": "X", "local_id": "1"}, HIDDEN)):
        bodies = [{"kind": "SAME", "groups": [[ONE, each]], "reason": "x"} for each in (unknown, unseen)]
        first, second = (told(district.post("/v1/decisions", json=body)) for body in bodies)
        assert first == second
        assert first[0] == 404
        parts = [{"groups": [[each]], "reason": "x"} for each in (unknown, unseen)]
        first, second = (told(district.post(f"/v1/persons/{amara}:split", json=body)) for body in parts)
        assert first == second
    for path, body in (
        ("/v1/persons/{}:split", {"groups": [[ONE]], "reason": "x"}),
        ("/v1/persons/{}:move", {"records": [ONE], "to": amara, "reason": "x"}),
    ):
        first, second = (told(district.post(path.format(each), json=body)) for each in (nobody, hidden))
        assert first == second
    first, second = (
        told(district.post("/v1/persons:merge", json={"eids": [amara, each], "reason": "x"}))
        for each in (nobody, hidden)
    )
    assert first == second
    assert told(district.get(f"/v1/decisions/{number}"))[0] == 404
    assert told(district.post(f"/v1/decisions/{number}:undo"))[0] == 404
    step = steward.get(f"/v1/decisions/{number}").json()["step"]
    assert told(district.post(f"/v1/steps/{step}:undo"))[0] == 404
    assert district.get("/v1/decisions").json() == []
    merged = district.post("/v1/decisions", json=SAME)
    assert merged.status_code == 200
    assert "CCWIS" not in merged.text


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
def test_a_body_that_is_wrong_is_refused_and_not_quoted(steward, path, body):
    answer = steward.post(path, json=body)
    assert answer.status_code == 400
    assert "Amara" not in answer.text


def test_an_encoded_colon_is_data_and_never_an_action(steward):
    amara = eid(steward, "D01", "1")
    body = {"groups": [[ONE]], "reason": "x"}
    for path in (f"/v1/persons/{amara}%3Asplit", "/v1/persons%3Amerge", "/v1/decisions/1%3Aundo"):
        problem(steward.post(path, json=body), 404, "not-found")
    assert steward.get("/v1/decisions").json() == []


def test_any_client_reports_a_wrong_link_which_changes_nothing_and_is_a_task(steward, fresh):
    scope = frozenset({Action.LINK_REPORT})
    body = {
        "kind": "DIFFERENT",
        "groups": [[ONE], [TWO]],
        "reason": "wrong-child",
        "note": "seen at the school",
    }
    with calling(create_app(fresh), a_key(fresh, "school", scope, {"D01"})) as school:
        before = both(steward)
        claim = school.post("/v1/link-reports", json=body).json()["claim"]
        hidden = school.post("/v1/link-reports", json=body | {"groups": [[ONE], [HIDDEN]]})
        assert problem(hidden, 404, "not-found")["detail"] == "group 2, record 1: there is no such record"
        problem(school.post("/v1/decisions", json=body), 403, "access-denied")
        problem(school.post("/v1/link-reports", json=body | {"kind": "UNSURE"}), 400, "invalid-input")
    assert both(steward) == before
    [task] = steward.get("/v1/review-tasks").json()
    assert (task["kind"], task["decisions"]) == ("claim", [claim])
    assert steward.get(f"/v1/decisions/{claim}").json()["status"] == "review"
    assert steward.post(f"/v1/decisions/{claim}:undo").status_code == 200
    assert steward.get("/v1/review-tasks").json() == []


def test_a_number_that_no_store_can_hold_is_nobodys_and_one_named_twice_is_one(steward):
    first = steward.post("/v1/decisions", json=SAME).json()["decisions"]
    problem(steward.post("/v1/decisions", json=SAME | {"supersedes": [2**63]}), 404, "not-found")
    apart = {"kind": "DIFFERENT", "groups": [[ONE], [TWO]], "reason": "x", "supersedes": first * 2}
    assert steward.post("/v1/decisions", json=apart).status_code == 200


def test_an_answer_that_is_given_again_is_on_the_ledger_again(steward, fresh):
    """Whoever asks twice has received it twice, perhaps for another purpose."""
    bodies = {"/v1/decisions": SAME, "/v1/persons:merge": {"eids": both(steward), "reason": "x"}}
    for path, body in reversed(bodies.items()):
        headers = {"Idempotency-Key": path}
        first = steward.post(path, json=body, headers=headers)
        again = steward.post(path, json=body, headers=headers | {"Purpose-Of-Use": "court_report"})
        assert again.json() == first.json()
        with fresh.database.read(make_operator()) as unit:
            before, last = unit.disclosures.all()[-2:]
        assert (last.purpose, last.action, last.record_ids) == ("court_report", "decide", before.record_ids)
        assert last.record_ids


def test_a_freeze_window_holds_a_merge_until_it_is_lifted(steward, district):
    today, later = clock.today(), (date.fromisoformat(clock.today()) + timedelta(days=3)).isoformat()
    days = {"begins_on": today, "ends_on": later, "reason": "count-day"}
    made = steward.post("/v1/sources/D01:freeze", json=days)
    assert (made.status_code, made.json()["state"]) == (200, "open")
    assert merged(steward).json()["held_until"] == later
    assert len(set(both(steward))) == 2
    assert [window["source"] for window in district.get("/v1/freeze-windows").json()] == ["D01"]
    assert steward.post("/v1/freeze-windows/1:lift", json={}).json()["state"] == "lifted"
    assert len(set(both(steward))) == 1
    assert steward.post("/v1/freeze-windows/1:lift", json={}).status_code == 409
    assert steward.post("/v1/sources/D01:freeze", json={**days, "ends_on": today}).status_code == 400
    assert district.post("/v1/sources/CCWIS:freeze", json=days).status_code == 403
