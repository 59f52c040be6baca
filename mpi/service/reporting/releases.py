"""Releases: published reports on children, remembered so that none tells what another one hides.

A release holds every report of one reading. Its counts are protected together, and against the latest
releases before it. The same request of the same day gives the same release.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
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
from mpi.service.reporting.report_set import (
    ALL,
    Moment,
    ReportRequest,
    count_reports,
    find_moment,
    open_children,
)
from mpi.storage.repositories.review.report_releases import StoredRelease
from mpi.storage.unit_of_work.units import ReadUnit

_MOST_LISTED = 400
"""Most releases that are read for what was published over time."""
_REMEMBERED = 7
"""Number of earlier releases against which a new one is protected."""

_QUESTION = ("care", "definitions")
"""Members of a request that say who is counted."""
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
        reports: its reports.
    """

    number: int
    day: str
    request: str
    publication: Publication
    reports: tuple[ReportTable, ...]


def publish_reports(index: Index, viewer: Viewer, request: ReportRequest) -> Release:
    """Return the release of today for a request; publish it if there is none.

    Raises:
        InputError: no suppression protects the small counts, or the extra ``reports`` is not installed.
        FileError: a file cannot be read.
        ConflictError: another release was published meanwhile.
    """
    asked = (clock.today(), _write_request(request))
    with index.database.read(viewer) as unit:
        latest = _read_latest(unit)
        for release in reversed(latest):
            if (release.day, release.request) == asked:
                return release
        release = _make_release(unit, request, latest)
    return _store(index, viewer, release, latest)


def publish_anew(index: Index, viewer: Viewer, request: ReportRequest, moment: Moment) -> Release:
    """Publish what was known at a moment.

    It also does so if there is a release for the request.

    Raises:
        ConflictError: the new counts would tell a small one, or another release was published meanwhile.
    """
    with index.database.read(viewer) as unit:
        latest = _read_latest(unit)
        release = _make_release(unit, request, latest, moment)
    if release.publication.is_held:
        raise ConflictError(_REFUSAL)
    return _store(index, viewer, release, latest)


def list_published(index: Index, viewer: Viewer, name: str, request: ReportRequest) -> list[ReportTable]:
    """Return what was published of a report, one for each day, earliest first.

    A later release of a day takes the place of an earlier one. Nothing is counted anew.

    Args:
        index: the open index.
        viewer: who reads them.
        name: name of the report.
        request: its first and last day; without a first day, all up to the last.

    Raises:
        InputError: none was published.
    """
    with index.database.read(viewer) as unit:
        stored = unit.report_releases.latest(_MOST_LISTED)
    by_day = {}
    for release in reversed(stored):
        for text in orjson.loads(release.reports):
            report = read_report(text)
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
    """Return the reports of a release, made again with what it hides hidden."""
    with open_children(unit, request, moment) as children:
        counted = count_reports(children, request)
        publication = publish_tables(counted.list_tables(), pattern=release.publication)
        return counted.make_reports(publication.counts)


def _make_release(
    unit: ReadUnit, request: ReportRequest, latest: Sequence[Release], moment: Moment | None = None
) -> Release:
    """Return a release that is not stored yet.

    If it is held, it has the reports of the latest one.
    """
    number = latest[-1].number + 1 if latest else 1
    key = _write_request(request)
    with open_children(unit, request, moment or find_moment(unit, request)) as children:
        counted = count_reports(children, request)
        publication = publish_tables(
            counted.list_tables(), previous=[release.publication for release in latest]
        )
        if not publication.is_held:
            reports = tuple(counted.make_reports(publication.counts))
            return Release(number, clock.today(), key, publication, reports)
    held = _find_held(latest, key, request.name)
    return replace(
        held,
        number=number,
        day=clock.today(),
        request=key,
        publication=replace(held.publication, is_held=True),
    )


def _find_held(latest: Sequence[Release], key: str, name: str) -> Release:
    """Return the latest release that answers the same question of an earlier day.

    Raises:
        ConflictError: there is none.
    """
    wanted = orjson.loads(key)
    for release in reversed(latest):
        asked = orjson.loads(release.request)
        is_same = all(asked[member] == wanted[member] for member in _QUESTION)
        if is_same and any(name in {ALL, report.name} for report in release.reports):
            return release
    raise ConflictError(_REFUSAL)


def _store(index: Index, viewer: Viewer, release: Release, latest: Sequence[Release]) -> Release:
    with index.database.write(viewer, "report-release") as unit:
        if [each.number for each in _read_latest(unit)] != [each.number for each in latest]:
            raise ConflictError("another report was published at the same time: try again")
        unit.report_releases.add(
            StoredRelease(
                number=release.number,
                day=release.day,
                request=release.request,
                made_by=viewer.client,
                cells=write_publication(release.publication),
                reports=orjson.dumps([write_report(report) for report in release.reports]).decode(),
            )
        )
    return release


def _read_latest(unit: ReadUnit) -> list[Release]:
    return [_read_release(stored) for stored in reversed(unit.report_releases.latest(_REMEMBERED))]


def _read_release(stored: StoredRelease) -> Release:
    reports = tuple(read_report(text) for text in orjson.loads(stored.reports))
    return Release(stored.number, stored.day, stored.request, read_publication(stored.cells), reports)


def _write_request(request: ReportRequest) -> str:
    """Return a request as text, equal for requests that give the same release."""
    members = asdict(replace(request, name="", education=None, afcars=None, definitions=None, edfacts=()))
    members.pop("edfacts")
    members["education"] = None if request.education is None else digest_file(request.education)
    members["definitions"] = None if request.definitions is None else digest_file(request.definitions)
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS).decode()


def write_publication(publication: Publication) -> str:
    """Return counts as JSON; small ones are named as such and not counted."""
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
