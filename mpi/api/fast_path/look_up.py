"""Look-ups, the short way: for a call of the common form little happens beside the read and its ledger line.

FastAPI's own way through dependencies, validation, threads and a response model costs twice what the read
does.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import orjson
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from mpi.api.middleware.fast_path_dispatch import FastPathRoute
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.persons.look_up import Ask, MoreToRead, glance, in_full, look_up
from mpi.storage.repositories.access.disclosures import Disclosure

_BEARER = "bearer "
_LOOK_UP_VIEWER = Viewer("look-up")


class LookUpRoute(FastPathRoute):
    """A route of look-ups."""

    def parse_query(self, request: Request, index: Index) -> Ask[Any] | None:
        """What a call asks; None where it is not of the common form."""
        raise NotImplementedError

    def render(self, result: Any) -> Response:  # noqa: ANN401 - what ``parse_query`` answers with
        """The answer, as the response model has it."""
        raise NotImplementedError

    async def try_fast_path(self, request: Request) -> Response | None:
        """See ``FastPathRoute``: the read, and its line on the ledger."""
        index: Index = request.app.state.index
        query = self.parse_query(request, index)
        if query is None:
            return None
        headers = request.headers
        credentials = read_api_key(headers), headers.get("purpose-of-use")
        if index.database.is_postgresql:  # which is across a network
            result = await _look_up_in_ledger_thread(index, *credentials, query)
        else:
            result, line, viewer = look_up(index, *credentials, query)
            await _await_disclosure(index, viewer, lambda: line)
        return self.render(result)


def json_response(content: object, headers: dict[str, str] | None = None) -> Response:
    """An answer of plain values and dataclasses."""
    return Response(orjson.dumps(content), media_type="application/json", headers=headers)


def read_api_key(headers: Headers) -> str | None:
    """The API key that a call bears, in either form."""
    authorization = headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER and (key := authorization[len(_BEARER) :].strip()):
        return key
    return headers.get("x-api-key")


async def _look_up_in_ledger_thread(
    index: Index, key: str | None, purpose: str | None, query: Ask[Any]
) -> Any:  # noqa: ANN401
    """Look up in the thread that writes the ledger, which does both for all that wait."""
    answers: list[Any] = []

    def make_line() -> Disclosure:
        answer, line, _ = glance(index, key, purpose, query)
        answers.append(answer)
        return line

    try:
        await _await_disclosure(index, _LOOK_UP_VIEWER, make_line)
    except MoreToRead:
        answer, line, viewer = await run_in_threadpool(in_full, index, key, purpose, query)
        await _await_disclosure(index, viewer, lambda: line)
        return answer
    return answers[0]


async def _await_disclosure(index: Index, viewer: Viewer, make_line: Callable[[], Disclosure]) -> None:
    """Wait until the line is durable, holding no thread.

    Raises:
        StoreError: it cannot be written; the answer must not leave.
    """
    loop = asyncio.get_running_loop()
    durable: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if durable.done():  # the caller has gone
            return
        if error is None:
            durable.set_result(None)
        else:
            durable.set_exception(error)

    def notify(error: Exception | None) -> None:
        with suppress(RuntimeError):  # the server has stopped, and with it the loop
            loop.call_soon_threadsafe(settle, error)

    # Calls that have come at one time share a transaction.
    index.store.ledger.have_made(index.database, viewer, make_line, notify, loop.call_soon)
    await durable
