"""Request bodies of bounded size: raw bytes, JSON objects and lines."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import Depends, Request

from mpi.api.request.problems import TooLargeError
from mpi.domain.errors import InputError

MAX_RECORD_BYTES = 1_000_000
"""Largest body, or line of a body, for one record, in bytes."""
_TOO_LARGE = f"a record has at most {MAX_RECORD_BYTES:,} bytes"


@dataclass(frozen=True, slots=True)
class BodyLine:
    """One line of a request body.

    Args:
        number: line number, from 1.
        data: bytes of the line without its end; None if the line is too long.
    """

    number: int
    data: bytes | None


async def read_raw_body(request: Request) -> bytes:
    """Read the whole request body, up to a size limit.

    Raises:
        TooLargeError: the body has more than ``MAX_RECORD_BYTES``.
    """
    # A request may be handled twice (mpi.api.request.model_reload, mpi.api.fast_path.upsert), but its body
    # can be read only once.
    body: bytes | TooLargeError | None = getattr(request.state, "raw_body", None)
    if body is None:
        body = request.state.raw_body = await _read(request)
    if isinstance(body, TooLargeError):
        raise body
    return body


async def _read(request: Request) -> bytes | TooLargeError:
    """Read a request body, or return the error for a large one."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MAX_RECORD_BYTES:
            return TooLargeError(_TOO_LARGE)
    return bytes(data)


RawBodyDep = Annotated[bytes, Depends(read_raw_body)]


async def parse_record_body(data: RawBodyDep) -> dict[str, object]:
    """Parse the request body as one JSON object.

    Raises:
        InputError: the body is not a JSON object.
    """
    return parse_json_object(data)


RecordBodyDep = Annotated[dict[str, object], Depends(parse_record_body)]


def parse_json_object(data: bytes | None) -> dict[str, object]:
    """Parse bytes as one JSON object.

    Args:
        data: the bytes; None for a line that was too long to keep.

    Raises:
        TooLargeError: ``data`` is None.
        InputError: the bytes are not a JSON object.
    """
    if data is None:
        raise TooLargeError(_TOO_LARGE)
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        # Only the position: the message may quote personal data.
        raise InputError(f"not JSON in UTF-8 (line {error.lineno}, column {error.colno})") from None
    if not isinstance(parsed, dict):
        raise InputError("send one JSON object")
    return parsed


async def iterate_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[BodyLine]:
    """Yield the lines of a request body, without blank lines.

    At most one line and one chunk are in memory at a time.
    """
    remainder, number, is_overlong = b"", 0, False
    async for chunk in chunks:
        *complete_lines, remainder = (remainder + chunk).split(b"\n")
        for data in complete_lines:
            number += 1
            if is_overlong or len(data) > MAX_RECORD_BYTES:
                yield BodyLine(number, None)
            elif data.strip():
                yield BodyLine(number, data)
            is_overlong = False
        if len(remainder) > MAX_RECORD_BYTES:
            remainder, is_overlong = b"", True
    if is_overlong or remainder.strip():
        yield BodyLine(number + 1, None if is_overlong else remainder)
