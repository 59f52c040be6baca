"""What commands are told, read: moments, and one record on standard input."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, cast

import orjson
import typer

from mpi.cli.output import print_note
from mpi.domain import clock
from mpi.domain.errors import InputError

AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        metavar="TIME",
        help="ISO 8601; a date is its first moment, a time without a zone is UTC.",
    ),
]
"""A moment; see ``parse_moment``."""

_CLOCK_SKEW = timedelta(days=1)


def parse_moment(text: str | None) -> datetime | None:
    """A moment as typed, aware; None where none was given.

    Raises:
        InputError: it is none, or more than a day ahead.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        lead = moment - clock.now()
    except (ValueError, OverflowError):
        raise InputError("--as-of: give an ISO 8601 date or time, such as 2026-11-24T08:30Z") from None
    if lead > _CLOCK_SKEW:
        raise InputError("--as-of: lies more than a day ahead of this machine's clock")
    return moment


def read_record() -> dict[str, object]:
    """One JSON object from standard input.

    Raises:
        InputError: it is not one; the message holds nothing of it.
    """
    if sys.stdin.isatty():
        print_note("reading one JSON record from standard input; end it with Ctrl-D")
    try:
        record = orjson.loads(sys.stdin.buffer.read())
    except orjson.JSONDecodeError as error:
        raise InputError(
            f"standard input: not JSON: wrong at line {error.lineno}, column {error.colno}"
        ) from None
    if not isinstance(record, dict):
        raise InputError("standard input: give one JSON object, a canonical record")
    return cast("dict[str, object]", record)  # JSON keys are text


def take_source(record: dict[str, object]) -> str:
    """Take the source's code out of a record.

    Raises:
        InputError: it has none.
    """
    source = record.pop("source", None)
    if not isinstance(source, str) or not source:
        raise InputError('standard input: "source" is missing: give the code of the record\'s source')
    return source
