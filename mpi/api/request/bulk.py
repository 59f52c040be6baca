"""Bulk: lines in, lines out, each a call of its own.

Answers are sent as they are made, and kept while the caller does not read them: many HTTP clients send
the whole of a body before they read the first byte of its answer, and would wait for each other with a
server that stops reading until its answers are taken.
"""

import asyncio
from collections.abc import AsyncIterator

import orjson
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mpi.api.request.access import Credentials
from mpi.api.request.body import BodyLine, iterate_lines, parse_json_object
from mpi.api.request.model_reload import reload_model
from mpi.api.request.problems import log_unexpected, problem_from_error
from mpi.domain.errors import ModelMovedError, MpiError, RecordError
from mpi.domain.viewer import Viewer
from mpi.service.records.upsert import UpsertResult, upsert

MEDIA_TYPE = "application/x-ndjson"
MAX_LINES = 50_000
"""Of one call: bounds what is kept of answers that are not read. A file is for ``mpi ingest``."""
_MAX_KEY_LENGTH = 200


async def answer_lines(
    app: FastAPI, sent_credentials: Credentials, chunks: AsyncIterator[bytes], request_id: str
) -> AsyncIterator[bytes]:
    """The answer to each line, in order.

    Args:
        app: the application, which may move to another model between two lines.
        sent_credentials: what the sender says of itself. It is asked anew who that is before each line, as a sender
            keeps its call open for as long as it likes, and a revoked key ends at once.
        chunks: the body; read to its end whatever it holds, or the caller could not read the answers.
        request_id: for the log.
    """
    line_count = 0
    async for line in iterate_lines(chunks):
        line_count += 1
        if line_count <= MAX_LINES:
            yield await run_in_threadpool(answer_line, app, sent_credentials, line, request_id)
        elif line_count == MAX_LINES + 1:
            error = RecordError("record", "too-many", f"one call has at most {MAX_LINES:,} lines")
            yield _encode_line({"line": line.number, "problem": problem_from_error(error)})


def answer_line(app: FastAPI, sent_credentials: Credentials, line: BodyLine, request_id: str) -> bytes:
    """Upsert the record of one line; one that is refused is answered with a problem."""
    record_key: dict[str, object] = {}
    try:
        viewer = sent_credentials.authenticate(app.state.index)
        record = parse_json_object(line.data)
        record_key = _extract_record_key(record)
        resolved = _upsert_record(app, viewer, _pop_source(record), record)
        return _encode_line({"line": line.number, **resolved.as_dict()})
    except MpiError as error:
        return _encode_line({"line": line.number, **record_key, "problem": problem_from_error(error)})
    # One line must not cost the answers to the others; what it was is in the log.
    except Exception as error:  # noqa: BLE001
        log_unexpected(error, request_id)
        return _encode_line({"line": line.number, **record_key, "problem": problem_from_error(error)})


def _upsert_record(app: FastAPI, viewer: Viewer, source: str, record: dict[str, object]) -> UpsertResult:
    try:
        return upsert(app.state.index, viewer, source, record)
    except ModelMovedError:
        return upsert(reload_model(app), viewer, source, record)


class BulkResponse(Response):
    """Sends answers while the body of the call is still being read.

    Starlette's own streaming response listens for a disconnect meanwhile, and so takes parts of the body.

    Args:
        answers: what to send; reads the body as it goes.
    """

    media_type = MEDIA_TYPE

    def __init__(self, answers: AsyncIterator[bytes]) -> None:
        self.status_code = 200
        self.background = None
        self._answers = answers
        self.init_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Exchange lines until the body ends."""
        backlog: asyncio.Queue[bytes | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._work(backlog))
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while (encoded_answer := await backlog.get()) is not None:
                await send({"type": "http.response.body", "body": encoded_answer, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _work(self, backlog: asyncio.Queue[bytes | None]) -> None:
        try:
            async for encoded_answer in self._answers:
                backlog.put_nowait(encoded_answer)
        except ClientDisconnect:
            pass  # What was answered is kept; the caller sends the rest again, which changes nothing twice.
        finally:
            backlog.put_nowait(None)


def _pop_source(record: dict[str, object]) -> str:
    """Take the source's code out of a line, whose rest is a canonical record."""
    source = record.pop("source", None)
    if not isinstance(source, str):
        raise RecordError("source", "missing", "every line needs the code of its source, as text")
    return source


def _extract_record_key(record: dict[str, object]) -> dict[str, object]:
    """The line's key, as far as it has one: for the caller to know which record a problem is about."""
    parts = {name: record.get(name) for name in ("source", "local_id")}
    return {
        n: value for n, value in parts.items() if isinstance(value, str) and 0 < len(value) <= _MAX_KEY_LENGTH
    }


def _encode_line(value: dict[str, object]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
