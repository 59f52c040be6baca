"""Limit of concurrent password checks, with places for each client address.

A password check takes 64 MiB and a core for a tenth of a second, so few run at once and the others wait. Each
address has one check at a time in the common queue, and its own limit of waiting ones. So a client waits for
at most one check of each other address, however many that address has sent.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from mpi.domain.errors import InputError, StoreError

Result = TypeVar("Result")

MAX_RUNNING_CHECKS = 2
"""Password checks that run at a time."""
MAX_ADDRESS_CHECKS = 20
"""Password checks of one address that run or wait; an office behind one address signs in together."""
MAX_CHECKS = 200
"""Password checks that run or wait, of all addresses."""
RETRY_AFTER_S = 5
"""Seconds after which a refused client may try again: by then its checks have run."""


class TooManySignInsError(InputError):
    """Error of an address that has too many sign-ins waiting."""

    code = "too-many-sign-ins"


class SignInLimiter:
    """Limiter of password checks by client address, for the event loop only.

    Args:
        max_running: checks that run at a time.
        max_of_address: checks of one address that run or wait.
        max_checks: checks that run or wait.
    """

    def __init__(
        self,
        max_running: int = MAX_RUNNING_CHECKS,
        max_of_address: int = MAX_ADDRESS_CHECKS,
        max_checks: int = MAX_CHECKS,
    ) -> None:
        self._running = CapacityLimiter(max_running)
        self._max_of_address, self._max_checks = max_of_address, max_checks
        self._addresses: dict[str, _AddressChecks] = {}
        self._count = 0

    async def run(self, address: str, check: Callable[[], Result]) -> Result:
        """Run a password check in a thread at the address's turn.

        Args:
            address: network address that the check comes from.
            check: the check, which blocks.

        Raises:
            TooManySignInsError: the address has too many checks running or waiting.
            StoreError: all addresses together have.
        """
        checks = self._addresses.get(address) or _AddressChecks()
        if checks.count >= self._max_of_address:
            raise TooManySignInsError(
                f"{self._max_of_address} sign-ins from your network address wait already: "
                f"try again in {RETRY_AFTER_S} seconds"
            )
        if self._count >= self._max_checks:
            raise StoreError("too many people sign in at this moment: try again in a minute")
        self._addresses[address] = checks
        checks.count += 1
        self._count += 1
        try:
            async with checks.turn:
                return await to_thread.run_sync(check, limiter=self._running)
        finally:
            checks.count -= 1
            self._count -= 1
            if not checks.count:
                self._addresses.pop(address, None)


class _AddressChecks:
    """Running and waiting password checks of one address."""

    def __init__(self) -> None:
        self.count = 0
        self.turn = asyncio.Lock()
