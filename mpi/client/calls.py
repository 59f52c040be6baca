"""The API's calls: method, path, body, and reading of the answer."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx

from mpi.client.feed_page import EventPage
from mpi.client.json_reader import parse_json, read_result, read_results
from mpi.client.problem_reader import read_request_id
from mpi.client.results import (
    Answer,
    ApiClient,
    Candidate,
    Load,
    LoadReceipt,
    NewKey,
    Person,
    RecordRef,
    Reject,
    Resolved,
    Retirement,
    Source,
    StoredRecord,
)

T = TypeVar("T")

_JSON = "application/json"
_REPEATABLE_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_API_PREFIX = "/v1/"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of the API.

    Args:
        method: HTTP method.
        path: path, percent-encoded.
        read: reads the result from a successful response.
        params: query parameters.
        headers: further headers; one of None is left out.
        content: body.
        is_repeatable: whether the call may be made twice: it has the same effect, or an idempotency key.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    content: bytes | None = field(default=None, repr=False)
    is_repeatable: bool = True


def upsert(source: str, record: Mapping[str, Any], idempotency_key: str | None) -> Call[Resolved]:
    """Send a record, whole."""
    local_id = record.get("local_id")
    if local_id is None:
        raise ValueError("the record needs a local_id")
    return Call(
        "PUT",
        _record_path(source, str(local_id)),
        _reader(Resolved),
        headers={"Content-Type": _JSON, "Idempotency-Key": idempotency_key},
        content=encode_json(record),
    )


def read_record(source: str, local_id: str) -> Call[StoredRecord]:
    """Read a record as its source last stated it."""
    return Call("GET", _record_path(source, local_id), _reader(StoredRecord))


def withdraw(source: str, local_id: str, idempotency_key: str | None) -> Call[Resolved]:
    """Withdraw a record from its person."""
    headers = {"Idempotency-Key": idempotency_key}
    return Call("DELETE", _record_path(source, local_id), _reader(Resolved), headers=headers)


def search(record: Mapping[str, Any]) -> Call[tuple[Candidate, ...]]:
    """Search for the persons that a record may belong to."""
    return Call(
        "POST",
        "/v1/persons:search",
        lambda response: read_results(Candidate, parse_json(response.content)),
        headers={"Content-Type": _JSON},
        content=encode_json(record),
    )


def look_up(enterprise_id: str, as_of: datetime | date | str | None) -> Call[Person]:
    """Look up an enterprise ID."""

    def read(response: httpx.Response) -> Person:
        person = read_result(Person, parse_json(response.content))
        return replace(person, etag=parse_etag(response.headers.get("etag")))

    return Call("GET", f"/v1/persons/{encode_segment(enterprise_id)}", read, params=_moment(as_of))


def find_enterprise_id(source: str, local_id: str, as_of: datetime | date | str | None) -> Call[str | None]:
    """Look up the enterprise ID of a record."""
    params = {"source": source, "local_id": local_id, **_moment(as_of)}
    return Call("GET", "/v1/crosswalk", lambda r: _read_crosswalk(r).enterprise_id, params=params)


def find_records(enterprise_id: str, as_of: datetime | date | str | None) -> Call[tuple[RecordRef, ...]]:
    """Look up the records of an enterprise ID."""
    params = {"enterprise_id": enterprise_id, **_moment(as_of)}
    return Call("GET", "/v1/crosswalk", lambda r: _reader(_PersonRecords)(r).records, params=params)


def read_events(after: int, limit: int) -> Call[EventPage]:
    """Read a page of the change feed."""
    params = {"after": str(after), "limit": str(limit)}
    return Call("GET", "/v1/events", _reader(EventPage), params=params)


def list_loads(source: str | None, before: int | None) -> Call[tuple[Load, ...]]:
    """List loads, latest first."""
    params = {"source": source, "before": None if before is None else str(before)}
    return Call(
        "GET", "/v1/loads", _list_reader(Load), params={n: v for n, v in params.items() if v is not None}
    )


def read_load(number: int) -> Call[LoadReceipt]:
    """Read the receipt of a load."""
    return Call("GET", f"/v1/loads/{number}", _reader(LoadReceipt))


def list_rejects(number: int) -> Call[tuple[Reject, ...]]:
    """List the rejected rows of a load."""
    return Call("GET", f"/v1/loads/{number}/rejects", _list_reader(Reject))


def list_sources() -> Call[tuple[Source, ...]]:
    """List the sources that the client may administer."""
    return Call("GET", "/v1/sources", _list_reader(Source))


def add_source(members: Mapping[str, Any]) -> Call[Source]:
    """Add a source."""
    return _post("/v1/sources", members, _reader(Source))


def rename_source(code: str, display_name: str) -> Call[Source]:
    """Give a source another name."""
    path = f"/v1/sources/{encode_segment(code)}:rename"
    return _post(path, {"display_name": display_name}, _reader(Source))


def retire_source(code: str, *, retired: bool, preview: bool) -> Call[Retirement]:
    """Retire a source, or take its records again."""
    path = f"/v1/sources/{encode_segment(code)}:retire"
    return _post(path, {"retired": retired, "preview": preview}, _reader(Retirement))


def list_clients() -> Call[tuple[ApiClient, ...]]:
    """List the clients of the API."""
    return Call("GET", "/v1/clients", _list_reader(ApiClient))


def add_client(members: Mapping[str, Any]) -> Call[NewKey]:
    """Add a client of the API."""
    return _post("/v1/clients", members, _reader(NewKey))


def rotate_client_key(name: str, overlap_days: int) -> Call[NewKey]:
    """Give a client another key."""
    path = f"/v1/clients/{encode_segment(name)}:rotate"
    return _post(path, {"overlap_days": overlap_days}, _reader(NewKey))


def end_client(name: str) -> Call[ApiClient]:
    """Revoke the key of a client."""
    return _post(f"/v1/clients/{encode_segment(name)}:end", {}, _reader(ApiClient))


def _post(path: str, members: Mapping[str, Any], read: Callable[[httpx.Response], T]) -> Call[T]:
    """Make a call that must not be repeated.

    The second one would be refused, or do more.
    """
    content = encode_json({name: value for name, value in members.items() if value is not None})
    return Call("POST", path, read, headers={"Content-Type": _JSON}, content=content, is_repeatable=False)


def request(
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None,
    body: object,
    if_match: str | Iterable[str] | None,
    idempotency_key: str | None,
    headers: Mapping[str, str] | None,
) -> Call[Answer]:
    """Make a call of any route under ``/v1/``."""
    method = method.upper()
    if not path.startswith(_API_PREFIX):
        raise ValueError(f"the path begins with {_API_PREFIX}")
    return Call(
        method,
        path,
        _read_answer,
        params=params or {},
        headers={
            **(headers or {}),
            "Content-Type": None if body is None else _JSON,
            "If-Match": _format_etags(if_match),
            "Idempotency-Key": idempotency_key,
        },
        content=None if body is None else encode_json(body),
        is_repeatable=method in _REPEATABLE_METHODS or idempotency_key is not None,
    )


def encode_json(value: object) -> bytes:
    """Return a value as JSON; dates and times become ISO 8601 text.

    Raises:
        TypeError: a value is of a type that JSON does not have.
        ValueError: a number is not finite.
    """
    return json.dumps(value, default=_encode_time, allow_nan=False, separators=(",", ":")).encode("ascii")


def encode_segment(text: str) -> str:
    """Return text as one segment of a path.

    Dots alone are encoded too: a client or proxy would take them for a folder.
    """
    return quote(text, safe="") if text.strip(".") else text.replace(".", "%2E")


def parse_etag(header: str | None) -> str | None:
    """Return an ``ETag`` header's tag, without quotes and mark of weakness."""
    return None if header is None else header.strip().removeprefix("W/").strip('"')


def _format_etags(etags: str | Iterable[str] | None) -> str | None:
    """Return an ``If-Match`` header of one or several tags."""
    if etags is None:
        return None
    tags = [etags] if isinstance(etags, str) else list(etags)
    if not tags:
        raise ValueError("if_match names one ETag at least")
    return ", ".join(f'"{parse_etag(tag)}"' for tag in tags)


@dataclass(frozen=True, slots=True)
class _CrosswalkEntry:
    """Enterprise ID of a record."""

    enterprise_id: str | None


@dataclass(frozen=True, slots=True)
class _PersonRecords:
    """Records of an enterprise ID."""

    records: tuple[RecordRef, ...]


def _read_crosswalk(response: httpx.Response) -> _CrosswalkEntry:
    return read_result(_CrosswalkEntry, parse_json(response.content))


def _reader(kind: type[T]) -> Callable[[httpx.Response], T]:
    """Return a function that reads a response as one result."""
    return lambda response: read_result(kind, parse_json(response.content))


def _list_reader(kind: type[T]) -> Callable[[httpx.Response], tuple[T, ...]]:
    return lambda response: read_results(kind, parse_json(response.content))


def _read_answer(response: httpx.Response) -> Answer:
    """Read the answer of any route."""
    return Answer(
        response.status_code,
        parse_json(response.content) if response.content else None,
        parse_etag(response.headers.get("etag")),
        response.headers.get("location"),
        read_request_id(response),
    )


def _record_path(source: str, local_id: str) -> str:
    return f"/v1/sources/{encode_segment(source)}/records/{encode_segment(local_id)}"


def _moment(as_of: datetime | date | str | None) -> dict[str, str]:
    """Return the query parameter of a past moment."""
    return {} if as_of is None else {"as_of": as_of if isinstance(as_of, str) else _encode_time(as_of)}


def _encode_time(value: object) -> str:
    """Return a date or time as ISO 8601 text."""
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError("a time needs its time zone: datetime(..., tzinfo=UTC)")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a value of type {type(value).__name__} is not JSON: send text")
