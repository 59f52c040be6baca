"""Quality issues of a source's records, listed for its data owner.

Law 7: an issue names a record of one source by its local ID, a field and a kind, and holds no value. It
follows from that source's statements alone. Who may not list the whole source is told numbers of issues only,
or nothing where numbers tell who is in care.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from mpi.domain.errors import InputError
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.viewer import (
    Action,
    Viewer,
    is_allowed,
    is_allowed_on,
    is_own_source,
    require_any_permission,
    require_permission,
)
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import sees_whole_source
from mpi.service.data_quality.issue_history import IssueSpan, IssueState, trace_issues, trace_rejects
from mpi.service.data_quality.suggestions import suggest_correction
from mpi.service.holdings.settings import find_limited_sources
from mpi.storage.repositories.sources.quality_issues import RecordWithIssues
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

READERS = (Action.QUESTION_ANSWER, Action.LOAD)
"""Actions of which a reader of issues has one: its data owner's, or its sender's."""
MAX_LISTED = 1000
"""Most issues of one page."""
MAX_DOWNLOADED = 100_000
"""Most issues of a download."""
FIELDS = ("local_id", "issues")
"""Fields of the ledger's line."""
CSV_HEADER = (
    "local_id", "field", "kind", "state", "row_rejected", "first_seen", "last_seen", "first_load",
    "last_load", "ended", "ended_load", "suggestion",
)  # fmt: skip
"""Columns of a downloaded list."""
_SCANNED_RECORDS = 5000
"""Records after which a page ends, although it is not full: so no page costs much."""
_CHUNK = 500
_REJECTS, _RECORDS = "r", "v"


@dataclass(frozen=True, slots=True)
class RecordIssue:
    """One quality issue of one record or rejected row.

    Args:
        local_id: local ID of the record.
        rejected: whether the row was rejected, so that the index does not have what it said.
        span: field, kind, state and times.
    """

    local_id: str
    rejected: bool
    span: IssueSpan


@dataclass(frozen=True, slots=True)
class IssueFilters:
    """Which issues are listed.

    Args:
        is_open: only open ones; otherwise only those that ended; None for all.
        field: only of this canonical field.
        kind: only of this kind.
    """

    is_open: bool | None = True
    field: str | None = None
    kind: str | None = None

    def admits(self, span: IssueSpan) -> bool:
        """Return whether an issue is listed."""
        return (
            self.is_open in (None, span.state is IssueState.OPEN)
            and self.field in (None, span.field)
            and self.kind in (None, span.kind)
        )


@dataclass(frozen=True, slots=True)
class IssuePage:
    """A page of a source's issues: rejected rows first, then records.

    Args:
        source: code of the source.
        issues: the issues, those of one record together.
        cursor: ``after`` of the next page; None at the end.
        may_list: whether the reader may list the records of the source; if not, the page is empty.
    """

    source: str
    issues: tuple[RecordIssue, ...]
    cursor: str | None
    may_list: bool = True


@dataclass(frozen=True, slots=True)
class IssueCount:
    """Number of a source's active records with one kind of issue."""

    field: str
    kind: str
    records: int


@dataclass(frozen=True, slots=True)
class IssueSummary:
    """Open issues of a source's active records, by field and kind.

    Args:
        source: code of the source.
        counts: largest number first.
        records: active records of the source: the denominator of each count.
        may_list: whether the reader may list the records by local ID.
    """

    source: str
    counts: tuple[IssueCount, ...]
    records: int
    may_list: bool


@dataclass(slots=True)
class _Scan:
    """Place and result of the reading of one page."""

    issues: list[RecordIssue] = field(default_factory=list)
    record_ids: set[int] = field(default_factory=set)
    scanned: int = 0
    cursor: str | None = None


def summarize_issues(index: Index, viewer: Viewer, source_code: str) -> IssueSummary:
    """Count a source's active records with issues, by field and kind.

    Raises:
        NotFoundError: there is no such source.
        AccessDenied: the viewer is neither data owner nor sender of the source, or the numbers would tell
            who is in care.
    """
    require_issue_reader(viewer, source_code)
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        may_list = may_list_issues(viewer, source_code)
        if not may_list and source_code in find_limited_sources(unit):
            return IssueSummary(source_code, (), 0, may_list=False)
        counts = unit.quality_issues.count_current(source.id)
        records = unit.records.count_active(source.id)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return IssueSummary(
        source_code,
        tuple(IssueCount(*issue, count) for issue, count in ordered),
        records,
        may_list=may_list,
    )


def list_issues(
    index: Index,
    viewer: Viewer,
    source_code: str,
    filters: IssueFilters | None = None,
    after: str | None = None,
    limit: int = 100,
) -> IssuePage:
    """Return a page of a source's quality issues.

    Each listed page has a line on the ledger. It may be shorter than ``limit`` although another follows.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the source.
        filters: which issues; None for open ones.
        after: cursor of the page before; None for the first page.
        limit: number of issues at which the page ends; those of one record are never divided.

    Raises:
        InputError: ``after`` is no cursor of this list.
        NotFoundError: there is no such source.
        AccessDenied: the viewer is neither data owner nor sender of the source.
    """
    require_issue_reader(viewer, source_code)
    phase, place = (_REJECTS, "") if after is None else _decode_cursor(after)
    chosen, most = filters or IssueFilters(), min(limit, MAX_LISTED)
    scan = _Scan()
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        if not may_list_issues(viewer, source_code):
            return IssuePage(source_code, (), None, may_list=False)
        if phase == _REJECTS:
            _scan_rejects(unit, source, chosen, place, most, scan)
            place = ""
        if scan.cursor is None and len(scan.issues) < most:
            _scan_records(unit, source, chosen, place, most, scan)
        elif scan.cursor is None:
            scan.cursor = _encode_cursor(_RECORDS, "")
    disclose(index, viewer, find_reading_action(viewer, source_code), scan.record_ids, FIELDS)
    return IssuePage(source_code, tuple(scan.issues), scan.cursor)


def read_all_issues(
    index: Index, viewer: Viewer, source_code: str, filters: IssueFilters | None = None
) -> list[RecordIssue]:
    """Return up to ``MAX_DOWNLOADED`` issues of a source; errors as ``list_issues``."""
    issues: list[RecordIssue] = []
    after: str | None = None
    while len(issues) < MAX_DOWNLOADED:
        page = list_issues(index, viewer, source_code, filters, after, MAX_LISTED)
        issues += page.issues
        after = page.cursor
        if after is None:
            break
    return issues[:MAX_DOWNLOADED]


def to_csv_row(index: Index, issue: RecordIssue) -> tuple[str, ...]:
    """Return the cells of an issue, in the order of ``CSV_HEADER``."""
    span = issue.span
    values = (
        issue.local_id,
        span.field or "row",
        span.kind,
        span.state.value,
        "yes" if issue.rejected else "no",
        span.first_seen,
        span.last_seen,
        span.load,
        span.last_load,
        span.ended_at,
        span.ended_load,
        suggest_correction(span.kind, index.settings.declared_rules),
    )
    return tuple("" if value is None else str(value) for value in values)


def list_issue_sources(index: Index, viewer: Viewer) -> list[Source]:
    """Return the sources whose issues the viewer may read, by code.

    Raises:
        AccessDenied: the viewer is data owner or sender of no source.
    """
    require_any_permission(viewer, READERS)
    with index.database.read(viewer) as unit:
        return [
            source
            for source in unit.sources.all()
            if source.kind != STEWARD_SOURCE_KIND
            and any(is_allowed_on(viewer, action, source.code) for action in READERS)
        ]


def may_list_issues(viewer: Viewer, source_code: str) -> bool:
    """Return whether the viewer may list a source's records with issues.

    Its data owner may, and its sender, who has its files. So may who reads every record of it. An operator of
    all sources sees no record.
    """
    if viewer.rights is None and viewer.sources is None:
        return True
    if is_own_source(viewer, source_code):
        return True
    return is_allowed_on(viewer, Action.RECORD_READ, source_code) and sees_whole_source(viewer, source_code)


def require_issue_reader(viewer: Viewer, source_code: str) -> None:
    """Refuse a viewer who neither owns nor sends a source's data."""
    require_any_permission(viewer, READERS)
    find_reading_action(viewer, source_code)


def find_reading_action(viewer: Viewer, source_code: str) -> Action:
    """Return the action by which the viewer reads the source's issues."""
    for action in READERS:
        if is_allowed_on(viewer, action, source_code):
            return action
    granted = next((action for action in READERS if is_allowed(viewer, action)), READERS[0])
    require_permission(viewer, granted, source_code)
    return granted


def _scan_rejects(
    unit: ReadUnit, source: Source, filters: IssueFilters, after: str, most: int, scan: _Scan
) -> None:
    """Collect issues of rejected rows; set the cursor if the page ends."""
    while True:
        rows = unit.quality_issues.find_rejects(source.id, after, _CHUNK)
        if not rows:
            return
        is_last = len(rows) < _CHUNK
        groups = [(local_id, list(group)) for local_id, group in groupby(rows, lambda row: row.local_id)]
        if not is_last and len(groups) > 1:
            groups.pop()  # it may go on in the next chunk
        known = unit.records.find_by_local_ids(source.id, [local_id for local_id, _ in groups])
        assertions = unit.record_assertions.assertions_about({record.id for record in known.values()})
        for local_id, group in groups:
            after = local_id
            record = known.get(local_id)
            spans = trace_rejects(group, assertions[record.id] if record else ())
            _take(scan, local_id, spans, filters, record and record.id, rejected=True)
            if len(scan.issues) >= most:
                scan.cursor = _encode_cursor(_REJECTS, after)
                return
        if is_last:
            return
        scan.scanned += len(rows)
        if scan.scanned >= _SCANNED_RECORDS:
            scan.cursor = _encode_cursor(_REJECTS, after)
            return


def _scan_records(
    unit: ReadUnit, source: Source, filters: IssueFilters, after: str, most: int, scan: _Scan
) -> None:
    """Collect issues of stored records; set the cursor if the page ends."""
    number = _find_place(unit, source, after)
    is_open = filters.is_open is True
    while records := unit.quality_issues.find_records(source.id, number, _CHUNK, is_open=is_open):
        for record, spans in _trace_records(unit, records):
            number = record.id
            _take(scan, record.local_id, spans, filters, record.id, rejected=False)
            if len(scan.issues) >= most:
                scan.cursor = _encode_cursor(_RECORDS, record.local_id)
                return
        scan.scanned += len(records)
        if scan.scanned >= _SCANNED_RECORDS:
            scan.cursor = _encode_cursor(_RECORDS, records[-1].local_id)
            return


def _trace_records(
    unit: ReadUnit, records: list[RecordWithIssues]
) -> Iterator[tuple[RecordWithIssues, list[IssueSpan]]]:
    """Yield each record with the spans of its issues."""
    record_ids = [record.id for record in records]
    assertions = unit.record_assertions.assertions_about(record_ids)
    issues = unit.quality_issues.issues_of_versions(record_ids)
    for record in records:
        yield record, trace_issues(assertions[record.id], issues)


def _take(
    scan: _Scan,
    local_id: str,
    spans: list[IssueSpan],
    filters: IssueFilters,
    record_id: int | None,
    *,
    rejected: bool,
) -> None:
    """Add the issues of one record that the filters admit."""
    chosen = [RecordIssue(local_id, rejected, span) for span in spans if filters.admits(span)]
    scan.issues += chosen
    if chosen and record_id is not None:
        scan.record_ids.add(record_id)


def _find_place(unit: ReadUnit, source: Source, local_id: str) -> int:
    """Return the number of the record at which the page before ended."""
    if not local_id:
        return 0
    record = unit.records.find_by_local_ids(source.id, [local_id]).get(local_id)
    if record is None:
        raise InputError("after: the list has changed; read it again from its first page")
    return record.id


def _encode_cursor(phase: str, local_id: str) -> str:
    """Encode a place in the list: its phase and last local ID."""
    return base64.urlsafe_b64encode(f"{phase}{local_id}".encode()).decode().rstrip("=")


def _decode_cursor(cursor: str) -> tuple[str, str]:
    """Return which rows and which local ID a cursor stands for.

    Raises:
        InputError: it is no cursor of this list.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    if text[:1] not in (_REJECTS, _RECORDS):
        raise InputError("after: give the cursor of the page before, or leave it out")
    return text[:1], text[1:]
