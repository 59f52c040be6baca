"""Places for password checks by address: one that fills its own leaves the others theirs."""

import asyncio
import threading

import pytest

from mpi.api.request.sign_in_limiter import SignInLimiter, TooManySignInsError
from mpi.domain.errors import NotAuthenticated, StoreError

BUSY, CALM = "192.0.2.1", "192.0.2.2"


def start_checks(limiter, address, count, release, running):
    """Start checks that note their address and wait for their release."""

    def check():
        running.append(address)
        release.wait(60)
        return address

    return [asyncio.create_task(limiter.run(address, check)) for _ in range(count)]


async def wait_for_running(running, count):
    """Wait until a number of checks run, and a moment for more."""
    while len(running) < count:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)


def test_an_address_has_one_check_at_a_time_and_another_address_does_not_wait():
    async def run_scene():
        limiter, release, running = SignInLimiter(max_running=2), threading.Event(), []
        busy = start_checks(limiter, BUSY, 10, release, running)
        await wait_for_running(running, 1)
        assert running == [BUSY]
        calm = start_checks(limiter, CALM, 1, release, running)
        await wait_for_running(running, 2)
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


def test_a_flood_of_addresses_leaves_places_to_addresses_where_somebody_signed_in():
    async def run_scene():
        limiter, release, running = SignInLimiter(max_checks=30), threading.Event(), []
        assert await limiter.run(CALM, lambda: 1) == 1
        flood = [
            task
            for number in range(30)
            for task in start_checks(limiter, f"203.0.113.{number}", 1, release, running)
        ]
        await asyncio.sleep(0.05)
        assert len(running) == 2
        with pytest.raises(StoreError, match="too many people"):
            await limiter.run(BUSY, lambda: None)
        assert await limiter.run(CALM, lambda: 7) == 7
        release.set()
        await asyncio.gather(*flood)

    asyncio.run(run_scene())


def test_an_address_whose_password_was_wrong_gets_no_place_of_its_own():
    def fail():
        raise NotAuthenticated("no")

    async def run_scene():
        limiter, release, running = SignInLimiter(max_checks=1), threading.Event(), []
        with pytest.raises(NotAuthenticated):
            await limiter.run(CALM, fail)
        flood = start_checks(limiter, BUSY, 1, release, running)
        await asyncio.sleep(0.05)
        with pytest.raises(StoreError):
            await limiter.run(CALM, lambda: 7)
        release.set()
        await asyncio.gather(*flood)

    asyncio.run(run_scene())
