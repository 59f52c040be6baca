"""Verification of signed webhooks, with the example of the specification's own form."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from mpi.client.webhooks import WebhookSignatureError, verify_webhook

SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = json.dumps({"type": "person.changed", "data": {"commit": 7}}).encode()


def sign(body=BODY, secret=SECRET, at=None, **changes):
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", at, body.decode())
    headers = {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": signature,
    }
    return {name: value for name, value in (headers | changes).items() if value is not None}


def test_a_signed_webhook_is_read():
    assert verify_webhook(BODY, sign(), SECRET) == {"type": "person.changed", "data": {"commit": 7}}


def test_while_a_secret_is_replaced_both_are_accepted():
    for secret in (SECRET, OTHER):
        assert verify_webhook(BODY, sign(secret=secret), [OTHER, SECRET])
    both = f"{sign(secret=OTHER)['Webhook-Signature']} {sign()['Webhook-Signature']}"
    assert verify_webhook(BODY, sign(**{"Webhook-Signature": both}), SECRET)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY + b" ", sign()),
        (BODY, sign(secret=OTHER)),
        (BODY, sign(at=datetime.now(UTC) - timedelta(hours=1))),
        (BODY, sign(at=datetime.now(UTC) + timedelta(hours=1))),
        (BODY, sign(**{"Webhook-Id": "msg_2"})),
        (BODY, sign(**{"Webhook-Id": None})),
        (BODY, sign(**{"Webhook-Signature": None})),
        (BODY, sign(**{"Webhook-Signature": "v1"})),
        (BODY, sign(**{"Webhook-Signature": "v1,a,b"})),
        (BODY, sign(**{"Webhook-Signature": "v1,%%%"})),
        (BODY, sign(**{"Webhook-Signature": "v1,"})),
        (BODY, sign(**{"Webhook-Signature": sign()["Webhook-Signature"].replace("v1", "v2")})),
        (BODY, sign(**{"Webhook-Timestamp": "nan"})),
        (BODY, sign(**{"Webhook-Timestamp": "1e400"})),
        (b"\xff", sign()),
        (b"no json", sign(b"no json")),
        (b"", {}),
    ],
)
def test_any_other_webhook_is_refused(body, headers):
    with pytest.raises(WebhookSignatureError):
        verify_webhook(body, headers, SECRET)


def test_no_secret_accepts_nothing():
    with pytest.raises(WebhookSignatureError):
        verify_webhook(BODY, sign(), [])


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_ä"])
def test_a_secret_that_is_none_is_refused_and_not_quoted(secret):
    with pytest.raises(ValueError, match="base64") as caught:
        verify_webhook(BODY, sign(), secret)
    assert not secret.removeprefix("whsec_") or secret not in str(caught.value)
