"""Pauses between calls, without waiting for them."""

from datetime import UTC, datetime

import httpx
import pytest

from mpi.client import RetryPolicy
from mpi.client.calls import find_enterprise_id
from mpi.client.flows import Pause, Send
from mpi.client.retries import parse_retry_after
from mpi.client.session import Session

NOW = datetime(2026, 12, 1, 12, 0, 0, tzinfo=UTC)


def test_pauses_double_are_random_and_end():
    policy = RetryPolicy(attempts=5, first_pause_s=1, longest_pause_s=3)
    assert [policy.find_pause_s(n, None, lambda: 1.0) for n in (1, 2, 3, 4, 5)] == [1, 2, 3, 3, None]
    assert policy.find_pause_s(2, None, lambda: 0.25) == 0.5
    assert len({policy.find_pause_s(1, None) for _ in range(5)}) > 1


def test_no_pause_is_shorter_than_retry_after():
    policy = RetryPolicy(attempts=9, first_pause_s=1, longest_pause_s=60)
    assert all(60 <= policy.find_pause_s(n, 60.0) <= 120 for n in range(1, 9))
    assert policy.find_pause_s(1, 60.5) is None
    assert RetryPolicy(attempts=10**6).find_pause_s(10**5, None) <= 60


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None), ("", None), ("7", 7), (" 0 ", 0), ("-1", None), ("1.5", None), ("soon", None),
        ("٣", None),
        ("Tue, 01 Dec 2026 12:00:09 GMT", 9), ("Tue, 01 Dec 2026 11:00:00 GMT", 0),
        ("Tue, 01 Dec 2026 12:00:09 -0000", 9), ("Tue, 99 Dec 2026 12:00:09 GMT", None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert parse_retry_after(header, NOW) == seconds


@pytest.mark.parametrize("options", [{"attempts": 0}, {"first_pause_s": -1}, {"longest_pause_s": -1}])
def test_an_impossible_policy_is_refused(options):
    with pytest.raises(ValueError, match="attempt"):
        RetryPolicy(**options)


def test_the_client_waits_as_long_as_the_answer_asks():
    retry = RetryPolicy(attempts=3, first_pause_s=0.5)
    session = Session(
        "https://mpi.example.gov", "key", purpose=None, retry=retry, timeout_s=9, allow_plain_http=False
    )
    flow = session.exchange(find_enterprise_id("D01", "1", None))
    sent = flow.send(None)
    assert isinstance(sent, Send)
    assert sent.request.extensions["timeout"] == {"connect": 9, "read": 9, "write": 9, "pool": None}
    pause = flow.send(httpx.Response(503, headers={"Retry-After": "40"}))
    assert isinstance(pause, Pause)
    assert 40 <= pause.seconds <= 40.5
    assert flow.send(None).request.url == sent.request.url
    pause = flow.throw(httpx.ReadTimeout("slow"))
    assert 0 <= pause.seconds <= 1
