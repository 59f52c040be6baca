"""Loads of files, and the wait until they are done."""

import gzip
import secrets
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import partial
from os import PathLike
from pathlib import Path

import httpx

from mpi.client.calls import Call, encode_segment
from mpi.client.flows import Flow, Pause, Work
from mpi.client.json_reader import parse_json, read_result
from mpi.client.results import Job
from mpi.client.session import Session

RUNNING = "running"
_MAPPING = "mapping"
_BOUNDARY_BYTES = 16


def load_file(
    session: Session,
    source: str,
    file: str | PathLike[str],
    fields: Mapping[str, object],
    *,
    poll_s: float,
    purpose: str | None,
) -> Flow[Job]:
    """Return the flow that sends a file and awaits its load.

    Args:
        session: the client's session.
        source: source of the file.
        file: the file; it is read into memory and sent compressed.
        fields: options of the load by name of the form's field; one of None is left out.
        poll_s: seconds between two looks at the job.
        purpose: purpose of use.

    Raises:
        OSError: the file cannot be read.
        ProblemError: the index refused the file or the load.
    """
    boundary = secrets.token_hex(_BOUNDARY_BYTES)
    content = yield Work(partial(_build_form, boundary, Path(file), fields))
    call = Call(
        "POST",
        f"/v1/sources/{encode_segment(source)}/loads",
        _read_job,
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Encoding": "gzip"},
        content=content,
        is_repeatable=False,
    )
    job = yield from session.exchange(call, purpose)
    while job.state == RUNNING:
        yield Pause(poll_s)
        job = yield from session.exchange(read_job(job.id), purpose)
    return job


def read_job(number: int) -> Call[Job]:
    """Read how far background work is."""
    return Call("GET", f"/v1/jobs/{number}", _read_job)


def format_as_of(as_of: datetime | date | str | None) -> str | None:
    """Return a moment as the form has it.

    Raises:
        ValueError: a time has no time zone.
    """
    if isinstance(as_of, datetime) and as_of.tzinfo is None:
        raise ValueError("a time needs its time zone: datetime(..., tzinfo=UTC)")
    return as_of.isoformat() if isinstance(as_of, date) else as_of


def _read_job(response: httpx.Response) -> Job:
    return read_result(Job, parse_json(response.content))


def _build_form(boundary: str, file: Path, fields: Mapping[str, object]) -> bytes:
    """Return a compressed form with a file and its options."""
    parts = [_build_part(boundary, name, text) for name, text in _list_texts(fields)]
    mapping = fields.get(_MAPPING)
    if isinstance(mapping, PathLike):
        parts.append(_build_part(boundary, _MAPPING, Path(mapping).read_bytes(), "mapping.toml"))
    parts.append(_build_part(boundary, "file", file.read_bytes(), f"file{_find_ending(file)}"))
    return gzip.compress(b"".join([*parts, f"--{boundary}--\r\n".encode()]), 6)


def _find_ending(file: Path) -> str:
    """Return the ending of a file's name, such as ``.csv`` or ``.csv.gz``.

    The folder and the rest of the name may tell of persons, and the index needs neither.
    """
    is_packed = file.suffix.lower() == ".gz"
    return Path(file.stem).suffix + file.suffix if is_packed else file.suffix


def _list_texts(fields: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    """Yield the name and text of each option.

    A flag is ``true`` or left out.
    """
    for name, value in fields.items():
        if isinstance(value, bool):
            yield from [(name, "true")] if value else []
        elif isinstance(value, tuple):
            yield from ((name, str(each)) for each in value)
        elif value is not None and not isinstance(value, PathLike):
            yield name, str(value)


def _build_part(boundary: str, name: str, content: str | bytes, file_name: str | None = None) -> bytes:
    """Return one part of a form."""
    disposition = f'form-data; name="{name}"' + ("" if file_name is None else f'; filename="{file_name}"')
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode() + (content.encode() if isinstance(content, str) else content) + b"\r\n"
