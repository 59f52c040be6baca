"""Fast path of look-ups by local ID and enterprise ID.

A request of the common form costs little more than the read and its line on the ledger. FastAPI's
dependencies, validation, threads and response models would cost twice what the read does.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

import orjson
from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from mpi.api.middleware.fast_path_dispatch import FastPathRoute
from mpi.api.request.client_address import note_caller
from mpi.api.request.redisclosure import state_terms
from mpi.domain.viewer import Viewer
from mpi.policy.access_request import BREAK_GLASS
from mpi.service.access.credentials import is_signed_token
from mpi.service.core.index import Index
from mpi.service.persons.look_up import FastPathMissError, LookUpQuery, look_up, look_up_fast, look_up_in_full
from mpi.storage.repositories.access.disclosures import Disclosure

_BEARER = "bearer "
_LOOK_UP_VIEWER = Viewer("look-up")

Answer = TypeVar("Answer")
"""Type of what a look-up finds."""


class LookUpRoute(FastPathRoute, Generic[Answer]):
    """API route of a person look-up that can bypass FastAPI for speed."""

    def parse_query(self, request: Request, index: Index) -> LookUpQuery[Answer] | None:
        """Return the person look-up that a request asks for.

        Returns:
            None if the request is not of the common form.
        """
        raise NotImplementedError

    def render(self, result: Answer) -> Response:
        """Render a person look-up's result in the shape of the response model."""
        raise NotImplementedError

    async def try_fast_path(self, request: Request) -> Response | None:
        """Answer a person look-up once its disclosure is durably recorded.

        Returns:
            None if the request is not of the common form.
        """
        index: Index = request.app.state.index
        query = self.parse_query(request, index)
        if query is None:
            return None
        headers = request.headers
        credentials = read_api_key(headers), headers.get("purpose-of-use")
        if credentials[1] == BREAK_GLASS or is_signed_token(credentials[0] or ""):
            return None
        if index.database.is_postgresql:  # each statement is a network round trip
            result, viewer = await _look_up_in_ledger_thread(index, *credentials, query)
        else:
            result, line, viewer = look_up(index, *credentials, query)
            await _await_disclosure(index, viewer, lambda: line)
        note_caller(request.scope, viewer.client)
        state_terms(request.scope, viewer)
        return self.render(result)


def json_response(content: object, headers: dict[str, str] | None = None) -> Response:
    """Build a JSON response from plain values and dataclasses."""
    return Response(orjson.dumps(content), media_type="application/json", headers=headers)


def read_api_key(headers: Headers) -> str | None:
    """Return the API key of a request, from either header."""
    authorization = headers.get("authorization", "")
    if authorization[: len(_BEARER)].lower() == _BEARER and (key := authorization[len(_BEARER) :].strip()):
        return key
    return headers.get("x-api-key")


async def _look_up_in_ledger_thread(
    index: Index, key: str | None, purpose: str | None, query: LookUpQuery[Answer]
) -> tuple[Answer, Viewer]:
    """Look up a person in the thread that writes the disclosure ledger.

    That thread reads and writes for all waiting look-ups at once, which saves round trips to PostgreSQL.
    """
    answers: list[tuple[Answer, Viewer]] = []

    def make_line() -> Disclosure:
        answer, line, viewer = look_up_fast(index, key, purpose, query)
        answers.append((answer, viewer))
        return line

    try:
        await _await_disclosure(index, _LOOK_UP_VIEWER, make_line)
    except FastPathMissError:
        answer, line, viewer = await run_in_threadpool(look_up_in_full, index, key, purpose, query)
        await _await_disclosure(index, viewer, lambda: line)
        return answer, viewer
    return answers[0]


async def _await_disclosure(index: Index, viewer: Viewer, make_line: Callable[[], Disclosure]) -> None:
    """Wait until a disclosure is durably recorded, without holding a thread.

    Raises:
        StoreError: the ledger line cannot be written; the answer must not leave.
    """
    loop = asyncio.get_running_loop()
    durable: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if durable.done():  # the client has disconnected
            return
        if error is None:
            durable.set_result(None)
        else:
            durable.set_exception(error)

    def notify(error: Exception | None) -> None:
        with suppress(RuntimeError):  # the server and its event loop have stopped
            loop.call_soon_threadsafe(settle, error)

    # Group commit: look-ups that arrive together share one transaction.
    index.store.ledger.write_in_background(index.database, viewer, make_line, notify, loop.call_soon)
    await durable
