"""Bulk upsert of records over HTTP: one NDJSON line each.

Each line is answered on its own. Answers are sent as they are made, and queued while the client does not
read them. Many HTTP clients send the whole body before they read the first byte of the answer; a server
that stopped reading until its answers are taken would deadlock with them.
"""

import asyncio
from collections.abc import AsyncIterator

import orjson
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mpi.api.request.authentication import Credentials
from mpi.api.request.model_reload import reload_model
from mpi.api.request.problems import log_unexpected, problem_from_error
from mpi.api.request.record_body import BodyLine, iterate_lines, parse_json_object
from mpi.api.request.refusals import record_denied_call
from mpi.domain.errors import InputError, ModelMovedError, MpiError, RecordError
from mpi.domain.viewer import Viewer
from mpi.service.records.upsert import upsert
from mpi.service.records.upsert_result import UpsertResult

MEDIA_TYPE = "application/x-ndjson"
"""Media type of NDJSON bodies and answers."""
MAX_LINES = 50_000
"""Most lines in one bulk call.

The limit bounds the unread answers in memory. Larger files are for ``mpi ingest``.
"""
_MAX_KEY_LENGTH = 200


async def answer_lines(
    app: FastAPI, sent_credentials: Credentials, chunks: AsyncIterator[bytes], request_id: str
) -> AsyncIterator[bytes]:
    """Upsert the record in each NDJSON line and yield the answers.

    Args:
        app: the application, whose model may be reloaded between two lines.
        sent_credentials: credentials of the call, authenticated anew before each line. A client may keep the
            call open for long, and a revoked key ends at once.
        chunks: the body. It is always read to its end, or the client could not read the answers.
        request_id: ID of the request, for the log.
    """
    line_count = line_number = 0
    try:
        async for line in iterate_lines(chunks):
            line_count, line_number = line_count + 1, line.number
            if line_count <= MAX_LINES:
                yield await run_in_threadpool(answer_line, app, sent_credentials, line, request_id)
            elif line_count == MAX_LINES + 1:
                error = RecordError("record", "too-many", f"one call has at most {MAX_LINES:,} lines")
                yield _encode_line({"line": line.number, "problem": problem_from_error(error)})
    except InputError as error:  # what follows of a compressed body cannot be read
        yield _encode_line({"line": line_number + 1, "problem": problem_from_error(error)})


def answer_line(app: FastAPI, sent_credentials: Credentials, line: BodyLine, request_id: str) -> bytes:
    """Upsert the record in one NDJSON line and return the encoded answer.

    An error becomes a problem object in the answer.
    """
    record_key: dict[str, object] = {}
    try:
        viewer = sent_credentials.authenticate(app.state.index)
        record = parse_json_object(line.data)
        record_key = _extract_record_key(record)
        resolved = _upsert_record(app, viewer, _pop_source(record), record)
        return _encode_line({"line": line.number, **resolved.as_dict()})
    except MpiError as error:
        record_denied_call(app.state.index, error)
        return _encode_line({"line": line.number, **record_key, "problem": problem_from_error(error)})
    except Exception as error:  # noqa: BLE001 - one failing line must not stop the others; it is logged
        log_unexpected(error, request_id)
        return _encode_line({"line": line.number, **record_key, "problem": problem_from_error(error)})


def _upsert_record(app: FastAPI, viewer: Viewer, source: str, record: dict[str, object]) -> UpsertResult:
    """Upsert a record, after a reload if the matching model has changed."""
    try:
        return upsert(app.state.index, viewer, source, record)
    except ModelMovedError:
        return upsert(reload_model(app), viewer, source, record)


class BulkResponse(Response):
    """Response that sends answers while the request body is still read.

    Starlette's own streaming response listens for a disconnect at the same time, and so consumes parts of the
    body.

    Args:
        answers: the encoded answers; iterating over them reads the body.
    """

    media_type = MEDIA_TYPE

    def __init__(self, answers: AsyncIterator[bytes]) -> None:
        self.status_code = 200
        self.background = None
        self._answers = answers
        self.init_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI passes the scope
        """Send an answer for each line until the request body ends."""
        backlog: asyncio.Queue[bytes | None] = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._queue_answers(backlog))
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            while (encoded_answer := await backlog.get()) is not None:
                await send({"type": "http.response.body", "body": encoded_answer, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _queue_answers(self, backlog: asyncio.Queue[bytes | None]) -> None:
        """Read the request body and queue an answer for each line."""
        try:
            async for encoded_answer in self._answers:
                backlog.put_nowait(encoded_answer)
        except ClientDisconnect:
            pass  # Answered lines are stored. The client resends the rest; a resent line changes nothing.
        finally:
            backlog.put_nowait(None)


def _pop_source(record: dict[str, object]) -> str:
    """Remove the source code from a bulk line, leaving a canonical record."""
    source = record.pop("source", None)
    if not isinstance(source, str):
        raise RecordError("source", "missing", "every line needs the code of its source, as text")
    return source


def _extract_record_key(record: dict[str, object]) -> dict[str, object]:
    """Return a bulk line's source and local ID, as far as valid.

    They tell the client which record a problem is about.
    """
    parts = {name: record.get(name) for name in ("source", "local_id")}
    return {
        n: value for n, value in parts.items() if isinstance(value, str) and 0 < len(value) <= _MAX_KEY_LENGTH
    }


def _encode_line(value: dict[str, object]) -> bytes:
    """Encode an object as one NDJSON line."""
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
