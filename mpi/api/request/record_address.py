"""Source and local ID from the raw URL path.

A local ID is one path segment, percent-decoded once. The server decodes the path before any route sees it:
``D01%2F12345`` would look like two segments, and ``%2525`` could be decoded twice. The raw path is
unambiguous.
"""

# ruff: noqa: ARG001 - source and local_id only document the path; values come from the raw path

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Path, Request

from mpi.domain.errors import InputError, NotFoundError
from mpi.standardize.fields.scalars import parse_local_id

_SOURCE, _LOCAL_ID, _SEGMENTS = 3, 5, 6
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class RecordAddress:
    """Source and local ID that a URL path names."""

    source: str
    local_id: str


def parse_record_address(
    request: Request,
    source: Annotated[str, Path(description="Code of the record's source.", examples=["D01-SIS"])],
    local_id: Annotated[
        str,
        Path(
            description="The source's own ID of the record, percent-encoded: `/` is written `%2F`.",
            examples=["12345"],
        ),
    ],
) -> RecordAddress:
    """Parse source and local ID of ``/v1/sources/{source}/records/{local_id}``.

    Raises:
        InputError: a slash or a percent sign is not encoded, or the text is not UTF-8.
        RecordError: the text is not a valid local ID.
    """
    return address_from_path(request.scope["raw_path"])


def parse_rekey_address(
    request: Request,
    source: Annotated[str, Path(description="Code of the record's source.", examples=["D01-SIS"])],
    local_id: Annotated[
        str, Path(description="The local ID that the record has, percent-encoded.", examples=["12345"])
    ],
) -> RecordAddress:
    """Parse source and local ID of ``/v1/sources/{source}/records/{local_id}/rekey``.

    Raises:
        InputError: a slash or a percent sign is not encoded, or the text is not UTF-8.
        RecordError: the text is not a valid local ID.
    """
    return address_from_path(request.scope["raw_path"].rpartition(b"/")[0])


RekeyAddressDep = Annotated[RecordAddress, Depends(parse_rekey_address)]


def address_from_path(raw_path: bytes) -> RecordAddress:
    """Parse a record's source and local ID from a raw URL path.

    Raises:
        NotFoundError: the path has too few segments.
        InputError: a slash or a percent sign is not encoded, or the text is not UTF-8.
        RecordError: the text is not a valid local ID.
    """
    segments = raw_path.split(b"/")
    if len(segments) < _SEGMENTS:
        # The route matched a slash that was percent-encoded in the raw path.
        raise NotFoundError("no such path")
    if len(segments) > _SEGMENTS:
        raise InputError("a local ID is one segment of the path: write / as %2F")
    return RecordAddress(
        _decode_segment(segments[_SOURCE]), parse_local_id(_decode_segment(segments[_LOCAL_ID]))
    )


def _decode_segment(segment: bytes) -> str:
    """Percent-decode one path segment."""
    if _BROKEN_ESCAPE.search(segment):
        raise InputError("the path has a % without two hexadecimal digits: write % as %25")
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the path is not UTF-8") from None


RecordAddressDep = Annotated[RecordAddress, Depends(parse_record_address)]
