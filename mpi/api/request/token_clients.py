"""Clients of signed tokens, for limits that count clients.

An issuer gives a program a new token every few minutes, and as many as it asks for. So a signed token is
checked before the limits are, and its caller is the client that its issuer names. Who forges a token in
another client's name does not become that client.
"""

from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import Headers

from mpi.api.request.call_limiter import read_key
from mpi.domain.errors import NotAuthenticated, StoreError
from mpi.service.access.credentials import is_signed_token

if TYPE_CHECKING:
    from mpi.service.identity.token_rules import TrustedIssuer

MAX_TOKENS = 10_000
"""Tokens whose client is remembered; beyond it the one used least lately is checked again."""
MAX_RUNNING_CHECKS = 2
"""Checks that run at a time: a fetch of the issuer's keys takes no thread of other requests."""


class TokenClients:
    """Clients of the signed tokens that a process was sent.

    For the event loop only.

    Args:
        issuer: the trusted issuer; None where signed tokens are not accepted.
    """

    def __init__(self, issuer: "TrustedIssuer | None") -> None:
        self._issuer = issuer
        self._running = CapacityLimiter(MAX_RUNNING_CHECKS)
        self._clients: OrderedDict[bytes, str] = OrderedDict()

    def find(self, headers: Headers) -> str | None:
        """Return the client whose signed token a request holds, with its issuer.

        Returns:
            None without such a token, or if it was not checked or not accepted.
        """
        token = self._read_token(headers)
        if token is None:
            return None
        name = _hash(token)
        client = self._clients.get(name)
        if client is not None:
            self._clients.move_to_end(name)
        return client

    def is_unchecked(self, headers: Headers) -> bool:
        """Return whether a request holds a signed token to check."""
        token = self._read_token(headers)
        return token is not None and _hash(token) not in self._clients

    def forget(self, headers: Headers) -> None:
        """Forget the client of a request's token, which was refused.

        It may have expired, or its key was withdrawn. When it comes next, it is checked again.
        """
        token = self._read_token(headers)
        if token is not None:
            self._clients.pop(_hash(token), None)

    async def check(self, headers: Headers) -> None:
        """Check the signed token of a request, and remember its client.

        A token that is not accepted, or cannot be checked now, is left to the authentication.
        """
        token = self._read_token(headers)
        if token is None or self._issuer is None:
            return
        from mpi.service.identity.token_rules import verify_access_token  # noqa: PLC0415 - see bootstrap

        try:
            subject = await to_thread.run_sync(
                verify_access_token, self._issuer, token, limiter=self._running
            )
        except (NotAuthenticated, StoreError):
            return
        self._clients[_hash(token)] = f"{self._issuer.issuer}\n{subject}"
        if len(self._clients) > MAX_TOKENS:
            self._clients.popitem(last=False)

    def _read_token(self, headers: Headers) -> str | None:
        """Return the signed token of a request, or None."""
        key = read_key(headers)
        return key if self._issuer is not None and key and is_signed_token(key) else None


def _hash(token: str) -> bytes:
    """Return the hash of a token, which is kept in its place."""
    return blake2b(token.encode(), digest_size=16).digest()
