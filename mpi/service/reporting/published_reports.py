"""Published reports on children, as their readers get them.

They come from releases, never from a fresh reading.

A release is shown some days after it was made, as other published figures are. The policy decides each
report by role, purpose and agreement. Who may change records gets no report: what such a reader adds could
tell who is in care. A release that was made again without a sealed or expunged
record is not shown: beside what readers saw, it would tell what that record added.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import orjson

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, NotFoundError, RefusedCall
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT
from mpi.domain.viewer import Action, Refusal, Viewer, require_permission
from mpi.reports.report_table import ReportTable
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.reporting.release_questions import is_same_question
from mpi.service.reporting.releases import PROTECTED_TOGETHER, read_reports
from mpi.storage.repositories.review.report_releases import StoredRelease
from mpi.storage.unit_of_work.units import ReadUnit

_WRITES = frozenset({Action.RECORD_WRITE, Action.LOAD, Action.DECIDE, Action.RECORD_SEAL})
"""Actions that change what a report counts."""
_WRITER = Refusal(
    AccessDenied.reason,
    "published reports are not for accounts and clients that change records: use one that only reads",
)


@dataclass(frozen=True, slots=True)
class PublishedReport:
    """A published report.

    Args:
        day: day on which it was published, ``YYYY-MM-DD``.
        care: code of the definition of care.
        smallest_shown: smallest count above 0 that it shows.
        table: its figures.
    """

    day: str
    care: str
    smallest_shown: int
    table: ReportTable


@dataclass(frozen=True, slots=True)
class ReportEntry:
    """A published report in the list, without its figures.

    Args:
        name: name of the report.
        day: day on which it was published, ``YYYY-MM-DD``.
        care: code of the definition of care.
        title: title for people.
        as_of: day of its figures.
        definition: who is counted, in words.
        refusal: why it is not shown to this reader, as a sentence; None if it is.
    """

    name: str
    day: str
    care: str
    title: str
    as_of: str
    definition: str
    refusal: str | None


@dataclass(frozen=True, slots=True)
class ReportList:
    """The published reports that there are for a reader.

    Args:
        reports: the reports, latest first.
        lag_days: days after which a report is shown.
    """

    reports: tuple[ReportEntry, ...]
    lag_days: int


def list_published_reports(index: Index, viewer: Viewer) -> ReportList:
    """Return the published reports, latest first, with reasons for refusals.

    Raises:
        AccessDenied: the viewer may not read published reports.
    """
    permit_published_reports(viewer)
    with index.database.read(viewer) as unit:
        found = list(_iterate_reports(unit, index))
    entries = (
        ReportEntry(
            name=each.table.name,
            day=each.day,
            care=each.care,
            title=each.table.title,
            as_of=each.table.as_of,
            definition=each.table.definition,
            refusal=None if (refusal := _find_refusal(viewer, each)) is None else refusal.sentence,
        )
        for each in found
    )
    return ReportList(tuple(entries), index.settings.publication_rules.lag_days)


def read_published_report(
    index: Index, viewer: Viewer, name: str, day: str | None = None, care: str | None = None
) -> PublishedReport:
    """Return a published report.

    Its reader, name, day and columns are a line on the ledger.

    Args:
        index: the open index.
        viewer: who reads it.
        name: name of the report.
        day: day on which it was published, ``YYYY-MM-DD``; None for the latest.
        care: code of the definition of care; None for any.

    Raises:
        NotFoundError: there is no such report.
        InputError: the day is none.
        AccessDenied: the viewer may not read published reports, or not this one.
    """
    permit_published_reports(viewer)
    if day is not None:
        clock.parse_day(day, "day")
    with index.database.read(viewer) as unit:
        report = _choose(_iterate_reports(unit, index), name, day, care)
    if report is None:
        raise NotFoundError("there is no such published report: see the list of reports")
    refusal = _find_refusal(viewer, report)
    if refusal is not None:
        raise _deny(viewer, refusal)
    handle = f"report:{name}@{report.day}"
    disclose(index, viewer, Action.REPORT_READ, (), _list_fields(viewer, report), handle)
    return report


def permit_published_reports(viewer: Viewer) -> None:
    """Refuse a viewer who may not read published reports on children.

    Raises:
        AccessDenied: the viewer may not, or does not see every source.
    """
    require_permission(viewer, Action.REPORT_READ)
    if viewer.sources is not None:
        raise _deny(
            viewer,
            Refusal(
                AccessDenied.reason, f"client {viewer.client!r} may not do this: it concerns every source"
            ),
        )


def _iterate_reports(unit: ReadUnit, index: Index) -> Iterator[PublishedReport]:
    """Yield the published reports that readers may choose from, latest first.

    These are protected against each other, all together, and answer the question of the latest one. Of
    several of one name and day, the latest is yielded.
    """
    lag = timedelta(days=index.settings.publication_rules.lag_days)
    last_day = (date.fromisoformat(clock.today()) - lag).isoformat()
    seen = set()
    releases = unit.report_releases.latest(PROTECTED_TOGETHER, last_day)
    for stored in releases:
        if stored.is_restored or not is_same_question(stored.request, releases[0].request):
            continue
        for report in _read_reports(stored):
            key = (report.table.name, report.day)
            if key not in seen:
                seen.add(key)
                yield report


def _read_reports(stored: StoredRelease) -> Iterator[PublishedReport]:
    care = orjson.loads(stored.request)["care"]
    for table in read_reports(stored.reports):
        yield PublishedReport(stored.day, care, SMALLEST_SHOWN_COUNT, table)


def _choose(
    reports: Iterable[PublishedReport], name: str, day: str | None, care: str | None
) -> PublishedReport | None:
    """Return the first of some reports that is asked for."""
    return next(
        (
            each
            for each in reports
            if each.table.name == name and day in {None, each.day} and care in {None, each.care}
        ),
        None,
    )


def _find_refusal(viewer: Viewer, report: PublishedReport) -> Refusal | None:
    """Return why a report is not shown to a viewer, or None."""
    if _may_change_records(viewer):
        return _WRITER
    if viewer.rights is None:
        return None
    return viewer.rights.find_report_refusal(report.table.name, report.smallest_shown)


def _may_change_records(viewer: Viewer) -> bool:
    """Return whether a viewer may change what reports count."""
    if viewer.rights is None:
        return bool(viewer.actions & _WRITES) and Action.RECORD_READ not in viewer.actions
    return bool(viewer.rights.granted_actions & _WRITES)


def _deny(viewer: Viewer, refusal: Refusal) -> AccessDenied:
    call = RefusedCall(viewer.client, Action.REPORT_READ.value, viewer.purpose, viewer.agreement)
    return AccessDenied(refusal.sentence, refusal.code, call)


def _list_fields(viewer: Viewer, report: PublishedReport) -> list[str]:
    """Return what the ledger says of a report that left."""
    table = report.table
    role = None if viewer.rights is None else viewer.rights.role
    return [
        f"report:{table.name}",
        f"published:{report.day}",
        f"as-of:{table.as_of}",
        f"care:{report.care}",
        *(f"role:{role}" for role in (role,) if role is not None),
        *(column.name for column in table.columns),
    ]
