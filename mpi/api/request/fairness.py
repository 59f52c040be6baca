"""Fairness between clients: however many calls one makes at once, the others find threads free.

A client has so many calls at work at a time; the next wait their turn, and past a queue of its own length it
is told to come back. Clients are told apart by the credential that they send, before anybody looks it up:
that costs nothing and a made-up one only queues behind itself.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b

from starlette.datastructures import Headers

from mpi.domain.errors import InputError

MAX_RUNNING_CALLS = 6
"""Calls of one client at work at a time: half of the threads, so that one client never has them all."""
MAX_WAITING_CALLS = 128
"""Calls of one client that may wait; each holds a connection and no thread."""
EXEMPT_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""What is asked by whoever watches over the service."""


class TooManyCallsError(InputError):
    """A client makes more calls at once than may wait."""

    code = "too-many-calls"


class CallLimiter:
    """Lets calls through, a client at a time no more than its share; used on the event loop only."""

    def __init__(self, max_running: int = MAX_RUNNING_CALLS, max_waiting: int = MAX_WAITING_CALLS) -> None:
        self._at_work, self._most = max_running, max_running + max_waiting
        self._clients: dict[bytes, _ClientCalls] = {}

    @asynccontextmanager
    async def acquire_slot(self, path: str, headers: Headers) -> AsyncIterator[None]:
        """Wait until the client has a call less at work than it may.

        Raises:
            TooManyCalls: too many of its calls wait already.
        """
        if path in EXEMPT_PATHS:
            yield
            return
        name = _hash_credential(headers)
        client = self._clients.setdefault(name, _ClientCalls(self._at_work))
        if client.calls >= self._most:
            raise TooManyCallsError(
                f"more than {self._most} calls of yours are under way: make fewer at once"
            )
        client.calls += 1
        try:
            async with client.slots:
                yield
        finally:
            client.calls -= 1
            if not client.calls:
                self._clients.pop(name, None)


class _ClientCalls:
    """The calls of one client that are under way or wait."""

    def __init__(self, max_running: int) -> None:
        self.calls = 0
        self.slots = asyncio.Semaphore(max_running)


def _hash_credential(headers: Headers) -> bytes:
    """What tells one client from another; a hash, so that no key stays in memory for it."""
    credential = headers.get("authorization") or headers.get("x-api-key") or headers.get("cookie") or ""
    return blake2b(credential.encode(), digest_size=16).digest()
