"""Bodies: bounded while they are read, and JSON objects or refused."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import Depends, Request

from mpi.api.request.problems import TooLargeError
from mpi.domain.errors import InputError

LARGEST_RECORD_BYTES = 1_000_000
"""Of a body that is one record, and of a line that is one."""
_TOO_LARGE = f"a record has at most {LARGEST_RECORD_BYTES:,} bytes"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a body.

    Args:
        number: from 1.
        data: its bytes without the line's end; None where there are too many.
    """

    number: int
    data: bytes | None


async def raw_body(request: Request) -> bytes:
    """The body, bounded.

    Raises:
        TooLargeError: it has more than ``LARGEST_RECORD_BYTES``.
    """
    # A call may be answered a second time, see mpi.api.request.model_reload and mpi.api.fast_path.upsert; its body comes once.
    read: bytes | TooLargeError | None = getattr(request.state, "raw_body", None)
    if read is None:
        read = request.state.raw_body = await _read(request)
    if isinstance(read, TooLargeError):
        raise read
    return read


async def _read(request: Request) -> bytes | TooLargeError:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > LARGEST_RECORD_BYTES:
            return TooLargeError(_TOO_LARGE)
    return bytes(data)


RawDep = Annotated[bytes, Depends(raw_body)]


async def sent_record(data: RawDep) -> dict[str, object]:
    """The body as one JSON object.

    Raises:
        InputError: it is no JSON object.
    """
    return json_object(data)


SentDep = Annotated[dict[str, object], Depends(sent_record)]


def json_object(data: bytes | None) -> dict[str, object]:
    """Read one JSON object.

    Raises:
        TooLargeError: there is a line that was too long to keep.
        InputError: it is no JSON object.
    """
    if data is None:
        raise TooLargeError(_TOO_LARGE)
    try:
        parsed = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        # Its position, not its message, which may quote the text.
        raise InputError(f"not JSON in UTF-8 (line {error.lineno}, column {error.colno})") from None
    if not isinstance(parsed, dict):
        raise InputError("send one JSON object")
    return parsed


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[Line]:
    """The lines of a body, holding at most one and a chunk at a time; blank ones are left out."""
    rest, number, overlong = b"", 0, False
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for data in whole:
            number += 1
            if overlong or len(data) > LARGEST_RECORD_BYTES:
                yield Line(number, None)
            elif data.strip():
                yield Line(number, data)
            overlong = False
        if len(rest) > LARGEST_RECORD_BYTES:
            rest, overlong = b"", True
    if overlong or rest.strip():
        yield Line(number + 1, None if overlong else rest)
