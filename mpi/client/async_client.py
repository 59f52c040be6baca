"""Asynchronous client of the index, for asyncio.

Its methods are those of ``mpi.client.client.Client``, which describes them.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import date, datetime
from os import PathLike
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from mpi.client import bulk, calls, feed, loads
from mpi.client.bulk import DEFAULT_LINES, ReportProgress
from mpi.client.calls import Call
from mpi.client.credentials import Credentials
from mpi.client.feed import CursorStore
from mpi.client.feed_page import EventPage, FeedCursor
from mpi.client.flows import Effect, Emit, Flow, Pause, Reply, Send, Work
from mpi.client.private_logs import hide_paths
from mpi.client.results import (
    Answer,
    ApiClient,
    BulkAnswer,
    Candidate,
    Job,
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
from mpi.client.retries import RetryPolicy
from mpi.client.session import DEFAULT_RETRY, DEFAULT_TIMEOUT_S, Session

T = TypeVar("T")


class AsyncClient:
    """Asynchronous client of a Master Person Index.

    Many tasks of one event loop may use one client. Close it, or use it in an ``async with`` block. Every
    call may raise one of ``mpi.client.errors``.

    Args:
        url: address of the index, such as ``https://mpi.example.gov``.
        credentials: API key, or ``ClientCredentials`` for short-lived access tokens.
        purpose: purpose of use of calls that name none, such as ``school_stability``.
        retry: when calls are made again.
        timeout_s: seconds to wait for each part of an answer.
        tls: trusted certificates, and the program's own; by default those that httpx trusts.
        allow_plain_http: whether the key may be sent to another machine without TLS.

    Raises:
        ValueError: the address cannot be used.
    """

    def __init__(
        self,
        url: str,
        credentials: Credentials | str,
        *,
        purpose: str | None = None,
        retry: RetryPolicy = DEFAULT_RETRY,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
        allow_plain_http: bool = False,
    ) -> None:
        self._session = Session(
            url,
            credentials,
            purpose=purpose,
            retry=retry,
            timeout_s=timeout_s,
            allow_plain_http=allow_plain_http,
        )
        hide_paths(self._session.url)
        self._http = httpx.AsyncClient(verify=True if tls is None else tls)

    async def upsert(
        self,
        source: str,
        record: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        purpose: str | None = None,
    ) -> Resolved:
        """See ``Client.upsert``."""
        return await self._call(calls.upsert(source, record, idempotency_key), purpose)

    async def read_record(self, source: str, local_id: str, *, purpose: str | None = None) -> StoredRecord:
        """See ``Client.read_record``."""
        return await self._call(calls.read_record(source, local_id), purpose)

    async def withdraw(
        self,
        source: str,
        local_id: str,
        *,
        idempotency_key: str | None = None,
        purpose: str | None = None,
    ) -> Resolved:
        """See ``Client.withdraw``."""
        return await self._call(calls.withdraw(source, local_id, idempotency_key), purpose)

    def upsert_many(
        self,
        source: str,
        records: Iterable[Mapping[str, Any]],
        *,
        report: ReportProgress | None = None,
        lines_per_call: int = DEFAULT_LINES,
        purpose: str | None = None,
    ) -> AsyncIterator[BulkAnswer]:
        """See ``Client.upsert_many``."""
        flow = bulk.upsert_many(
            self._session, source, records, lines_per_call=lines_per_call, report=report, purpose=purpose
        )
        return self._iterate(flow)

    async def search(self, record: Mapping[str, Any], *, purpose: str | None = None) -> tuple[Candidate, ...]:
        """See ``Client.search``."""
        return await self._call(calls.search(record), purpose)

    async def look_up(
        self,
        enterprise_id: str,
        *,
        as_of: datetime | date | str | None = None,
        purpose: str | None = None,
    ) -> Person:
        """See ``Client.look_up``."""
        return await self._call(calls.look_up(enterprise_id, as_of), purpose)

    async def find_enterprise_id(
        self,
        source: str,
        local_id: str,
        *,
        as_of: datetime | date | str | None = None,
        purpose: str | None = None,
    ) -> str | None:
        """See ``Client.find_enterprise_id``."""
        return await self._call(calls.find_enterprise_id(source, local_id, as_of), purpose)

    async def find_records(
        self,
        enterprise_id: str,
        *,
        as_of: datetime | date | str | None = None,
        purpose: str | None = None,
    ) -> tuple[RecordRef, ...]:
        """See ``Client.find_records``."""
        return await self._call(calls.find_records(enterprise_id, as_of), purpose)

    async def read_events(
        self, cursor: FeedCursor | None = None, *, limit: int = 100, purpose: str | None = None
    ) -> EventPage:
        """See ``Client.read_events``."""
        return await self._call(calls.read_events(0 if cursor is None else cursor.after, limit), purpose)

    def follow(
        self,
        cursor: FeedCursor | CursorStore | None = None,
        *,
        limit: int = 500,
        poll_s: float | None = None,
        purpose: str | None = None,
    ) -> AsyncIterator[EventPage]:
        """See ``Client.follow``."""
        return self._iterate(feed.follow(self._session, cursor, limit=limit, poll_s=poll_s, purpose=purpose))

    async def load_file(  # noqa: PLR0913 - a parameter for each field of the form
        self,
        source: str,
        file: str | PathLike[str],
        *,
        mapping: str | PathLike[str] | None = None,
        file_format: str | None = None,
        sheet: str | None = None,
        where: Iterable[str] = (),
        snapshot: str | None = None,
        as_of: datetime | date | str | None = None,
        confirm: bool = False,
        dry_run: bool = False,
        poll_s: float = 2.0,
        purpose: str | None = None,
    ) -> Job:
        """See ``Client.load_file``."""
        fields = {
            "mapping": mapping,
            "format": file_format,
            "sheet": sheet,
            "where": tuple(where),
            "snapshot": snapshot,
            "as_of": loads.format_as_of(as_of),
            "confirm": confirm,
            "dry_run": dry_run,
        }
        flow = loads.load_file(self._session, source, file, fields, poll_s=poll_s, purpose=purpose)
        return await self._run(flow)

    async def read_job(self, number: int, *, purpose: str | None = None) -> Job:
        """See ``Client.read_job``."""
        return await self._call(loads.read_job(number), purpose)

    async def list_loads(
        self, source: str | None = None, *, before: int | None = None, purpose: str | None = None
    ) -> tuple[Load, ...]:
        """See ``Client.list_loads``."""
        return await self._call(calls.list_loads(source, before), purpose)

    async def read_load(self, number: int, *, purpose: str | None = None) -> LoadReceipt:
        """See ``Client.read_load``."""
        return await self._call(calls.read_load(number), purpose)

    async def list_rejects(self, number: int, *, purpose: str | None = None) -> tuple[Reject, ...]:
        """See ``Client.list_rejects``."""
        return await self._call(calls.list_rejects(number), purpose)

    async def list_sources(self, *, purpose: str | None = None) -> tuple[Source, ...]:
        """See ``Client.list_sources``."""
        return await self._call(calls.list_sources(), purpose)

    async def add_source(
        self,
        code: str,
        *,
        name: str | None = None,
        agency: str | None = None,
        kind: str | None = None,
        one_id_per_child: bool = False,
        holdings: str | None = None,
        purpose: str | None = None,
    ) -> Source:
        """See ``Client.add_source``."""
        members = {
            "code": code,
            "name": name,
            "agency": agency,
            "kind": kind,
            "one_id_per_child": one_id_per_child,
            "holdings": holdings,
        }
        return await self._call(calls.add_source(members), purpose)

    async def rename_source(self, code: str, display_name: str, *, purpose: str | None = None) -> Source:
        """See ``Client.rename_source``."""
        return await self._call(calls.rename_source(code, display_name), purpose)

    async def retire_source(
        self, code: str, *, retired: bool = True, preview: bool = False, purpose: str | None = None
    ) -> Retirement:
        """See ``Client.retire_source``."""
        return await self._call(calls.retire_source(code, retired=retired, preview=preview), purpose)

    async def list_clients(self, *, purpose: str | None = None) -> tuple[ApiClient, ...]:
        """See ``Client.list_clients``."""
        return await self._call(calls.list_clients(), purpose)

    async def add_client(
        self,
        name: str,
        scopes: Iterable[str],
        sources: Iterable[str] | None = None,
        *,
        agreement: str | None = None,
        party: str | None = None,
        purpose: str | None = None,
    ) -> NewKey:
        """See ``Client.add_client``."""
        members = {
            "name": name,
            "scopes": list(scopes),
            "sources": None if sources is None else list(sources),
            "agreement": agreement,
            "party": party,
        }
        return await self._call(calls.add_client(members), purpose)

    async def rotate_client_key(
        self, name: str, *, overlap_days: int = 0, purpose: str | None = None
    ) -> NewKey:
        """See ``Client.rotate_client_key``."""
        return await self._call(calls.rotate_client_key(name, overlap_days), purpose)

    async def end_client(self, name: str, *, purpose: str | None = None) -> ApiClient:
        """See ``Client.end_client``."""
        return await self._call(calls.end_client(name), purpose)

    async def request(  # noqa: PLR0913 - a parameter for each part of a call
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: object = None,
        if_match: str | Iterable[str] | None = None,
        idempotency_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        purpose: str | None = None,
    ) -> Answer:
        """See ``Client.request``."""
        call = calls.request(
            method,
            path,
            params=params,
            body=body,
            if_match=if_match,
            idempotency_key=idempotency_key,
            headers=headers,
        )
        return await self._call(call, purpose)

    async def close(self) -> None:
        """See ``Client.close``."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def _call(self, call: Call[T], purpose: str | None) -> T:
        """Make a call and return its result."""
        return await self._run(self._session.exchange(call, purpose))

    async def _run(self, flow: Flow[T]) -> T:
        """Do what a flow asks for, and return its result."""
        reply = Reply()
        while True:
            try:
                effect = reply.resume(flow)
            except StopIteration as end:
                result: T = end.value
                return result
            reply = await self._perform(effect)

    async def _iterate(self, flow: Flow[None]) -> AsyncIterator[Any]:
        """Run a flow and yield what it emits."""
        reply = Reply()
        while True:
            try:
                effect = reply.resume(flow)
            except StopIteration:
                return
            if isinstance(effect, Emit):
                yield effect.value
                reply = Reply()
            else:
                reply = await self._perform(effect)

    async def _perform(self, effect: Effect) -> Reply:
        """Do what a flow asks for."""
        match effect:
            case Send(request):
                try:
                    return Reply(await self._http.send(request))
                except httpx.RequestError as error:
                    return Reply(failure=error)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Work(function):
                return Reply(await asyncio.to_thread(function))
            case Emit():
                pass  # yielded by ``_iterate``
        return Reply()
