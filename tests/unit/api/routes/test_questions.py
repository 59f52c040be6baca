"""The queue over HTTP: list, read, claim, answer, take back, and ask the source."""

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from tests.desk import add_doubtful_pair, later
from tests.index import open_test_index
from tests.unit.api.live import a_key, calling, problem


@pytest.fixture
def own(tmp_path):
    """An index with one question, and a steward who calls."""
    with open_test_index(tmp_path, "sis", "ccwis") as index:
        add_doubtful_pair(index)
        with calling(create_app(index), a_key(index, "ann")) as call:
            call.index = index
            yield call


@pytest.fixture
def key(own):
    [one] = own.get("/v1/review-questions").json()["questions"]
    return one["key"]


def other(own, name: str, sources=None, actions=frozenset(Action)):
    return calling(create_app(own.index), a_key(own.index, name, actions, sources))


def a_verdict(view, kind: str) -> dict[str, object]:
    [pair] = view["pairs"]
    return {"left": pair["left"], "right": pair["right"], "kind": kind}


def test_a_question_is_listed_read_claimed_answered_and_taken_back(own, key):
    page = own.get("/v1/review-questions", params={"kind": "pair", "source": "sis", "limit": 1}).json()
    assert (page["total"], page["after"]) == (1, None)
    [task] = own.get("/v1/review-tasks").json()
    assert (task["question"], task["state"], task["claimed_by"]) == (key, "open", None)
    # A task's own key leads to its question.
    assert own.post(f"/v1/review-tasks/{task['key']}:claim").json()["claimed_by"] == "ann"
    answer = own.get(f"/v1/review-questions/{key}")
    view = answer.json()
    assert answer.headers["etag"] == f'"{view["etag"]}"'
    assert {card["label"]["source"] for card in view["cards"]} == {"sis", "ccwis"}
    body = {"verdicts": [a_verdict(view, "same")], "reason": "typo"}
    seen = own.post(f"/v1/review-tasks/{key}:decide", json={**body, "preview": True}).json()
    assert (seen["step"], seen["effect"]["preview"]) == (None, True)
    headers = {"If-Match": answer.headers["etag"], "Idempotency-Key": "k1"}
    done = own.post(f"/v1/review-tasks/{key}:decide", json=body, headers=headers).json()
    assert (done["next_key"], done["effect"]["kind"]) == (None, "decision")
    assert (
        own.post(f"/v1/review-tasks/{key}:decide", json=body, headers=headers).json()["step"] == done["step"]
    )
    assert own.get("/v1/review-questions").json()["questions"] == []
    closed = own.get("/v1/review-questions?state=closed").json()["questions"]
    assert [(one["key"], one["closed_because"]) for one in closed] == [(key, "answered")]
    undone = own.post(f"/v1/review-tasks/{key}:undo", json={"step": done["step"]}).json()
    assert undone["effect"]["kind"] == "undo"
    assert [act["action"] for act in own.get(f"/v1/review-questions/{key}").json()["history"]] == [
        "claim", "answer", "undo",
    ]  # fmt: skip


def test_who_has_a_question_is_told_with_409_and_a_stale_answer_with_412(own, key):
    own.post(f"/v1/review-tasks/{key}:claim")
    with other(own, "ben") as ben:
        told = problem(ben.post(f"/v1/review-tasks/{key}:claim"), 409, "claimed")
        assert told["claimed_by"] == "ann"
        assert told["until"] > "2026"
    assert own.post(f"/v1/review-tasks/{key}:release").json()["state"] == "open"
    view = own.get(f"/v1/review-questions/{key}").json()
    body = {"verdicts": [a_verdict(view, "same")], "reason": "typo"}
    stale = own.post(f"/v1/review-tasks/{key}:decide", json=body, headers={"If-Match": '"old"'})
    problem(stale, 412, "stale")
    assert own.get("/v1/review-questions").json()["total"] == 1


def test_a_question_is_put_off_given_away_and_escalated(own, key):
    a_key(own.index, "zoe")
    assert own.post(f"/v1/review-tasks/{key}:assign", json={"to": "zoe"}).json()["assigned_to"] == "zoe"
    assert own.post(f"/v1/review-tasks/{key}:escalate", json={}).json()["assigned_to"] == "role:approver"
    put_off = own.post(f"/v1/review-tasks/{key}:defer", json={"until": "2000-01-01"})
    problem(put_off, 400, "invalid-input")
    problem(own.post(f"/v1/review-tasks/{key}:assign", json={"to": "nobody"}), 404, "not-found")
    problem(own.post("/v1/review-tasks/q-0:claim"), 404, "not-found")
    problem(own.post(f"/v1/review-tasks/{key}:claim", json={"force": True}), 400, "invalid-input")
    problem(own.get("/v1/review-questions?state=lost"), 400, "invalid-input")
    problem(own.post(f"/v1/review-tasks/{key}:decide", json={"reason": "typo"}), 400, "invalid-input")
    wrong = {"verdicts": [{"left": 1, "right": 2, "kind": "same"}], "reason": "typo"}
    problem(own.post(f"/v1/review-tasks/{key}:decide", json=wrong), 400, "invalid-input")


def test_several_questions_are_put_off_at_once_each_for_itself_and_none_is_answered_in_bulk(own, key):
    body = {"keys": [key, "q-0"], "action": "defer", "until": later(days=5).date().isoformat()}
    done, refused = own.post("/v1/review-tasks:bulk", json=body).json()
    assert done == {"key": key, "done": True, "why": None}
    assert (refused["key"], refused["done"]) == ("q-0", False)
    assert own.get("/v1/review-questions?state=asleep").json()["total"] == 1
    for wrong in ({"action": "same"}, {"action": "decide"}, {"action": "defer"}, {"action": "assign"}):
        problem(own.post("/v1/review-tasks:bulk", json={"keys": [key], **wrong}), 400, "invalid-input")


def test_the_owner_of_a_record_is_asked_and_answers_over_http(own, key):
    record = {"source": "sis", "local_id": "1"}
    asked = own.post(f"/v1/review-tasks/{key}:ask", json={"record": record, "asks": "confirm-name"}).json()
    owner_of_sis = {Action.QUESTION_ANSWER, Action.RECORD_READ}
    with other(own, "sis-owner", {"sis"}, owner_of_sis) as owner:
        [one] = owner.get("/v1/owner-questions").json()
        assert (one["number"], one["record"]) == (asked["numbers"][0], record)
        assert "ccwis" not in owner.get("/v1/owner-questions").text
        problem(owner.get("/v1/review-questions"), 403, "access-denied")
        answered = owner.post(f"/v1/owner-questions/{one['number']}:answer", json={"answer": "right"})
        assert answered.json() == asked
        assert [each["answer"] for each in owner.get("/v1/owner-questions?answered=true").json()] == ["right"]
    with other(own, "ccwis-owner", {"ccwis"}, owner_of_sis) as stranger:
        problem(stranger.post("/v1/owner-questions/1:answer", json={"answer": "right"}), 404, "not-found")


def test_a_client_of_one_source_learns_of_no_question_about_another(own, key):
    with other(own, "district", {"sis"}) as district:
        assert district.get("/v1/review-questions").json() == {"questions": [], "total": 0, "after": None}
        for answer in (
            district.get(f"/v1/review-questions/{key}"),
            district.post(f"/v1/review-tasks/{key}:claim"),
            district.post(f"/v1/review-tasks/{key}:defer", json={"until": "2099-01-01"}),
        ):
            assert answer.status_code in {400, 404}
        problem(district.get(f"/v1/review-questions/{key}"), 404, "not-found")


def test_views_are_saved_replaced_and_forgotten_each_callers_own(own):
    assert own.get("/v1/review-views").json() == []
    view = {"name": "due in sis", "source": "sis", "due": True}
    [saved] = own.post("/v1/review-views", json=view).json()
    assert saved == {**view, "kind": None, "state": "open", "mine": False, "burst": None}
    both = own.post("/v1/review-views", json={"name": "all", "state": "any"}).json()
    assert [(one["name"], one["state"]) for one in both] == [("all", "any"), ("due in sis", "open")]
    [kept] = own.post("/v1/review-views:forget", json={"name": "due in sis"}).json()
    assert kept["name"] == "all"
    problem(own.post("/v1/review-views:forget", json={"name": "due in sis"}), 404, "not-found")
    for wrong in ({}, {"name": "x", "text": "C-1"}, {"name": "x", "state": "lost"}, {"name": ""}):
        problem(own.post("/v1/review-views", json=wrong), 400, "invalid-input")
    with other(own, "ben") as ben:
        assert ben.get("/v1/review-views").json() == []
    with other(own, "feed", actions=frozenset({Action.RECORD_WRITE})) as feed:
        problem(feed.get("/v1/review-views"), 403, "access-denied")
