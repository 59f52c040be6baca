"""A program that handles a scenario carelessly fails it, and is told why."""

import time

import pytest

from mpi.sandbox.magic_records import RECORDS_TO_SEND, MagicName
from tests.unit.sandbox.conftest import served_sandbox
from tests.webhook_receiver import receiving


@pytest.fixture(scope="module")
def live():
    with served_sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def call(live):
    with live.calls() as call:
        yield call


def put(call, name, local_id=None):
    source, record = RECORDS_TO_SEND[name]
    local_id = local_id or record["local_id"]
    return call.put(f"/v1/sources/{source}/records/{local_id}", json=record | {"local_id": local_id})


def failed(live, code):
    result, reason = live.results()[code]
    assert result == "failed"
    return reason


def test_nothing_has_passed_at_first(live):
    assert {result for result, _ in live.results().values()} == {"open"}


def test_record_before_a_search_fails(live, call):
    put(call, MagicName.SEARCH)
    call.post("/v1/persons:search", json=RECORDS_TO_SEND[MagicName.SEARCH][1])
    assert "before anybody searched" in failed(live, "search-first")


def test_record_that_is_sent_too_early_fails(live, call):
    answer = put(call, MagicName.LIMIT)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    assert answer.json()["type"] == "urn:mpi:problem:too-many-calls"
    assert put(call, MagicName.LIMIT).status_code == 200
    assert "Retry-After" in failed(live, "rate-limit")


def test_another_local_id_after_a_lost_answer_fails(live, call):
    answer = put(call, MagicName.DOWN)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    put(call, MagicName.DOWN, "V-80")
    assert "second child" in failed(live, "lost-answer")


def test_refused_and_held_records_that_are_sent_again_fail(live, call):
    for name in (MagicName.LAPSE, MagicName.LAPSE, MagicName.OVERLAY, MagicName.OVERLAY):
        put(call, name)
    assert "after 409" in failed(live, "conflict")
    assert "sent again" in failed(live, "overlay")


def test_merge_without_etags_fails(live, call):
    ids = [
        call.get("/v1/crosswalk", params={"source": "sis", "local_id": local_id}).json()["enterprise_id"]
        for local_id in ("STALE-1", "STALE-2")
    ]
    call.post("/v1/persons:merge", json={"eids": ids, "reason": "same-child"}).raise_for_status()
    assert "If-Match" in failed(live, "stale")


def test_made_up_cursor_fails(live, call):
    call.get("/v1/events", params={"after": 0, "limit": 2}).raise_for_status()
    call.get("/v1/events", params={"after": 3}).raise_for_status()
    assert "cursor" in failed(live, "feed")


def test_webhook_that_accepts_everything_fails(live, call):
    with receiving() as receiver:
        code = call.post("/v1/webhooks", json={"url": receiver.url}).json()["webhook"]["code"]
        call.post(f"/v1/webhooks/{code}:test").raise_for_status()
    assert "wrong signature" in failed(live, "webhook")


def await_change(call, read, former):
    """Return what is read once it is another value."""
    deadline = time.monotonic() + 20
    while (present := read(call)) == former:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return present


def test_retired_id_that_is_used_after_the_present_one_fails(live, call):
    former = put(call, MagicName.RETIRE).json()["enterprise_id"]
    query = {"source": "sis", "local_id": RECORDS_TO_SEND[MagicName.RETIRE][1]["local_id"]}
    await_change(call, lambda call: call.get("/v1/crosswalk", params=query).json()["enterprise_id"], former)
    assert live.results()["retired"][0] == "passed"
    call.get(f"/v1/persons/{former}").raise_for_status()
    assert "former ID" in failed(live, "retired")


def test_feed_that_is_read_on_after_a_restore_fails(live, call):
    def read(call):
        return call.get("/v1/events", params={"after": 1}).json()["generation"]

    former = read(call)
    put(call, MagicName.RESTORE)
    await_change(call, read, former)
    assert "another generation" in failed(live, "feed-restored")
