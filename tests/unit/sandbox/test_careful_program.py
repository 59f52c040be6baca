"""A program that handles each scenario as documented passes all of them."""

import time

import pytest

from mpi.client import ConflictError, FeedRestoredError, StaleError
from mpi.sandbox.magic_records import RECORDS_TO_SEND, MagicName
from mpi.sandbox.scenarios import SCENARIOS
from tests.webhook_receiver import receiving

WAIT_S = 20


@pytest.fixture(scope="module")
def client(live):
    with live.client() as client:
        yield client


def send(client, name):
    """Send the documented record of a magic name."""
    source, record = RECORDS_TO_SEND[name]
    return client.upsert(source, record)


def await_id(client, name, former):
    """Return the enterprise ID of a record once it is another one."""
    source, record = RECORDS_TO_SEND[name]
    deadline = time.monotonic() + WAIT_S
    while (present := client.find_enterprise_id(source, record["local_id"])) == former:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return present


def passed(live, code):
    result, reason = live.results()[code]
    assert result == "passed", reason


def test_search_before_a_record_passes(live, client):
    _, record = RECORDS_TO_SEND[MagicName.SEARCH]
    assert client.search(record) == ()
    assert send(client, MagicName.SEARCH).outcome == "created"
    passed(live, "search-first")


def test_record_of_a_known_child_is_linked_by_the_model(live, client):
    resolved = send(client, MagicName.LINK)
    assert resolved.outcome == "linked"
    assert {record.source for record in client.find_records(resolved.enterprise_id)} == {"sis", "state"}
    passed(live, "linked")


def test_uncertain_record_is_reviewed_and_gets_the_id_of_the_known_child(live, client):
    resolved = send(client, MagicName.REVIEW)
    assert (resolved.outcome, resolved.provisional) == ("review", True)
    assert live.results()["review"][0] == "open"
    present = await_id(client, MagicName.REVIEW, resolved.enterprise_id)
    assert present == client.find_enterprise_id("state", "ST-2")
    passed(live, "review")


def test_id_that_a_merge_retires_names_the_one_that_stayed(live, client):
    resolved = send(client, MagicName.RETIRE)
    assert resolved.outcome == "created"
    present = await_id(client, MagicName.RETIRE, resolved.enterprise_id)
    former = client.look_up(resolved.enterprise_id)
    assert (former.status, former.now) == ("retired", (present,))
    client.look_up(present)
    passed(live, "retired")


def test_record_that_a_split_parts_gets_an_id_of_its_own(live, client):
    resolved = send(client, MagicName.SPLIT)
    assert resolved.outcome == "linked"
    await_id(client, MagicName.SPLIT, resolved.enterprise_id)
    assert client.find_enterprise_id("state", "ST-4") == resolved.enterprise_id
    passed(live, "split")


def test_local_id_of_another_child_is_held(live, client):
    assert send(client, MagicName.OVERLAY).outcome == "held"
    passed(live, "overlay")


def test_source_without_an_agreement_is_refused(live, client):
    with pytest.raises(ConflictError) as refused:
        send(client, MagicName.LAPSE)
    assert refused.value.code == "agreement-lapsed"
    passed(live, "conflict")


def test_merge_of_what_has_changed_is_refused_until_it_is_read_again(live, client):
    ids = [client.find_enterprise_id("sis", local_id) for local_id in ("STALE-1", "STALE-2")]

    def merge():
        tags = [client.look_up(eid).etag for eid in ids]
        client.request("POST", "/v1/persons:merge", body={"eids": ids, "reason": "same-child"}, if_match=tags)

    with pytest.raises(StaleError):
        merge()
    merge()
    passed(live, "stale")


def test_rate_limit_is_waited_for(live, client):
    began = time.monotonic()
    assert send(client, MagicName.LIMIT).outcome == "created"
    assert time.monotonic() - began >= 1
    passed(live, "rate-limit")


def test_lost_answer_is_asked_for_again_with_the_same_local_id(live, client):
    assert send(client, MagicName.DOWN).outcome == "unchanged"
    passed(live, "lost-answer")


def test_feed_is_followed_and_read_anew_after_a_restore(live, client):
    pages = list(client.follow(limit=3))
    assert len(pages) > 2
    passed(live, "feed")
    send(client, MagicName.RESTORE)
    deadline = time.monotonic() + WAIT_S
    with pytest.raises(FeedRestoredError):
        while time.monotonic() < deadline:
            list(client.follow(pages[-1].position))
            time.sleep(0.02)
    list(client.follow())
    passed(live, "feed-restored")


def test_webhook_with_a_wrong_signature_is_refused(live, client):
    with receiving() as receiver:
        webhook = client.request("POST", "/v1/webhooks", body={"url": receiver.url}).body
        receiver.secret = webhook["secret"]
        client.request("POST", f"/v1/webhooks/{webhook['webhook']['code']}:test", idempotency_key="test")
    passed(live, "webhook")


def test_nothing_is_left_open(live):
    assert {code for code, (result, _) in live.results().items() if result == "passed"} == {
        scenario.code for scenario in SCENARIOS
    }
