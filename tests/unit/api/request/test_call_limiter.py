"""However many calls one client makes at once, another's is served, and the first is told to come back."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from starlette.datastructures import Headers

from mpi.api.app import create_app
from mpi.api.request.call_limiter import CallLimiter, TooManyCallsError
from mpi.domain.viewer import Action
from mpi.service.persons import persons
from tests.index import open_test_index
from tests.unit.api.live import a_key, problem, serving

ONE = Headers({"authorization": "Bearer one"})
OTHER = Headers({"x-api-key": "other"})


async def held(fairness, headers, until, entered):
    async with fairness.acquire_slot("/v1/events", headers):
        entered.append(1)
        await until.wait()


def test_a_client_has_its_share_of_calls_at_work_and_the_next_wait_their_turn():
    async def scene():
        fairness, entered, until = CallLimiter(max_running=2, max_waiting=5), [], asyncio.Event()
        calls = [asyncio.create_task(held(fairness, ONE, until, entered)) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert len(entered) == 2
        until.set()
        await asyncio.gather(*calls)
        assert len(entered) == 5

    asyncio.run(scene())


def test_another_client_does_not_wait_for_them_and_neither_does_whoever_watches():
    async def scene():
        fairness, until = CallLimiter(max_running=1, max_waiting=1), asyncio.Event()
        calls = [asyncio.create_task(held(fairness, ONE, until, [])) for _ in range(2)]
        await asyncio.sleep(0.01)
        async with asyncio.timeout(1), fairness.acquire_slot("/v1/events", OTHER):
            pass
        async with asyncio.timeout(1), fairness.acquire_slot("/healthz", ONE):
            pass
        until.set()
        await asyncio.gather(*calls)

    asyncio.run(scene())


def test_past_its_queue_a_client_is_told_to_come_back_and_may_when_its_calls_are_done():
    async def scene():
        fairness, until = CallLimiter(max_running=1, max_waiting=1), asyncio.Event()
        calls = [asyncio.create_task(held(fairness, ONE, until, [])) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(TooManyCallsError, match="send fewer at once"):
            async with fairness.acquire_slot("/v1/events", ONE):
                pass
        until.set()
        await asyncio.gather(*calls)
        async with fairness.acquire_slot("/v1/events", ONE):
            pass

    asyncio.run(scene())


def test_a_call_that_is_given_up_while_it_waits_leaves_its_place():
    async def scene():
        fairness, until = CallLimiter(max_running=1, max_waiting=1), asyncio.Event()
        first = asyncio.create_task(held(fairness, ONE, until, []))
        waiting = asyncio.create_task(held(fairness, ONE, until, []))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        again = asyncio.create_task(held(fairness, ONE, until, []))
        await asyncio.sleep(0.01)
        until.set()
        await asyncio.gather(first, again)

    asyncio.run(scene())


def test_over_http_it_is_a_429_with_retry_after_while_another_client_is_answered(tmp_path, monkeypatch):
    fairness, entered, free = CallLimiter(max_running=1, max_waiting=0), threading.Event(), threading.Event()
    monkeypatch.setattr("mpi.api.middleware.request_middleware.CallLimiter", lambda: fairness)
    look_up = persons.look_up_lineage

    def slow(index, viewer, *rest):
        if viewer.client == "busy":
            entered.set()
            free.wait(20)
        return look_up(index, viewer, *rest)

    monkeypatch.setattr(persons, "look_up_lineage", slow)
    with open_test_index(tmp_path, "D01") as index:
        keys = {name: a_key(index, name, frozenset(Action)) for name in ("busy", "calm")}
        with serving(create_app(index)) as url, ThreadPoolExecutor(1) as pool:

            def ask(name):
                headers = {"Authorization": f"Bearer {keys[name]}"}
                return httpx.get(f"{url}/v1/persons/T7K3-92QX-0HTV/lineage", headers=headers, timeout=30)

            busy = pool.submit(ask, "busy")
            assert entered.wait(20)
            told = ask("busy")
            problem(told, 429, "too-many-calls")
            assert told.headers["retry-after"] == "1"
            assert ask("calm").status_code != 429
            free.set()
            assert busy.result().status_code != 429
