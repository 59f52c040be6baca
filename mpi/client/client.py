"""Synchronous client of the index."""

import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
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


class Client:
    """Synchronous client of a Master Person Index.

    Several threads may use one client. Close it, or use it in a ``with`` block. Every call may raise one of
    ``mpi.client.errors``.

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
        self._http = httpx.Client(verify=True if tls is None else tls)

    def upsert(
        self,
        source: str,
        record: Mapping[str, Any],
        *,
        idempotency_key: str | None = None,
        purpose: str | None = None,
    ) -> Resolved:
        """Send a record, whole, and return its enterprise ID.

        Args:
            source: code of the record's source.
            record: the canonical record with its ``local_id``. A field that is left out is deleted. Dates may
                be ``date`` and ``datetime`` values.
            idempotency_key: makes a repetition return the first answer; the call may be repeated without.
            purpose: purpose of use.

        Raises:
            InvalidRecordError: the record is refused; ``field`` and ``reason`` say why.
            ValueError: the record has no local ID.
        """
        return self._call(calls.upsert(source, record, idempotency_key), purpose)

    def read_record(self, source: str, local_id: str, *, purpose: str | None = None) -> StoredRecord:
        """Return a record as its source last stated it.

        Raises:
            NotFoundError: the client knows no such record.
        """
        return self._call(calls.read_record(source, local_id), purpose)

    def withdraw(
        self,
        source: str,
        local_id: str,
        *,
        idempotency_key: str | None = None,
        purpose: str | None = None,
    ) -> Resolved:
        """Withdraw a record from its person; its history stays.

        Raises:
            NotFoundError: the client knows no such record.
        """
        return self._call(calls.withdraw(source, local_id, idempotency_key), purpose)

    def upsert_many(
        self,
        source: str,
        records: Iterable[Mapping[str, Any]],
        *,
        report: ReportProgress | None = None,
        lines_per_call: int = DEFAULT_LINES,
        purpose: str | None = None,
    ) -> Iterator[BulkAnswer]:
        """Send many records, and yield the answer to each in their order.

        Records are sent as the answers are read: read them to the end. A refused record does not stop the
        others. A record that the index could not take at that moment is sent again.

        Args:
            source: code of the records' source.
            records: the canonical records, as for ``upsert``; a generator is read as they are sent.
            report: called with a ``BulkProgress`` after each call.
            lines_per_call: records of one call, 1 to 50,000.
            purpose: purpose of use.

        Raises:
            ValueError: a call cannot have so many records.
        """
        flow = bulk.upsert_many(
            self._session, source, records, lines_per_call=lines_per_call, report=report, purpose=purpose
        )
        return self._iterate(flow)

    def search(self, record: Mapping[str, Any], *, purpose: str | None = None) -> tuple[Candidate, ...]:
        """Return the persons that a record may belong to, best first.

        Nothing is stored.

        Raises:
            TooManyCallsError: the client has searched too often.
        """
        return self._call(calls.search(record), purpose)

    def look_up(
        self,
        enterprise_id: str,
        *,
        as_of: datetime | date | str | None = None,
        purpose: str | None = None,
    ) -> Person:
        """Return records and flags of an enterprise ID, with its ``etag``.

        Args:
            enterprise_id: the ID; a retired one is answered, and ``now`` lists who holds its records.
            as_of: a past moment: a date, a time with its zone, or ISO 8601 text.
            purpose: purpose of use.

        Raises:
            InvalidRequestError: the ID is mistyped.
            NotFoundError: the client knows no such person.
        """
        return self._call(calls.look_up(enterprise_id, as_of), purpose)

    def find_enterprise_id(
        self,
        source: str,
        local_id: str,
        *,
        as_of: datetime | date | str | None = None,
        purpose: str | None = None,
    ) -> str | None:
        """Return a record's enterprise ID; None if it takes no part.

        Raises:
            NotFoundError: the client knows no such record.
        """
        return self._call(calls.find_enterprise_id(source, local_id, as_of), purpose)

    def find_records(
        self,
        enterprise_id: str,
        *,
        as_of: datetime | date | str | None = None,
        purpose: str | None = None,
    ) -> tuple[RecordRef, ...]:
        """Return the records of an enterprise ID.

        Raises:
            NotFoundError: the client knows no such person.
        """
        return self._call(calls.find_records(enterprise_id, as_of), purpose)

    def read_events(
        self, cursor: FeedCursor | None = None, *, limit: int = 100, purpose: str | None = None
    ) -> EventPage:
        """Return the page of the change feed after a cursor.

        Without a cursor, it is the first page. ``follow`` also notices that the feed began anew.
        """
        return self._call(calls.read_events(0 if cursor is None else cursor.after, limit), purpose)

    def follow(
        self,
        cursor: FeedCursor | CursorStore | None = None,
        *,
        limit: int = 500,
        poll_s: float | None = None,
        purpose: str | None = None,
    ) -> Iterator[EventPage]:
        """Yield the pages of the change feed after a cursor, in order.

        With a ``CursorStore``, such as a ``CursorFile``, the cursor is saved when the next page is asked for.
        So a page that the program did not finish comes again: processing a page twice must do no harm.

        Args:
            cursor: ``position`` of the last page that was processed, or where cursors are kept; None begins
                at the beginning.
            limit: number of events of a page, about; 1 to 1,000.
            poll_s: seconds between two reads at the end of the feed; None ends there.
            purpose: purpose of use.

        Raises:
            FeedRestoredError: the index was restored: begin anew.
        """
        return self._iterate(feed.follow(self._session, cursor, limit=limit, poll_s=poll_s, purpose=purpose))

    def load_file(  # noqa: PLR0913 - a parameter for each field of the form
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
        """Send a file to be loaded, and return its ended job.

        The file is read into memory and sent compressed. A load that was interrupted goes on when the same
        file is sent again.

        Args:
            source: code of the source.
            file: the file; its ending tells its format, unless ``file_format`` does.
            mapping: name of a shipped mapping, or the ``Path`` of a mapping file.
            file_format: format of the file, such as ``csv``.
            sheet: sheet of a workbook; the mapping's, or the only one, by default.
            where: each ``COLUMN=VALUE``: only rows whose column has this text.
            snapshot: ``full`` withdraws records that the file lacks; ``delta`` by default.
            as_of: when the file was true at its source.
            confirm: load the file even if a guard holds it.
            dry_run: tell what the load would do, in ``report``, and store nothing.
            poll_s: seconds between two looks at the job.
            purpose: purpose of use.

        Raises:
            InvalidRequestError: an option is wrong, or the file cannot be read.
            ConflictError: a load of the source is under way.
            OSError: there is no such file.
        """
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
        return self._run(flow)

    def read_job(self, number: int, *, purpose: str | None = None) -> Job:
        """Return how far background work is.

        Raises:
            NotFoundError: the client may watch no such job.
        """
        return self._call(loads.read_job(number), purpose)

    def list_loads(
        self, source: str | None = None, *, before: int | None = None, purpose: str | None = None
    ) -> tuple[Load, ...]:
        """Return up to 50 loads, latest first; those before ``before`` are older."""
        return self._call(calls.list_loads(source, before), purpose)

    def read_load(self, number: int, *, purpose: str | None = None) -> LoadReceipt:
        """Return the receipt of a load, which accounts for every row.

        Raises:
            NotFoundError: the client knows no such load.
        """
        return self._call(calls.read_load(number), purpose)

    def list_rejects(self, number: int, *, purpose: str | None = None) -> tuple[Reject, ...]:
        """Return up to 100,000 rejected rows of a load, with local IDs.

        The call is on the index's ledger. Local IDs are for who may list the source's records.

        Raises:
            NotFoundError: the client knows no such load.
        """
        return self._call(calls.list_rejects(number), purpose)

    def list_sources(self, *, purpose: str | None = None) -> tuple[Source, ...]:
        """Return the sources that the client may administer."""
        return self._call(calls.list_sources(), purpose)

    def add_source(
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
        """Add a source.

        Raises:
            ConflictError: a source has this code.
        """
        members = {
            "code": code,
            "name": name,
            "agency": agency,
            "kind": kind,
            "one_id_per_child": one_id_per_child,
            "holdings": holdings,
        }
        return self._call(calls.add_source(members), purpose)

    def rename_source(self, code: str, display_name: str, *, purpose: str | None = None) -> Source:
        """Give a source another name for people; its code stays.

        Raises:
            NotFoundError: there is no such source.
        """
        return self._call(calls.rename_source(code, display_name), purpose)

    def retire_source(
        self, code: str, *, retired: bool = True, preview: bool = False, purpose: str | None = None
    ) -> Retirement:
        """Retire a source that has ended, or take its records again.

        Args:
            code: the source.
            retired: false takes its records again.
            preview: return what would follow, and change nothing.
            purpose: purpose of use of this call.

        Raises:
            NotFoundError: there is no such source.
            ConflictError: a load of it is at work or interrupted.
        """
        return self._call(calls.retire_source(code, retired=retired, preview=preview), purpose)

    def list_clients(self, *, purpose: str | None = None) -> tuple[ApiClient, ...]:
        """Return every client of the API, without keys."""
        return self._call(calls.list_clients(), purpose)

    def add_client(
        self,
        name: str,
        scopes: Iterable[str],
        sources: Iterable[str] | None = None,
        *,
        agreement: str | None = None,
        party: str | None = None,
        purpose: str | None = None,
    ) -> NewKey:
        """Add a client of the API, and return it with its key.

        Args:
            name: its name, never given again.
            scopes: permitted actions; none that this client lacks.
            sources: sources that it may read and write; None for all.
            agreement: agreement that it acts under.
            party: party that it acts for.
            purpose: purpose of use.

        Raises:
            ConflictError: the name is or was in use.
            AccessDeniedError: it would have more rights than this client.
        """
        members = {
            "name": name,
            "scopes": list(scopes),
            "sources": None if sources is None else list(sources),
            "agreement": agreement,
            "party": party,
        }
        return self._call(calls.add_client(members), purpose)

    def rotate_client_key(self, name: str, *, overlap_days: int = 0, purpose: str | None = None) -> NewKey:
        """Give a client another key, and return it, shown this once.

        Raises:
            NotFoundError: there is no such client.
            AccessDeniedError: this client may do less than the other.
        """
        return self._call(calls.rotate_client_key(name, overlap_days), purpose)

    def end_client(self, name: str, *, purpose: str | None = None) -> ApiClient:
        """Revoke the key of a client.

        Raises:
            NotFoundError: there is no such client, or it was ended before.
        """
        return self._call(calls.end_client(name), purpose)

    def request(  # noqa: PLR0913 - a parameter for each part of a call
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
        """Make a call of any other route of the API.

        A ``POST`` is made again only if it has an idempotency key. Not every route takes one.

        Args:
            method: HTTP method.
            path: path from ``/v1/`` on, percent-encoded.
            params: query parameters.
            body: body of the call, for JSON.
            if_match: one or several ETags of what was read; the call is refused if it changed since.
            idempotency_key: makes a repetition return the first answer.
            headers: further headers.
            purpose: purpose of use.

        Raises:
            StaleError: what ``if_match`` names has changed.
            ReusedKeyError: the idempotency key came before with another call.
        """
        call = calls.request(
            method,
            path,
            params=params,
            body=body,
            if_match=if_match,
            idempotency_key=idempotency_key,
            headers=headers,
        )
        return self._call(call, purpose)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, call: Call[T], purpose: str | None) -> T:
        """Make a call and return its result."""
        return self._run(self._session.exchange(call, purpose))

    def _run(self, flow: Flow[T]) -> T:
        """Do what a flow asks for, and return its result."""
        reply = Reply()
        while True:
            try:
                effect = reply.resume(flow)
            except StopIteration as end:
                result: T = end.value
                return result
            reply = self._perform(effect)

    def _iterate(self, flow: Flow[None]) -> Iterator[Any]:
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
                reply = self._perform(effect)

    def _perform(self, effect: Effect) -> Reply:
        """Do what a flow asks for."""
        match effect:
            case Send(request):
                try:
                    return Reply(self._http.send(request))
                except httpx.RequestError as error:
                    return Reply(failure=error)
            case Pause(seconds):
                time.sleep(seconds)
            case Work(function):
                return Reply(function())
            case Emit():
                pass  # yielded by ``_iterate``
        return Reply()
