"""Releases of reports on children; none tells what another one hides.

A release holds every report of one reading. Its counts are protected together, and against the latest
releases before it. The same request of the same day gives the same release.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.viewer import Viewer
from mpi.reports.cell_bounds import Publication
from mpi.reports.cells import Cell, CellSum
from mpi.reports.report_table import ReportTable, read_report, write_report
from mpi.reports.suppression import publish_tables
from mpi.service.core.index import Index
from mpi.service.reporting.extract_file import digest_file
from mpi.service.reporting.release_questions import check_question, is_same_question
from mpi.service.reporting.report_set import (
    ALL,
    Moment,
    ReportRequest,
    count_reports,
    find_moment,
    open_children,
)
from mpi.storage.repositories.review.report_releases import (
    DESTROYED_ON,
    ERASURES,
    OPEN_RECORDS,
    StoredRelease,
)
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

RELEASE = "release"
"""Name, in the request of a frozen report, of the number of the release that holds its figures."""
_MOST_LISTED = 400
"""Most releases that are read for what was published over time."""
_REMEMBERED = 7
"""Number of earlier releases against which a new one is protected."""
PROTECTED_TOGETHER = _REMEMBERED + 1
"""Number of consecutive releases that are protected against each other, all together."""

_DAYS_REMEMBERED = 7
"""Days after which nothing is protected any more against a release whose reports were destroyed."""

_FILES = ("education", "definitions")
"""Members of a request with the digest of a file, or None."""
_TREND = ("definitions", "known_on")
"""Members of a request that all releases of one trend share."""
_REFUSAL = (
    "these counts would tell a small one beside earlier reports: publish them another day, or use --exact"
)


@dataclass(frozen=True, slots=True)
class Release:
    """A release of reports on children.

    Args:
        number: its number, from 1.
        day: day on which it was published, ``YYYY-MM-DD``.
        request: JSON of what was asked.
        publication: its counts, with small ones hidden.
        reports: its reports; none after a record was sealed or expunged, until they are made again.
        moment: JSON of how they are made again; empty if they cannot be.
        earlier: what was published of it before, which readers remember.
    """

    number: int
    day: str
    request: str
    publication: Publication
    reports: tuple[ReportTable, ...]
    moment: str = ""
    earlier: tuple[Publication, ...] = ()


def publish_reports(index: Index, viewer: Viewer, request: ReportRequest) -> Release:
    """Return the release of today for a request, or publish one.

    Releases that were destroyed are made again first, if they need no other files.

    Raises:
        InputError: no suppression protects the small counts, or the extra ``reports`` is not installed.
        FileError: a file cannot be read.
        ConflictError: another release was published meanwhile, or a record was sealed or expunged; or the
            latest release answers another question.
    """
    _restore_releases(index, viewer, request)
    asked = (clock.today(), _write_request(request))
    with index.database.read(viewer) as unit:
        erasures = unit.report_releases.count_erasures()
        latest = _read_latest(unit)
        for release in reversed(latest):
            if release.reports and (release.day, release.request) == asked:
                return release
        release = _make_release(unit, request, latest)
    return _store(index, viewer, release, latest, erasures)


def publish_anew(index: Index, viewer: Viewer, request: ReportRequest, moment: Moment) -> Release:
    """Publish what was known at a moment.

    It also does so if there is a release for the request.

    Raises:
        ConflictError: the new counts would tell a small one, or another release was published meanwhile.
    """
    with index.database.read(viewer) as unit:
        erasures = unit.report_releases.count_erasures()
        latest = _read_latest(unit)
        release = _make_release(unit, request, latest, moment)
    if release.publication.is_held:
        raise ConflictError(_REFUSAL)
    return _store(index, viewer, release, latest, erasures)


def restore_release(
    index: Index, viewer: Viewer, number: int, request: ReportRequest, moment: Moment
) -> Release:
    """Return a release; make it again if it was destroyed.

    Records that are gone are not in it.

    What it hid stays hidden. It is protected against what was published of it before, and against the other
    releases that readers remember.

    Args:
        index: the open index.
        viewer: who asks.
        number: its number.
        request: what was asked, with the same files.
        moment: what was known then.

    Raises:
        ConflictError: its counts would tell a small one, or a record was sealed or expunged meanwhile.
    """
    with index.database.read(viewer) as unit:
        erasures = unit.report_releases.count_erasures()
        release, latest = find_release(unit, number), _read_latest(unit)
        if release.reports:
            return release
        before = (release.publication, *release.earlier)
        others = [each for each in latest if each.number != number]
        is_remembered = len(others) < len(latest)
        previous = [*(_list_publications(others) if is_remembered else ()), *before]
        with open_children(unit, request, moment) as children:
            counted = count_reports(children, request)
            publication = publish_tables(counted.list_tables(), previous=previous, pattern=before[0])
            if publication.is_held:
                raise ConflictError(_REFUSAL)
            reports = tuple(counted.make_reports(publication.counts))
    restored = replace(release, publication=publication, reports=reports, earlier=before)
    with index.database.write(viewer, "report-restore") as unit:
        _require_same_records(unit, erasures)
        unit.report_releases.replace(
            number,
            cells=write_publication(publication),
            reports=_write_reports(reports),
            earlier=_write_publications(before),
        )
    return restored


def _restore_releases(index: Index, viewer: Viewer, request: ReportRequest) -> None:
    """Make again the releases that were destroyed.

    They need the files of a request, or none.

    One that would tell a small count stays destroyed.
    """
    with index.database.read(viewer) as unit:
        destroyed = [each for each in _read_latest(unit) if not each.reports and each.moment]
    if not destroyed:
        return
    given = orjson.loads(_write_request(request))
    for release in destroyed:
        stored = orjson.loads(release.moment)
        asked = stored["request"]
        if any(asked[name] not in {None, given[name]} for name in _FILES):
            continue
        again = ReportRequest(
            ALL,
            asked["day"],
            asked["since"],
            asked["care"],
            request.definitions if asked["definitions"] else None,
            request.education if asked["education"] else None,
            asked["known_on"],
            is_published=True,
        )
        moment = Moment(stored["commit_no"], stored["known_on"], frozenset(stored[OPEN_RECORDS]))
        with suppress(ConflictError):
            restore_release(index, viewer, release.number, again, moment)


def list_published(index: Index, viewer: Viewer, name: str, request: ReportRequest) -> list[ReportTable]:
    """Return what was published of a report by day, earliest first.

    A later release of a day takes the place of an earlier one. Nothing is counted anew.

    Args:
        index: the open index.
        viewer: who reads them.
        name: name of the report.
        request: its first and last day; without a first day, all up to the last. Releases with other
            definitions, or as known on another day, are left out.

    Raises:
        InputError: none was published.
    """
    with index.database.read(viewer) as unit:
        stored = unit.report_releases.latest(_MOST_LISTED)
    by_day = {}
    asked = orjson.loads(_write_request(request))
    for release in reversed(stored):
        answered = orjson.loads(release.request)
        if any(answered[member] != asked[member] for member in _TREND):
            continue
        for report in read_reports(release.reports):
            if report.name == name and (request.since or "") <= report.as_of <= request.day:
                by_day[report.as_of] = report
    if not by_day:
        raise InputError("nothing was published of these days yet: publish a report, or use --exact")
    return [by_day[day] for day in sorted(by_day)]


def find_release(unit: ReadUnit, number: int) -> Release:
    """Return a release, which exists, by its number."""
    return _read_release(unit.report_releases.get(number))


def repeat_release(
    unit: ReadUnit, request: ReportRequest, release: Release, moment: Moment
) -> list[ReportTable]:
    """Make the reports of a release again, with the same counts hidden."""
    with open_children(unit, request, moment) as children:
        counted = count_reports(children, request)
        publication = publish_tables(counted.list_tables(), pattern=release.publication)
        return counted.make_reports(publication.counts)


def _make_release(
    unit: ReadUnit, request: ReportRequest, latest: Sequence[Release], moment: Moment | None = None
) -> Release:
    """Return a release that is not stored yet.

    If it is held, it has the reports of the latest one.

    Raises:
        ConflictError: the latest release answers another question.
    """
    number = max((stored.number for stored in unit.report_releases.latest(1)), default=0) + 1
    key = _write_request(request)
    if latest:
        check_question(key, latest[-1].request, latest[-1].day)
    moment = moment or find_moment(unit, request)
    if moment.open_records is None:
        moment = replace(moment, open_records=frozenset(unit.known_records.list_open_records()))
    with open_children(unit, request, moment) as children:
        counted = count_reports(children, request)
        publication = publish_tables(counted.list_tables(), previous=_list_publications(latest))
        if not publication.is_held:
            reports = tuple(counted.make_reports(publication.counts))
            return Release(number, clock.today(), key, publication, reports, _write_moment(moment, key))
    held = _find_held(latest, key, request.name)
    return replace(
        held,
        number=number,
        day=clock.today(),
        request=key,
        publication=replace(held.publication, is_held=True),
        earlier=(),
    )


def _find_held(latest: Sequence[Release], key: str, name: str) -> Release:
    """Return the latest release for the same question of an earlier day.

    One that was made again is none: beside what readers saw, it would tell of the record that is gone.

    Raises:
        ConflictError: there is none.
    """
    for release in reversed(latest):
        is_same = is_same_question(release.request, key)
        if is_same and not release.earlier and any(name in {ALL, report.name} for report in release.reports):
            return release
    last_days = [day for day in map(_find_last_day, latest) if day is not None]
    if last_days:
        raise ConflictError(
            "these counts would tell a small one beside reports that were destroyed: publish again after "
            f"{max(last_days)}, or use --exact"
        )
    raise ConflictError(_REFUSAL)


def _store(
    index: Index, viewer: Viewer, release: Release, latest: Sequence[Release], erasures: int
) -> Release:
    with index.database.write(viewer, "report-release") as unit:
        _require_same_records(unit, erasures)
        if [each.number for each in _read_latest(unit)] != [each.number for each in latest]:
            raise ConflictError("another report was published at the same time: try again")
        unit.report_releases.add(
            StoredRelease(
                number=release.number,
                day=release.day,
                request=release.request,
                made_by=viewer.client,
                cells=write_publication(release.publication),
                reports=_write_reports(release.reports),
                moment=release.moment,
            )
        )
        remembered = unit.report_releases.latest(_REMEMBERED)
        frozen = (orjson.loads(each.request).get(RELEASE) for each in unit.report_snapshots.all())
        unit.report_releases.forget_before(remembered[-1].number, [each for each in frozen if each])
    return release


def _require_same_records(unit: WriteUnit, erasures: int) -> None:
    """Refuse reports that may count a record that is gone.

    It was sealed or destroyed while they were made.

    Raises:
        ConflictError: reports were destroyed since.
    """
    unit.counters.take(ERASURES, 0)
    if unit.report_releases.count_erasures() != erasures:
        raise ConflictError("the records changed while the report was made: try again")


def _list_publications(releases: Iterable[Release]) -> list[Publication]:
    """Return what readers remember of some releases, those that were destroyed included."""
    return [each for release in releases for each in (*release.earlier, release.publication)]


def _write_moment(moment: Moment, key: str) -> str:
    members = {
        "request": orjson.loads(key),
        "commit_no": moment.commit_no,
        "known_on": moment.known_on,
        OPEN_RECORDS: sorted(moment.open_records or ()),
    }
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS).decode()


def _write_reports(reports: Iterable[ReportTable]) -> str:
    return orjson.dumps([write_report(report) for report in reports]).decode()


def read_reports(text: str) -> tuple[ReportTable, ...]:
    """Return the reports of a stored release; none if they were destroyed."""
    return tuple(read_report(each) for each in orjson.loads(text)) if text else ()


def _write_publications(publications: Iterable[Publication]) -> str:
    return orjson.dumps([write_publication(each) for each in publications]).decode()


def _read_latest(unit: ReadUnit) -> list[Release]:
    """Return the releases that readers remember, earliest first."""
    today = clock.today()
    latest = (_read_release(stored) for stored in reversed(unit.report_releases.latest(_REMEMBERED)))
    return [each for each in latest if each.reports or (_find_last_day(each) or today) >= today]


def _find_last_day(release: Release) -> str | None:
    """Return the last day on which a destroyed release is remembered.

    It is None if that is not known.
    """
    destroyed_on = orjson.loads(release.moment).get(DESTROYED_ON) if release.moment else None
    if release.reports or destroyed_on is None:
        return None
    return (date.fromisoformat(destroyed_on) + timedelta(days=_DAYS_REMEMBERED)).isoformat()


def _read_release(stored: StoredRelease) -> Release:
    return Release(
        stored.number,
        stored.day,
        stored.request,
        read_publication(stored.cells),
        read_reports(stored.reports),
        stored.moment,
        tuple(read_publication(cells) for cells in orjson.loads(stored.earlier) or ()),
    )


def _write_request(request: ReportRequest) -> str:
    """Return a request as text, equal for requests of the same release."""
    members = asdict(replace(request, name="", education=None, afcars=None, definitions=None, edfacts=()))
    members.pop("edfacts")
    members["education"] = None if request.education is None else digest_file(request.education)
    members["definitions"] = None if request.definitions is None else digest_file(request.definitions)
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS).decode()


def write_publication(publication: Publication) -> str:
    """Return counts as JSON; small ones are named but not counted."""
    cells = list(publication.counts)
    places = {cell: place for place, cell in enumerate(cells)}
    members = {
        "cells": [
            [
                cell.population,
                cell.values,
                publication.counts[cell],
                cell in publication.small,
                cell in publication.possible_zeros,
            ]
            for cell in cells
        ],
        "sums": [[places[line.total], [places[part] for part in line.parts]] for line in publication.sums],
        "is_held": publication.is_held,
    }
    return orjson.dumps(members).decode()


def read_publication(text: str) -> Publication:
    """Return the counts of a JSON text."""
    members: dict[str, Any] = orjson.loads(text)
    rows = members["cells"]
    cells = [
        Cell(population, tuple((dimension, value) for dimension, value in values))
        for population, values, *_ in rows
    ]
    return Publication(
        counts={cell: row[2] for cell, row in zip(cells, rows, strict=True)},
        small=frozenset(cell for cell, row in zip(cells, rows, strict=True) if row[3]),
        sums=tuple(
            CellSum(cells[total], tuple(cells[part] for part in parts)) for total, parts in members["sums"]
        ),
        possible_zeros=frozenset(cell for cell, row in zip(cells, rows, strict=True) if row[4]),
        is_held=members["is_held"],
    )
