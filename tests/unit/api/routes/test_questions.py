"""The queue over HTTP: list, read, claim, answer, undo, and ask the source."""

import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from tests.desk import add_doubtful_pair, later
from tests.index import open_test_index
from tests.unit.api.live import add_key, calling, problem


@pytest.fixture
def steward(tmp_path):
    """Client of a steward, on an index with one question."""
    with open_test_index(tmp_path, "sis", "ccwis") as index:
        add_doubtful_pair(index)
        with calling(create_app(index), add_key(index, "ann")) as call:
            call.index = index
            yield call


@pytest.fixture
def key(steward):
    [question] = steward.get("/v1/review-questions").json()["questions"]
    return question["key"]


def other_client(steward, name: str, sources=None, actions=frozenset(Action)):
    return calling(create_app(steward.index), add_key(steward.index, name, actions, sources))


def verdict_on(view, kind: str) -> dict[str, object]:
    [pair] = view["pairs"]
    return {"left": pair["left"], "right": pair["right"], "kind": kind}


def test_a_question_is_listed_read_claimed_answered_and_undone(steward, key):
    page = steward.get("/v1/review-questions", params={"kind": "pair", "source": "sis", "limit": 1}).json()
    assert (page["total"], page["after"]) == (1, None)
    [task] = steward.get("/v1/review-tasks").json()
    assert (task["question"], task["state"], task["claimed_by"]) == (key, "open", None)
    # A task's key is accepted as well as its question's.
    assert steward.post(f"/v1/review-tasks/{task['key']}:claim").json()["claimed_by"] == "ann"
    answer = steward.get(f"/v1/review-questions/{key}")
    view = answer.json()
    state, _, digest = answer.headers["etag"].strip('"').partition("-")
    assert (state, bool(digest)) == (view["etag"], True)
    assert {card["label"]["source"] for card in view["cards"]} == {"sis", "ccwis"}
    body = {"verdicts": [verdict_on(view, "same")], "reason": "typo"}
    preview = steward.post(f"/v1/review-tasks/{key}:decide", json={**body, "preview": True}).json()
    assert (preview["step"], preview["effect"]["preview"]) == (None, True)
    headers = {"If-Match": answer.headers["etag"], "Idempotency-Key": "k1"}
    result = steward.post(f"/v1/review-tasks/{key}:decide", json=body, headers=headers).json()
    assert (result["next_key"], result["effect"]["kind"]) == (None, "decision")
    assert (
        steward.post(f"/v1/review-tasks/{key}:decide", json=body, headers=headers).json()["step"]
        == result["step"]
    )
    assert steward.get("/v1/review-questions").json()["questions"] == []
    closed = steward.get("/v1/review-questions?state=closed").json()["questions"]
    assert [(question["key"], question["closed_because"]) for question in closed] == [(key, "answered")]
    undo_result = steward.post(f"/v1/review-tasks/{key}:undo", json={"step": result["step"]}).json()
    assert undo_result["effect"]["kind"] == "undo"
    assert [entry["action"] for entry in steward.get(f"/v1/review-questions/{key}").json()["history"]] == [
        "claim", "answer", "undo",
    ]  # fmt: skip


def test_a_claimed_question_gives_409_with_the_holder_and_a_stale_answer_412(steward, key):
    steward.post(f"/v1/review-tasks/{key}:claim")
    with other_client(steward, "ben") as ben:
        refusal = problem(ben.post(f"/v1/review-tasks/{key}:claim"), 409, "claimed")
        assert refusal["claimed_by"] == "ann"
        assert refusal["until"] > "2026"
    assert steward.post(f"/v1/review-tasks/{key}:release").json()["state"] == "open"
    view = steward.get(f"/v1/review-questions/{key}").json()
    body = {"verdicts": [verdict_on(view, "same")], "reason": "typo"}
    stale_answer = steward.post(f"/v1/review-tasks/{key}:decide", json=body, headers={"If-Match": '"old"'})
    problem(stale_answer, 412, "stale")
    assert steward.get("/v1/review-questions").json()["total"] == 1


def test_a_question_is_snoozed_assigned_and_escalated(steward, key):
    add_key(steward.index, "zoe")
    assert steward.post(f"/v1/review-tasks/{key}:assign", json={"to": "zoe"}).json()["assigned_to"] == "zoe"
    assert steward.post(f"/v1/review-tasks/{key}:escalate", json={}).json()["assigned_to"] == "role:approver"
    answer = steward.post(f"/v1/review-tasks/{key}:defer", json={"until": "2000-01-01"})
    problem(answer, 400, "invalid-input")
    problem(steward.post(f"/v1/review-tasks/{key}:assign", json={"to": "nobody"}), 404, "not-found")
    problem(steward.post("/v1/review-tasks/q-0:claim"), 404, "not-found")
    problem(steward.post(f"/v1/review-tasks/{key}:claim", json={"force": True}), 400, "invalid-input")
    problem(steward.get("/v1/review-questions?state=lost"), 400, "invalid-input")
    problem(steward.post(f"/v1/review-tasks/{key}:decide", json={"reason": "typo"}), 400, "invalid-input")
    body = {"verdicts": [{"left": 1, "right": 2, "kind": "same"}], "reason": "typo"}
    problem(steward.post(f"/v1/review-tasks/{key}:decide", json=body), 400, "invalid-input")


def test_questions_are_snoozed_in_bulk_one_by_one_but_never_answered_in_bulk(steward, key):
    body = {"keys": [key, "q-0"], "action": "defer", "until": later(days=5).date().isoformat()}
    snoozed, refusal = steward.post("/v1/review-tasks:bulk", json=body).json()
    assert snoozed == {"key": key, "done": True, "why": None}
    assert (refusal["key"], refusal["done"]) == ("q-0", False)
    assert steward.get("/v1/review-questions?state=asleep").json()["total"] == 1
    for members in ({"action": "same"}, {"action": "decide"}, {"action": "defer"}, {"action": "assign"}):
        problem(steward.post("/v1/review-tasks:bulk", json={"keys": [key], **members}), 400, "invalid-input")


def test_an_owner_of_a_record_is_asked_and_answers_over_http(steward, key):
    record = {"source": "sis", "local_id": "1"}
    request = steward.post(
        f"/v1/review-tasks/{key}:ask", json={"record": record, "asks": "confirm-name"}
    ).json()
    owner_of_sis = {Action.QUESTION_ANSWER, Action.RECORD_READ}
    with other_client(steward, "sis-owner", {"sis"}, owner_of_sis) as owner:
        [question] = owner.get("/v1/owner-questions").json()
        assert (question["number"], question["record"]) == (request["numbers"][0], record)
        assert "ccwis" not in owner.get("/v1/owner-questions").text
        problem(owner.get("/v1/review-questions"), 403, "access-denied")
        answered = owner.post(f"/v1/owner-questions/{question['number']}:answer", json={"answer": "right"})
        assert answered.json() == request
        assert [each["answer"] for each in owner.get("/v1/owner-questions?answered=true").json()] == ["right"]
    with other_client(steward, "ccwis-owner", {"ccwis"}, owner_of_sis) as stranger:
        problem(stranger.post("/v1/owner-questions/1:answer", json={"answer": "right"}), 404, "not-found")


def test_a_client_of_one_source_learns_of_no_question_about_another(steward, key):
    with other_client(steward, "district", {"sis"}) as district:
        assert district.get("/v1/review-questions").json() == {"questions": [], "total": 0, "after": None}
        for answer in (
            district.get(f"/v1/review-questions/{key}"),
            district.post(f"/v1/review-tasks/{key}:claim"),
            district.post(f"/v1/review-tasks/{key}:defer", json={"until": "2099-01-01"}),
        ):
            assert answer.status_code in {400, 404}
        problem(district.get(f"/v1/review-questions/{key}"), 404, "not-found")


def test_views_are_saved_replaced_and_deleted_separately_for_each_caller(steward):
    assert steward.get("/v1/review-views").json() == []
    view = {"name": "due in sis", "source": "sis", "due": True}
    [saved] = steward.post("/v1/review-views", json=view).json()
    assert saved == {**view, "kind": None, "state": "open", "mine": False, "burst": None}
    views = steward.post("/v1/review-views", json={"name": "all", "state": "any"}).json()
    assert [(saved_view["name"], saved_view["state"]) for saved_view in views] == [
        ("all", "any"),
        ("due in sis", "open"),
    ]
    [remaining] = steward.post("/v1/review-views:forget", json={"name": "due in sis"}).json()
    assert remaining["name"] == "all"
    problem(steward.post("/v1/review-views:forget", json={"name": "due in sis"}), 404, "not-found")
    for body in ({}, {"name": "x", "text": "C-1"}, {"name": "x", "state": "lost"}, {"name": ""}):
        problem(steward.post("/v1/review-views", json=body), 400, "invalid-input")
    with other_client(steward, "ben") as ben:
        assert ben.get("/v1/review-views").json() == []
    with other_client(steward, "feed", actions=frozenset({Action.RECORD_WRITE})) as feed:
        problem(feed.get("/v1/review-views"), 403, "access-denied")
