"""Limits on the concurrent requests of each client.

A client may have so many requests running at a time. Further ones wait, and beyond a limit they are refused
with 429. Clients are told apart by the credential they send, before it is looked up: that is cheap, and a
made-up credential only queues behind itself. All tokens of a client are one credential (``token_clients``
for those of an issuer). Clients without a credential are told apart by their address.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import blake2b

from starlette.datastructures import Headers

from mpi.domain.errors import InputError
from mpi.service.access.credentials import ACCESS_TOKEN_PREFIX

MAX_RUNNING_CALLS = 6
"""Requests of one client that run at a time.

Half of the threads, so that one client never occupies all of them.
"""
MAX_WAITING_CALLS = 128
"""Requests of one client that may wait.

A waiting request holds a connection and no thread.
"""
EXEMPT_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths of monitoring, which are never limited."""


_BEARER = "bearer"
_SESSION = re.compile(r"(?:^|;)\s*(?:__Host-)?mpi-sign-in=([^;]*)")
"""Cookie of a person's session (see ``mpi.api.pages.session.cookies``)."""
_ACCESS_TOKEN_TAG = re.compile(ACCESS_TOKEN_PREFIX + "[0-9a-f]{32}_")


class TooManyCallsError(InputError):
    """Error of a client that has too many requests waiting."""

    code = "too-many-calls"


class CallLimiter:
    """Limiter of concurrent requests per client, for the event loop only.

    Args:
        max_running: requests of one client that run at a time.
        max_waiting: requests of one client that may wait.
    """

    def __init__(self, max_running: int = MAX_RUNNING_CALLS, max_waiting: int = MAX_WAITING_CALLS) -> None:
        self._max_running, self._max_calls = max_running, max_running + max_waiting
        self._clients: dict[bytes, _ClientCalls] = {}

    @asynccontextmanager
    async def acquire_slot(
        self, path: str, headers: Headers, address: str = "", client: str | None = None
    ) -> AsyncIterator[None]:
        """Wait until the client may run another request.

        Args:
            path: path of the request.
            headers: headers of the request.
            address: network address of the client.
            client: client that the issuer of the request's signed token names, if it was checked.

        Raises:
            TooManyCallsError: too many requests of the client wait already.
        """
        if path in EXEMPT_PATHS:
            yield
            return
        name = hash_client(headers, address, client)
        calls = self._clients.setdefault(name, _ClientCalls(self._max_running))
        if calls.count >= self._max_calls:
            raise TooManyCallsError(
                f"this client has more than {self._max_calls} requests running or waiting: send fewer at once"
            )
        calls.count += 1
        try:
            async with calls.slots:
                yield
        finally:
            calls.count -= 1
            if not calls.count:
                self._clients.pop(name, None)


class _ClientCalls:
    """Running and waiting requests of one client."""

    def __init__(self, max_running: int) -> None:
        self.count = 0
        self.slots = asyncio.Semaphore(max_running)


def hash_client(headers: Headers, address: str, client: str | None = None) -> bytes:
    """Return a hash of a request's credential, or else of its address.

    Only the hash is kept in memory, not the key.
    """
    return next(iter(hash_callers(headers, address, client)))


def hash_callers(headers: Headers, address: str, client: str | None = None) -> dict[bytes, bool]:
    """Return hashes of a request's credentials, or of its address.

    A credential is read as the authentication reads it, whatever the header around it: the key of a program,
    then the session of a person. So a header that opens nothing, added to one that does, makes no new caller.
    Of an access token, the part counts that all tokens of its client share.

    Args:
        headers: headers of the request.
        address: network address of the caller.
        client: client that the issuer of the request's signed token names; it counts in the token's place.

    Returns:
        Whether each is a program's.
    """
    session = _SESSION.search(headers.get("cookie", ""))
    key = read_key(headers)
    if not key and not session:
        key = headers.get("authorization")  # name and key of a client that asks for a token
    callers: dict[bytes, bool] = {}
    if client is not None:
        callers[_hash(client, b"client")] = True
    elif key:
        callers[_hash(_name_client(key), b"credential")] = True
    if session and session[1]:
        callers[_hash(session[1], b"session")] = False
    return callers or {hash_address(address): False}


def hash_address(address: str) -> bytes:
    """Return a hash of a network address."""
    return _hash(address, b"address")


def read_key(headers: Headers) -> str | None:
    """Return the key or token that a program sends, or None.

    It is the one that the authentication reads.
    """
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    return bearer.strip() if scheme.lower() == _BEARER and bearer.strip() else headers.get("x-api-key")


def _name_client(credential: str) -> str:
    tag = _ACCESS_TOKEN_TAG.match(credential)
    return tag[0] if tag else credential


def _hash(name: str, kind: bytes) -> bytes:
    return blake2b(name.encode(), digest_size=16, person=kind).digest()
