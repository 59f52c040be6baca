"""Webhooks carry the change feed of their client to its receiver, in order and whole, on both stores."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook as Signature

from mpi.client.webhooks import WebhookSignatureError, verify_webhook
from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import make_operator
from mpi.service.access.clients import add_client, revoke_client, set_expiry
from mpi.service.agreements.register import (
    approve_version,
    propose_version,
    resume_agreement,
    suspend_agreement,
)
from mpi.service.core.disclosure import NO_REDISCLOSURE
from mpi.service.maintenance.feed_generation import begin_generation_after_restore
from mpi.service.maintenance.payload_encryption import rotate_payload_key
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.records.upsert import upsert
from mpi.service.webhooks import messages
from mpi.service.webhooks.delivery import find_subscriber
from mpi.service.webhooks.retry_schedule import PAUSES_S
from mpi.service.webhooks.subscriptions import (
    pause_webhook,
    register_webhook,
    remove_webhook,
    resume_webhook,
    rotate_secret,
    show_webhook,
)
from mpi.storage.repositories.notices.webhooks import StoredWebhook
from tests.accounts import ManualClock
from tests.agreements import make_dsa
from tests.index import OPERATOR, SECOND_PERSON, load_rows, make_child, with_settings
from tests.webhook_receiver import allow_loopback, deliver_due, receiving

RIGHTS = ("crosswalk.read", "record.write")


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def hooked(index):
    """An index whose client ``school`` sees the source sis, which has three records."""
    hooked = allow_loopback(index)
    add_client(hooked, OPERATOR, "school", RIGHTS, ["sis"])
    for number in "123":
        send(hooked, number)
    upsert(hooked, OPERATOR, "ccwis", make_child("C-1", first_name="Hidden"))
    return hooked


def send(index, local_id):
    """Send a record of a child of its own, which is a commit of its own."""
    upsert(index, OPERATOR, "sis", make_child(local_id, first_name=f"Name{local_id}"))


@pytest.fixture
def moving_clock():
    moving = ManualClock()
    with clock.set_clock(lambda: moving.now):
        yield moving


def register(index, receiver, **options):
    return register_webhook(index, OPERATOR, receiver.url, client="school", **options)


def read_feed(index, after=0):
    page = read_change_feed(index, find_subscriber(index, "school", None), after, 1000)
    return [asdict(event) for event in page.events]


def test_the_receiver_gets_what_the_feed_answers_to_the_client(hooked, receiver):
    secret = register(hooked, receiver).secret
    deliver_due(hooked)
    assert receiver.events == read_feed(hooked)
    assert {event["source"] for event in receiver.events} == {"sis"}
    assert len(receiver.messages) == 3
    for headers, body in receiver.requests:
        assert verify_webhook(body, headers, secret)["type"] == "enterprise_ids.changed"


def test_each_change_is_sent_once_if_nothing_fails(hooked, receiver):
    register(hooked, receiver)
    for _ in range(3):
        deliver_due(hooked)
    send(hooked, "4")
    deliver_due(hooked)
    assert len(set(receiver.ids)) == len(receiver.ids) == 4
    assert receiver.events == read_feed(hooked)


def test_a_failed_message_is_tried_again_by_the_schedule_with_its_id(hooked, receiver, moving_clock):
    code = register(hooked, receiver).webhook.code
    receiver.fail(2, 503)
    deliver_due(hooked)
    deliver_due(hooked)
    assert len(receiver.ids) == 1
    moving_clock.advance(seconds=PAUSES_S[0] * 1.2)
    deliver_due(hooked)
    assert show_webhook(hooked, OPERATOR, code).last_failure == "status-503"
    moving_clock.advance(seconds=PAUSES_S[1] - 1)
    deliver_due(hooked)
    assert len(receiver.ids) == 2
    moving_clock.advance(seconds=PAUSES_S[1])
    deliver_due(hooked)
    assert receiver.ids[0] == receiver.ids[1] == receiver.ids[2]
    assert len(set(receiver.ids)) == 3
    webhook = show_webhook(hooked, OPERATOR, code)
    assert (webhook.failures, webhook.failing_since, webhook.last_failure) == (0, None, None)


def test_after_the_last_attempt_it_is_dead_and_resuming_loses_nothing(hooked, receiver, moving_clock):
    code = register(hooked, receiver).webhook.code
    receiver.fail(len(PAUSES_S) + 1)
    for pause_s in (0, *PAUSES_S, PAUSES_S[-1]):
        moving_clock.advance(seconds=pause_s * 1.2)
        deliver_due(hooked)
    assert len(receiver.ids) == len(PAUSES_S) + 1
    webhook = show_webhook(hooked, OPERATOR, code)
    assert (webhook.state, webhook.cursor, webhook.failures) == ("dead", 0, 10)
    send(hooked, "4")
    receiver.requests.clear()
    deliver_due(hooked)
    assert receiver.requests == []
    resume_webhook(hooked, OPERATOR, code)
    deliver_due(hooked)
    assert receiver.events == read_feed(hooked)


def test_a_receiver_that_is_gone_gets_nothing_more(hooked, receiver, moving_clock):
    code = register(hooked, receiver).webhook.code
    receiver.fail(1, 410)
    for _ in range(3):
        deliver_due(hooked)
        moving_clock.advance(days=2)
    assert len(receiver.ids) == 1
    assert show_webhook(hooked, OPERATOR, code).state == "gone"


@pytest.mark.parametrize("text", ["3600", "date"])
def test_the_receiver_may_ask_for_a_longer_pause(hooked, receiver, moving_clock, text):
    register(hooked, receiver)
    moment = moving_clock.now + timedelta(hours=1)
    receiver.fail(
        1, 429, Retry_After=moment.strftime("%a, %d %b %Y %H:%M:%S GMT") if text == "date" else text
    )
    deliver_due(hooked)
    moving_clock.advance(minutes=59)
    deliver_due(hooked)
    assert len(receiver.ids) == 1
    moving_clock.advance(minutes=14)
    deliver_due(hooked)
    assert receiver.events[1:] == read_feed(hooked)


def test_a_paused_webhook_goes_on_from_its_cursor(hooked, receiver):
    code = register(hooked, receiver).webhook.code
    deliver_due(hooked)
    pause_webhook(hooked, OPERATOR, code)
    send(hooked, "4")
    deliver_due(hooked)
    assert len(receiver.ids) == 3
    resume_webhook(hooked, OPERATOR, code)
    deliver_due(hooked)
    assert receiver.events == read_feed(hooked)


def test_a_replay_sends_the_same_messages_again(hooked, receiver):
    code = register(hooked, receiver).webhook.code
    deliver_due(hooked)
    resume_webhook(hooked, OPERATOR, code, after=receiver.messages[0]["data"]["cursor"])
    deliver_due(hooked)
    assert receiver.ids == [*receiver.ids[:3], *receiver.ids[1:3]]


def test_a_change_during_a_delivery_wins_over_its_position(hooked, receiver):
    code = register(hooked, receiver).webhook.code
    with hooked.database.write(OPERATOR, "test") as unit:
        assert unit.webhooks.take_over(code, "", "me:1:x", "2026-01-01")
        webhook = unit.webhooks.find(code)
    resume_webhook(hooked, OPERATOR, code, after=1)
    with hooked.database.write(OPERATOR, "test") as unit:
        assert not unit.webhooks.record_progress(replace(webhook, cursor=3), "me:1:x")
        assert unit.webhooks.find(code).cursor == 1


def test_one_process_delivers_and_another_takes_over_once_it_is_gone(hooked, receiver, moving_clock):
    code = register(hooked, receiver).webhook.code
    with hooked.database.write(OPERATOR, "test") as unit:
        beat = clock.format_timestamp(clock.now())
        assert unit.webhooks.take_over(code, "", "elsewhere:1:x", beat)
        assert not unit.webhooks.take_over(code, "", "third:1:x", beat)
    deliver_due(hooked)
    assert receiver.ids == []
    moving_clock.advance(seconds=61)
    deliver_due(hooked)
    assert receiver.events == read_feed(hooked)


def test_both_secrets_sign_for_a_time_after_a_rotation(hooked, receiver, moving_clock):
    first = register(hooked, receiver)
    second = rotate_secret(hooked, OPERATOR, first.webhook.code, overlap_hours=2)
    deliver_due(hooked)
    moving_clock.advance(hours=2)
    send(hooked, "4")
    deliver_due(hooked)

    def signs(secret, request):
        headers, body = request
        moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        signature = Signature(secret).sign(headers["webhook-id"], moment, body.decode())
        return signature in headers["webhook-signature"].split()

    during, later = receiver.requests[0], receiver.requests[-1]
    assert (signs(first.secret, during), signs(second.secret, during)) == (True, True)
    assert (signs(first.secret, later), signs(second.secret, later)) == (False, True)


def test_another_secret_does_not_verify(hooked, receiver):
    register(hooked, receiver)
    deliver_due(hooked)
    headers, body = receiver.requests[0]
    with pytest.raises(WebhookSignatureError):
        verify_webhook(body, headers, "whsec_" + "A" * 43 + "=")


def test_a_client_that_lost_its_rights_is_sent_nothing_and_keeps_its_cursor(hooked, receiver):
    code = register(hooked, receiver).webhook.code
    revoke_client(hooked, OPERATOR, "school")
    deliver_due(hooked)
    assert receiver.requests == []
    webhook = show_webhook(hooked, OPERATOR, code)
    assert (webhook.state, webhook.last_failure, webhook.failures) == ("active", "not-permitted", 0)


def test_a_suspended_agreement_stops_a_webhook_until_it_is_resumed(index, receiver):
    moving = ManualClock()
    moving.now = datetime(2026, 6, 1, tzinfo=UTC)
    with clock.set_clock(lambda: moving.now):
        hooked = allow_loopback(index)
        propose_version(hooked, OPERATOR, make_dsa())
        approve_version(hooked, SECOND_PERSON, "dsa-1")
        options = {"agreement": "dsa-1", "party": "agency"}
        add_client(hooked, OPERATOR, "caseworkers", RIGHTS, ["ccwis", "sis"], **options)
        upsert(hooked, OPERATOR, "ccwis", make_child("C-1"))
        url, purpose = receiver.url, "school_stability"
        register_webhook(hooked, OPERATOR, url, client="caseworkers", purpose=purpose)
        suspend_agreement(hooked, OPERATOR, "dsa-1", "breach")
        deliver_due(hooked)
        assert receiver.requests == []
        resume_agreement(hooked, OPERATOR, "dsa-1", "mended")
        moving.advance(minutes=2)
        deliver_due(hooked)
        [(headers, _)] = receiver.requests
        assert headers["redisclosure"] == 'forbidden; agreement="dsa-1"'
        with hooked.database.ledger.read(OPERATOR) as unit:
            line = unit.disclosures.all()[-1]
        assert (line.client, line.purpose, line.agreement) == ("caseworkers", purpose, "dsa-1")
        assert NO_REDISCLOSURE in line.fields


def test_nothing_is_wrong_any_more_once_a_client_without_news_is_permitted_again(
    hooked, receiver, moving_clock
):
    code = register(hooked, receiver).webhook.code
    deliver_due(hooked)
    set_expiry(hooked, OPERATOR, "school", (moving_clock.now + timedelta(days=1)).date().isoformat())
    moving_clock.advance(days=1)
    deliver_due(hooked)
    assert show_webhook(hooked, OPERATOR, code).last_failure == "not-permitted"
    set_expiry(hooked, OPERATOR, "school", None)
    moving_clock.advance(minutes=2)
    deliver_due(hooked)
    webhook = show_webhook(hooked, OPERATOR, code)
    assert (webhook.last_failure, webhook.next_attempt_at, len(receiver.ids)) == (None, None, 3)


def test_a_purpose_that_the_agreement_does_not_permit_is_refused(index, receiver):
    with clock.fixed_clock(datetime(2026, 6, 1, tzinfo=UTC)):
        hooked = allow_loopback(index)
        propose_version(hooked, OPERATOR, make_dsa())
        approve_version(hooked, SECOND_PERSON, "dsa-1")
        options = {"agreement": "dsa-1", "party": "agency"}
        add_client(hooked, OPERATOR, "caseworkers", RIGHTS, ["ccwis", "sis"], **options)
        for purpose in ("reporting", "curiosity", None):
            with pytest.raises(AccessDenied):
                register_webhook(hooked, OPERATOR, receiver.url, client="caseworkers", purpose=purpose)


def test_a_cursor_that_a_restored_index_has_not_reached_waits(hooked, receiver):
    webhook = register(hooked, receiver).webhook
    with hooked.database.write(OPERATOR, "test") as unit:
        ahead = replace(unit.webhooks.find(webhook.code), cursor=10**9)
        unit.webhooks.change(ahead, ("cursor",))
    deliver_due(hooked)
    assert show_webhook(hooked, OPERATOR, webhook.code).last_failure == "cursor-ahead"
    resume_webhook(hooked, OPERATOR, webhook.code, after=0)
    deliver_due(hooked)
    assert receiver.events == read_feed(hooked)


def test_a_restored_index_says_so_and_sends_everything_again(hooked, receiver):
    code = register(hooked, receiver).webhook.code
    deliver_due(hooked)
    generation = begin_generation_after_restore(hooked.database, OPERATOR)
    receiver.fail(1)
    receiver.requests.clear()
    deliver_due(hooked)
    resume_webhook(hooked, OPERATOR, code)
    deliver_due(hooked)
    restored, again, *others = receiver.messages
    assert restored["type"] == again["type"] == "feed.restored"
    assert receiver.ids[0] == receiver.ids[1]
    assert again["data"] == {"generation": generation, "cursor": 0}
    assert [event for message in others for event in message["data"]["events"]] == read_feed(hooked)


def test_a_large_commit_is_sent_in_parts_and_goes_on_at_the_failed_one(hooked, receiver):
    small = replace(hooked.tuning, request=replace(hooked.tuning.request, webhook_events=2))
    hooked = with_settings(hooked, tuning=small)
    load_rows(hooked, "sis", *(make_child(f"L{n}", first_name=f"Many{n}") for n in range(7)))
    cursor = read_feed(hooked)[-8]["commit"]
    code = register(hooked, receiver, after=cursor).webhook.code
    receiver.answers += [(204, {}, b"")] * 2
    receiver.fail(1)
    deliver_due(hooked)
    assert show_webhook(hooked, OPERATOR, code).cursor == cursor
    resume_webhook(hooked, OPERATOR, code)
    deliver_due(hooked)
    parts = [message["data"]["part"] for message in receiver.messages]
    assert parts == [1, 2, 3, 3, 4]
    assert receiver.events[:4] + receiver.events[6:] == read_feed(hooked, cursor)


def test_a_part_whose_content_changed_is_not_skipped(hooked):
    page = read_change_feed(hooked, make_operator(), 0, 1000)
    sent = list(messages.build_messages(hooked.keyed_hash, "c", page, 2))
    fewer = replace(page, events=tuple(replace(event, after=None) for event in page.events))
    again = list(messages.build_messages(hooked.keyed_hash, "c", fewer, 2))
    assert messages.skip_delivered(sent, sent[0].id) == sent[1:]
    assert messages.skip_delivered(again, sent[0].id) == again


def test_every_page_that_is_sent_has_a_ledger_line_and_a_poll_has_none(hooked, receiver):
    register(hooked, receiver)

    def lines():
        with hooked.database.ledger.read(OPERATOR) as unit:
            return [(line.action, line.record_ids) for line in unit.disclosures.all()]

    before = lines()
    deliver_due(hooked)
    deliver_due(hooked)
    [(action, records)] = lines()[len(before) :]
    assert (action, len(records)) == ("crosswalk.read", 3)


def test_its_secrets_are_stored_encrypted_and_survive_a_rotation_of_the_key(hooked, receiver):
    first = register(hooked, receiver)
    code = first.webhook.code
    second = rotate_secret(hooked, OPERATOR, code)

    def stored():
        with hooked.database.engine.connect() as connection:
            return connection.exec_driver_sql("SELECT secret, former_secret FROM webhook").one()

    before = stored()
    rotate_payload_key(hooked, OPERATOR)
    assert all(text.startswith("\x1eenc:1:") for text in before)
    assert all(text.startswith("\x1eenc:2:") for text in stored())
    with hooked.database.read(OPERATOR) as unit:
        webhook = unit.webhooks.find(code)
    assert (webhook.secret, webhook.former_secret) == (second.secret, first.secret)


def test_a_removed_webhook_is_sent_nothing(hooked, receiver):
    remove_webhook(hooked, OPERATOR, register(hooked, receiver).webhook.code)
    deliver_due(hooked)
    assert receiver.requests == []


def test_a_webhook_is_stored_unchanged(unit):
    webhook = StoredWebhook(
        code="ab12",
        client="school",
        url="https://example.org/é",
        purpose="data_quality",
        state="dead",
        state_at="2026-01-01T00:00:00.000000Z",
        revision=2**62,
        secret="whsec_x",
        generation="g",
        cursor=2**62,
        created_commit=7,
        former_secret="whsec_y",
        former_until="2026-01-02T00:00:00.000000Z",
        last_message="msg_1",
        delivered_at="2026-01-01T00:00:00.000000Z",
        failures=10,
        failing_since="2026-01-01T00:00:00.000000Z",
        last_failure="timeout",
        next_attempt_at="2026-01-01T00:00:00.000000Z",
        worker="host:1:x",
        beat="2026-01-01T00:00:00.000000Z",
    )
    unit.webhooks.add(webhook)
    assert unit.webhooks.find("ab12") == webhook
    assert unit.webhooks.has_stopped()
    unit.webhooks.release("host:1:x")
    assert unit.webhooks.of_client("school") == [replace(webhook, worker="", beat="")]
    unit.webhooks.delete("ab12")
    assert unit.webhooks.all() == []
