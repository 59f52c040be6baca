"""Limit of concurrent calls per client: others are served, and the client is asked to retry."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.datastructures import Headers

from mpi.api.app import create_app
from mpi.api.request.call_limiter import CallLimiter, TooManyCallsError
from mpi.domain.viewer import Action
from mpi.service.persons import lineage
from tests.index import open_test_index
from tests.unit.api.live import PLAIN, add_key, problem, serving

FIRST_CLIENT = Headers({"authorization": "Bearer one"})
SECOND_CLIENT = Headers({"x-api-key": "other"})


async def hold_slot(limiter, headers, release, running):
    async with limiter.acquire_slot("/v1/events", headers):
        running.append(1)
        await release.wait()


def test_a_client_runs_its_share_of_calls_and_the_others_wait():
    async def run_scene():
        limiter, running, release = CallLimiter(max_running=2, max_waiting=5), [], asyncio.Event()
        calls = [asyncio.create_task(hold_slot(limiter, FIRST_CLIENT, release, running)) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert len(running) == 2
        release.set()
        await asyncio.gather(*calls)
        assert len(running) == 5

    asyncio.run(run_scene())


def test_another_client_and_health_checks_do_not_wait():
    async def run_scene():
        limiter, release, running = CallLimiter(max_running=1, max_waiting=1), asyncio.Event(), []
        calls = [asyncio.create_task(hold_slot(limiter, FIRST_CLIENT, release, running)) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert len(running) == 1
        async with asyncio.timeout(1), limiter.acquire_slot("/v1/events", SECOND_CLIENT):
            pass
        async with asyncio.timeout(1), limiter.acquire_slot("/healthz", FIRST_CLIENT):
            pass
        release.set()
        await asyncio.gather(*calls)

    asyncio.run(run_scene())


def test_all_access_tokens_of_a_client_share_its_share():
    async def run_scene():
        limiter = CallLimiter(max_running=1, max_waiting=0)
        tokens = [f"mpiat_{tag * 32}_{random}" for tag, random in (("a", "one"), ("a", "two"), ("b", "one"))]
        async with limiter.acquire_slot("/v1/events", Headers({"authorization": f"Bearer {tokens[0]}"})):
            with pytest.raises(TooManyCallsError):
                async with limiter.acquire_slot("/v1/events", Headers({"x-api-key": tokens[1]})):
                    pass
            async with limiter.acquire_slot("/v1/events", Headers({"x-api-key": tokens[2]})):
                pass

    asyncio.run(run_scene())


def test_clients_without_a_credential_are_told_apart_by_their_address():
    async def run_scene():
        limiter, nobody = CallLimiter(max_running=1, max_waiting=0), Headers()
        async with limiter.acquire_slot("/sign-in", nobody, "192.0.2.1"):
            with pytest.raises(TooManyCallsError):
                async with limiter.acquire_slot("/sign-in", nobody, "192.0.2.1"):
                    pass
            async with asyncio.timeout(1), limiter.acquire_slot("/sign-in", nobody, "192.0.2.2"):
                pass

    asyncio.run(run_scene())


def test_a_client_with_a_credential_is_the_same_at_every_address():
    async def run_scene():
        limiter = CallLimiter(max_running=1, max_waiting=0)
        async with limiter.acquire_slot("/v1/events", FIRST_CLIENT, "192.0.2.1"):
            with pytest.raises(TooManyCallsError):
                async with limiter.acquire_slot("/v1/events", FIRST_CLIENT, "192.0.2.2"):
                    pass

    asyncio.run(run_scene())


def test_a_call_beyond_the_queue_is_refused_until_others_have_finished():
    async def run_scene():
        limiter, release, running = CallLimiter(max_running=1, max_waiting=1), asyncio.Event(), []
        calls = [asyncio.create_task(hold_slot(limiter, FIRST_CLIENT, release, running)) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert len(running) == 1
        with pytest.raises(TooManyCallsError, match="send fewer at once"):
            async with limiter.acquire_slot("/v1/events", FIRST_CLIENT):
                pass
        release.set()
        await asyncio.gather(*calls)
        async with limiter.acquire_slot("/v1/events", FIRST_CLIENT):
            pass

    asyncio.run(run_scene())


def test_a_cancelled_waiting_call_frees_its_place():
    async def run_scene():
        limiter, release, running = CallLimiter(max_running=1, max_waiting=1), asyncio.Event(), []
        first = asyncio.create_task(hold_slot(limiter, FIRST_CLIENT, release, running))
        waiting = asyncio.create_task(hold_slot(limiter, FIRST_CLIENT, release, running))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        next_call = asyncio.create_task(hold_slot(limiter, FIRST_CLIENT, release, running))
        await asyncio.sleep(0.01)
        assert len(running) == 1
        release.set()
        await asyncio.gather(first, next_call)
        assert len(running) == 2

    asyncio.run(run_scene())


def test_over_http_a_refused_call_is_a_429_while_another_client_is_answered(tmp_path, monkeypatch):
    limiter, has_entered, may_finish = (
        CallLimiter(max_running=1, max_waiting=0),
        threading.Event(),
        threading.Event(),
    )
    monkeypatch.setattr("mpi.api.middleware.request_middleware.CallLimiter", lambda: limiter)
    look_up = lineage.look_up_lineage

    def look_up_slowly(index, viewer, *arguments):
        if viewer.client == "busy":
            has_entered.set()
            may_finish.wait(60)
        return look_up(index, viewer, *arguments)

    monkeypatch.setattr(lineage, "look_up_lineage", look_up_slowly)
    with open_test_index(tmp_path, "D01") as index:
        keys = {name: add_key(index, name, frozenset(Action)) for name in ("busy", "calm")}
        with serving(create_app(index)) as url, ThreadPoolExecutor(1) as pool:

            def ask(name):
                headers = {"Authorization": f"Bearer {keys[name]}"}
                return httpx.get(
                    f"{url}/v1/persons/T7K3-92QX-0HTV/lineage", headers=headers, timeout=30, verify=PLAIN
                )

            busy = pool.submit(ask, "busy")
            assert has_entered.wait(60)
            refused_answer = ask("busy")
            problem(refused_answer, 429, "too-many-calls")
            assert refused_answer.headers["retry-after"] == "1"
            assert ask("calm").status_code != 429
            may_finish.set()
            assert busy.result().status_code != 429
