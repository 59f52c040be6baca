"""Parsing of command arguments: times, and a record on standard input."""

import sys
from datetime import datetime
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
        help="ISO 8601 time; a date means its start, no zone means UTC.",
    ),
]
"""Command option with a point in time; see ``parse_moment``."""


def parse_moment(text: str | None) -> datetime | None:
    """Parse a point in time as typed on the command line.

    Returns:
        An aware time; None where none was given.

    Raises:
        InputError: the text is not an ISO 8601 time, or the time is before 1900 or over a day in the future.
    """
    return None if text is None else clock.parse_moment(text, "--as-of")


def read_record() -> dict[str, object]:
    """Read one record as a JSON object from standard input.

    Raises:
        InputError: the input is not a JSON object; the message holds nothing of it.
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
    """Remove the source's code from a record's JSON object and return it.

    Raises:
        InputError: the record names no source.
    """
    source = record.pop("source", None)
    if not isinstance(source, str) or not source:
        raise InputError('standard input: "source" is missing: give the code of the record\'s source')
    return source
