"""Limit of concurrent password checks, with places for each client address.

A password check takes 64 MiB and a core for a tenth of a second, so few run at once and the others wait. Each
address has one check at a time in the common queue, and its own limit of waiting ones. So a client waits for
at most one check of each other address, however many that address has sent.

A flood from very many addresses fills all places. Addresses from which somebody signed in lately have places
of their own, and one more check that runs at a time, so that people go on signing in.
"""

import asyncio
from collections import OrderedDict
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
MAX_RESERVED_CHECKS = 50
"""Further password checks that run or wait, of addresses where somebody signed in lately."""
MAX_GOOD_ADDRESSES = 1_000
"""Such addresses that are remembered."""
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
        self._reserved = CapacityLimiter(1)
        self._reserved_count = 0
        self._good_addresses: OrderedDict[str, None] = OrderedDict()

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
        is_reserved = address in self._good_addresses and self._reserved_count < MAX_RESERVED_CHECKS
        if not is_reserved and self._count >= self._max_checks:
            raise StoreError("too many people sign in at this moment: try again in a minute")
        self._addresses[address] = checks
        self._add(checks, 1, is_reserved=is_reserved)
        try:
            async with checks.turn:
                running = self._reserved if is_reserved else self._running
                result = await to_thread.run_sync(check, limiter=running)
        finally:
            self._add(checks, -1, is_reserved=is_reserved)
            if not checks.count:
                self._addresses.pop(address, None)
        self._remember(address)
        return result

    def _add(self, checks: "_AddressChecks", number: int, *, is_reserved: bool) -> None:
        """Count a check that comes (1) or goes (-1)."""
        checks.count += number
        if is_reserved:
            self._reserved_count += number
        else:
            self._count += number

    def _remember(self, address: str) -> None:
        """Remember that somebody gave a right password from an address."""
        self._good_addresses[address] = None
        self._good_addresses.move_to_end(address)
        if len(self._good_addresses) > MAX_GOOD_ADDRESSES:
            self._good_addresses.popitem(last=False)


class _AddressChecks:
    """Running and waiting password checks of one address."""

    def __init__(self) -> None:
        self.count = 0
        self.turn = asyncio.Lock()
