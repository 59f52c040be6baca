"""Log of a vendor's calls, as far as the scenarios need it."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from mpi.domain.eid import parse_eid
from mpi.domain.errors import EidError
from mpi.sandbox.magic_records import MagicName

_MAX_CALLS = 10_000
"""Calls that are kept; the oldest go first."""


class CallKind(StrEnum):
    """What a call does, for the scenarios."""

    SEARCH = "search"
    SEND = "send"
    LOOK_UP = "look-up"
    FEED = "feed"
    MERGE = "merge"
    WEBHOOK_TEST = "webhook-test"


@dataclass(frozen=True, slots=True)
class CallRoute:
    """Kind of a call, and what its path names.

    Args:
        kind: what it does.
        source: source of the record that it sends or looks up, if it names one.
        local_id: local ID of that record.
        enterprise_id: enterprise ID that it looks up.
        webhook: code of the webhook that it tests.
    """

    kind: CallKind
    source: str | None = None
    local_id: str | None = None
    enterprise_id: str | None = None
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class FeedRead:
    """Page of the change feed, as asked for and as answered."""

    after: int
    generation: str
    cursor: int
    event_count: int


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the vendor's program, with its answer.

    Args:
        route: what it does.
        began_at: time of the request, in seconds of a monotonic clock.
        ended_at: time of the answer.
        status: status of the answer.
        name: magic name in its body, if any.
        idempotency_key: its idempotency key, if any.
        if_match: its ``If-Match``, if any.
        retry_after_s: seconds that the answer asks to wait; None without.
        enterprise_id: enterprise ID of the answer.
        outcome: outcome of the answer.
        feed: the page of the change feed.
        is_forgery_refused: whether the receiver refused the forged copy of a webhook's test message.
    """

    route: CallRoute
    began_at: float
    ended_at: float
    status: int
    name: MagicName | None = None
    idempotency_key: str | None = None
    if_match: str | None = None
    retry_after_s: int | None = None
    enterprise_id: str | None = None
    outcome: str | None = None
    feed: FeedRead | None = None
    is_forgery_refused: bool | None = None

    @property
    def is_done(self) -> bool:
        """Whether the index did what was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the statuses of success


class CallLog:
    """Calls in the order of their answers, for several threads."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._lock = threading.Lock()

    def add(self, call: Call) -> None:
        """Add a call."""
        with self._lock:
            self._calls.append(call)
            del self._calls[:-_MAX_CALLS]

    def read(self) -> list[Call]:
        """Return the calls, oldest first."""
        with self._lock:
            return list(self._calls)


def find_route(method: str, path: str) -> CallRoute | None:
    """Return what a call does; None if no scenario asks for it.

    Args:
        method: HTTP method.
        path: path as sent, percent-encoded, without the query.
    """
    for route_method, pattern, build in _ROUTES:
        if method == route_method and (match := pattern.fullmatch(path)):
            return build(*match.groups())
    return None


def normalize_eid(text: str) -> str:
    """Return an enterprise ID in its usual form, other text unchanged."""
    try:
        return parse_eid(unquote(text))
    except EidError:
        return text


_ROUTES: tuple[tuple[str, re.Pattern[str], Callable[..., CallRoute]], ...] = (
    (
        "PUT",
        re.compile(r"/v1/sources/([^/]+)/records/([^/]+)"),
        lambda source, local_id: CallRoute(CallKind.SEND, unquote(source), unquote(local_id)),
    ),
    ("POST", re.compile(r"/v1/records:bulk|/identity/v2/identities"), lambda: CallRoute(CallKind.SEND)),
    (
        "POST",
        re.compile(
            r"/v1/persons(?::|%3[Aa])search|/identity/v2/identities/search|/fhir/Patient/(?:\$|%24)(?:idi-)?match"
        ),
        lambda: CallRoute(CallKind.SEARCH),
    ),
    ("POST", re.compile(r"/v1/persons(?::|%3[Aa])merge"), lambda: CallRoute(CallKind.MERGE)),
    ("GET", re.compile(r"/v1/events"), lambda: CallRoute(CallKind.FEED)),
    (
        "GET",
        re.compile(r"/v1/persons/([^/]+)(?:/(?:golden|lineage))?"),
        lambda eid: CallRoute(CallKind.LOOK_UP, enterprise_id=normalize_eid(eid)),
    ),
    ("GET", re.compile(r"/v1/crosswalk"), lambda: CallRoute(CallKind.LOOK_UP)),
    (
        "POST",
        re.compile(r"/v1/webhooks/([^/:]+):test"),
        lambda code: CallRoute(CallKind.WEBHOOK_TEST, webhook=unquote(code)),
    ),
)
"""Method, path and meaning of the calls that scenarios ask for."""
