"""Limit on answers that found nothing, against guessing of IDs and keys.

An enterprise ID cannot be guessed, but a local ID may: many sources count upwards. So a client or person that
asks for much that does not exist is asked to wait. Attempts without a valid credential count by address.

Every process counts for itself. The limits hold for each of them.
"""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

from starlette.datastructures import Headers

from mpi.api.request.call_limiter import EXEMPT_PATHS, hash_address, hash_callers
from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.service.core.index import GuessLimits

Entry = TypeVar("Entry")

WINDOW = timedelta(minutes=1)
"""Time over which misses are counted."""
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
"""Path at which a program shows its key, perhaps in a form."""
MAX_CALLERS = 10_000
"""Callers whose misses are kept; beyond it the one that missed least lately is forgotten."""


class TooManyGuessesError(InputError):
    """Error of a caller who asked too often for what is missing."""

    code = "too-many-guesses"
    retry_after_s = int(WINDOW.total_seconds())


class GuessLimiter:
    """Counter of misses by caller, for the event loop only.

    Args:
        limits: most misses of a caller within a minute.
    """

    def __init__(self, limits: GuessLimits) -> None:
        self._limits = limits
        self._misses: OrderedDict[bytes, deque[datetime]] = OrderedDict()
        self._known_credentials: OrderedDict[bytes, None] = OrderedDict()

    def check(self, path: str, headers: Headers, address: str, client: str | None = None) -> None:
        """Refuse a caller who has reached a limit.

        Args:
            path: path of the request.
            headers: headers of the request.
            address: network address of the caller.
            client: client that the issuer of the request's signed token names, if it was checked.

        Raises:
            TooManyGuessesError: the caller reached the limit of its credential or of its address.
        """
        if path in EXEMPT_PATHS:
            return
        callers = hash_callers(headers, address, client)
        caller = next(iter(callers))
        is_over = any(self._count(each) >= self._limit_of(callers[each]) for each in callers)
        # Who guesses keys sends another one each time. A valid key, a client that an issuer vouches for, or a
        # person, is not held back by that.
        is_known = client is not None or caller in self._known_credentials
        if not is_over and not is_known and _sends_key(path, headers):
            is_over = self._count(_name_address(address)) >= self._limits.of_address
        if is_over:
            raise TooManyGuessesError(
                "too many requests for what does not exist, or with a wrong key: try again in "
                f"{TooManyGuessesError.retry_after_s} seconds"
            )

    def note(self, path: str, status: int, headers: Headers, address: str, client: str | None = None) -> None:
        """Count an answer that found no such thing or no such caller.

        Args:
            path: path of the request.
            status: status of the answer.
            headers: headers of the request.
            address: network address of the caller.
            client: client that the issuer of the request's signed token names, if it was checked.
        """
        callers = hash_callers(headers, address, client)
        caller = next(iter(callers))
        if status == HTTPStatus.UNAUTHORIZED:
            self._known_credentials.pop(caller, None)
            if client is not None:  # no guess, but a client that is not bound to one here
                self._add(caller, self._limits.of_program)
            elif _sends_key(path, headers):
                self._add(_name_address(address), self._limits.of_address)
            return
        if status == HTTPStatus.NOT_FOUND:
            for each, is_program in callers.items():
                self._add(each, self._limit_of(is_program))
        if _is_program(headers):
            self._known_credentials[caller] = None
            _drop_oldest(self._known_credentials)

    def _limit_of(self, is_program: bool) -> int:
        return self._limits.of_program if is_program else self._limits.of_person

    def _add(self, caller: bytes, limit: int) -> None:
        misses = self._misses.setdefault(caller, deque(maxlen=limit))
        misses.append(clock.now())
        self._misses.move_to_end(caller)
        _drop_oldest(self._misses)
        self._drop_outdated()

    def _drop_outdated(self) -> None:
        """Forget who has missed nothing for a minute."""
        oldest = clock.now() - WINDOW
        while self._misses:
            caller, misses = next(iter(self._misses.items()))
            if misses[-1] > oldest:
                return
            del self._misses[caller]

    def _count(self, caller: bytes) -> int:
        misses = self._misses.get(caller)
        if misses is None:
            return 0
        oldest = clock.now() - WINDOW
        while misses and misses[0] <= oldest:
            misses.popleft()
        if not misses:
            del self._misses[caller]
        return len(misses)


def _is_program(headers: Headers) -> bool:
    return "authorization" in headers or "x-api-key" in headers


def _sends_key(path: str, headers: Headers) -> bool:
    """Return whether a request shows a key, perhaps in its form."""
    return _is_program(headers) or path == TOKEN_PATH


def _name_address(address: str) -> bytes:
    """Return the name under which an address's refused keys are counted."""
    return hash_address(f"keys of {address}")


def _drop_oldest(callers: OrderedDict[bytes, Entry]) -> None:
    if len(callers) > MAX_CALLERS:
        callers.popitem(last=False)
