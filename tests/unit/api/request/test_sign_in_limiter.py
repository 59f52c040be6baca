"""Places for password checks by address: one that fills its own leaves the others theirs."""

import asyncio
import threading

import pytest

from mpi.api.request.sign_in_limiter import SignInLimiter, TooManySignInsError
from mpi.domain.errors import StoreError

BUSY, CALM = "192.0.2.1", "192.0.2.2"


def start_checks(limiter, address, count, release, running):
    """Start checks that note their address and wait for their release."""

    def check():
        running.append(address)
        release.wait(20)
        return address

    return [asyncio.create_task(limiter.run(address, check)) for _ in range(count)]


def test_an_address_has_one_check_at_a_time_and_another_address_does_not_wait():
    async def run_scene():
        limiter, release, running = SignInLimiter(max_running=2), threading.Event(), []
        busy = start_checks(limiter, BUSY, 10, release, running)
        await asyncio.sleep(0.05)
        assert running == [BUSY]
        calm = start_checks(limiter, CALM, 1, release, running)
        await asyncio.sleep(0.05)
        assert running == [BUSY, CALM]
        release.set()
        assert await asyncio.gather(*busy, *calm) == [BUSY] * 10 + [CALM]

    asyncio.run(run_scene())


def test_an_address_beyond_its_places_is_refused_until_its_checks_have_run():
    async def run_scene():
        limiter, release, running = SignInLimiter(max_of_address=3), threading.Event(), []
        busy = start_checks(limiter, BUSY, 3, release, running)
        await asyncio.sleep(0.05)
        with pytest.raises(TooManySignInsError, match="3 sign-ins from your network address"):
            await limiter.run(BUSY, lambda: None)
        release.set()
        await asyncio.gather(*busy, *start_checks(limiter, CALM, 3, release, running))
        assert await limiter.run(BUSY, lambda: 7) == 7

    asyncio.run(run_scene())


def test_all_addresses_together_have_a_limit_too():
    async def run_scene():
        limiter, release, running = SignInLimiter(max_checks=2), threading.Event(), []
        checks = start_checks(limiter, BUSY, 2, release, running)
        await asyncio.sleep(0.05)
        with pytest.raises(StoreError, match="try again in a minute"):
            await limiter.run(CALM, lambda: None)
        release.set()
        await asyncio.gather(*checks)

    asyncio.run(run_scene())


def test_a_check_that_fails_frees_its_place():
    async def run_scene():
        limiter = SignInLimiter(max_of_address=1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await limiter.run(BUSY, lambda: 1 // 0)

    asyncio.run(run_scene())
