"""Tabular reports about the index, without personal data.

A report of loads is *named*: it says what a source's own files held. The others are *published*. Who holds
the database may ask for current figures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.loads.open_outcomes import find_shown_counts
from mpi.service.loads.receipt import COUNT_NAMES
from mpi.service.quality import exact_counts
from mpi.service.quality.new_records import NewRecordsRow, count_new_records, list_rows
from mpi.service.quality.publication import (
    CREATES,
    OVERLAP,
    QUALITY,
    SOURCES,
    SUMMARY,
    PublicationDay,
    find_next_day,
    read_publication,
)
from mpi.storage.unit_of_work.units import ReadUnit

LOADS = "loads"
"""Name of the report of loads."""
_OVERLAP_FACTOR = 2
"""How much larger than other counts a shown set of sources is.

Which sets exist is not known beforehand, so that noise alone must not show one.
"""

ShowCount = Callable[[str], int | None]
"""Returns the count of a name, or None if it is not shown."""


@dataclass(frozen=True, slots=True)
class Report:
    """A named table of figures about the index.

    Args:
        name: name of the report.
        title: title for people.
        columns: names of the columns.
        rows: values of each row; None for a count that is not shown.
        publication: when the figures are shown, and of which day they are; None for current figures, and
            before the first publication.
        next_publication: day on which the next figures are published, ``YYYY-MM-DD``; None for current ones.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    publication: PublicationDay | None = None
    next_publication: str | None = None


def make_report(index: Index, viewer: Viewer, name: str) -> Report:
    """Return today's published report, or the current report of loads.

    Before the first publication the report has no rows.

    Raises:
        NotFoundError: there is no such report; the message lists the names.
        AccessDenied: the viewer may not read reports.
    """
    _permit_report(viewer, name)
    with index.database.read(viewer) as unit:
        if name == LOADS:
            return _report_loads(unit)
        return _make_published_report(unit, index, name)


def make_current_report(index: Index, viewer: Viewer, name: str) -> Report:
    """Return a report with exact figures, as they are now.

    Only for who holds the database: two answers tell what changed in between.

    Raises:
        NotFoundError: there is no such report; the message lists the names.
        AccessDenied: the viewer may not read reports.
    """
    _permit_report(viewer, name)
    with index.database.read(viewer) as unit:
        if name == LOADS:
            return _report_loads(unit)
        if name == SUMMARY:
            return _report_summary(
                unit, exact_counts.count_summary(unit).get, unit.tasks.count(clock.today())
            )
        if name == SOURCES:
            return _report_sources(unit, exact_counts.count_sources(unit).get)
        if name == CREATES:
            return _report_creates(list_rows(count_new_records(unit, index, clock.now()), smallest=1))
        return _report_overlap(exact_counts.count_overlap(unit))


def _permit_report(viewer: Viewer, name: str) -> None:
    """Refuse an unknown report, or a viewer who may read none."""
    require_permission(viewer, Action.REPORT)
    if name not in REPORT_NAMES:
        raise NotFoundError(f"no report {name!r}; there are: {', '.join(REPORT_NAMES)}")


def _make_published_report(unit: ReadUnit, index: Index, name: str) -> Report:
    """Make a report from the figures that are published today."""
    next_day = find_next_day(unit, index)
    publication = read_publication(unit, index, name)
    quality = read_publication(unit, index, QUALITY)
    if publication is None or quality is None:
        return Report(name, _TITLES[name], (), (), None, next_day)
    if name == SUMMARY:
        report = _report_summary(unit, publication.count, quality.count("questions"))
    elif name == SOURCES:
        report = _report_sources(unit, publication.count)
    elif name == CREATES:
        report = _report_creates(list_rows(publication.counts, publication.day.smallest_shown))
    else:
        smallest = _OVERLAP_FACTOR * publication.day.smallest_shown
        report = _report_overlap(
            {sources: count for sources, count in publication.counts.items() if count >= smallest}
        )
    return Report(report.name, report.title, report.columns, report.rows, publication.day, next_day)


def _report_summary(unit: ReadUnit, count: ShowCount, questions: int | None) -> Report:
    """Report numbers of records, persons and tasks, and the model."""
    config = unit.configs.active_config()
    rows = (
        ("records, active", count("records.active")),
        ("records, withdrawn", count("records.withdrawn")),
        ("persons, active", count("persons.active")),
        ("persons, retired", count("persons.retired")),
        ("persons, empty", count("persons.empty")),
        ("review tasks, open", questions),
        ("model", "" if config is None else f"{config.model_name}/{config.model_version}"),
    )
    return Report(SUMMARY, _TITLES[SUMMARY], ("what", "count"), rows)


def _report_sources(unit: ReadUnit, count: ShowCount) -> Report:
    """Report numbers of records by source."""
    rows = tuple(
        (
            source.code,
            source.agency,
            source.kind,
            count(f"{source.code}.active"),
            count(f"{source.code}.withdrawn"),
        )
        for source in unit.sources.all()
    )
    return Report(SOURCES, _TITLES[SOURCES], ("source", "agency", "kind", "active", "withdrawn"), rows)


def _report_loads(unit: ReadUnit) -> Report:
    """Report each load of the viewer's sources, with its counts.

    The outcomes of a load add up to the rows that it received. They are not shown, each of them, where they
    would tell who is in care.
    """
    batches = [batch for batch in unit.batches.all() if unit.viewer.may_see(batch.source)]
    info = unit.commit_info({batch.commit_no for batch in batches})
    counts = find_shown_counts(unit, batches)
    rows = tuple(
        (
            batch.id,
            info[batch.commit_no][0][:19],
            batch.source,
            batch.status,
            *(counts[batch.id].get(name) for name in COUNT_NAMES),
        )
        for batch in batches
    )
    return Report(LOADS, _TITLES[LOADS], ("batch", "at", "source", "status", *COUNT_NAMES), rows)


def _report_creates(rows: Sequence[NewRecordsRow]) -> Report:
    """Report records that clients sent as new, by month and client."""
    columns = (
        "month",
        "client",
        "new records",
        "after a search",
        "duplicates after a search",
        "duplicates without a search",
    )
    return Report(CREATES, _TITLES[CREATES], columns, tuple(astuple(row) for row in rows))


def _report_overlap(counts: Mapping[str, int]) -> Report:
    """Report numbers of persons by the set of sources that hold them."""
    rows = tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    return Report(OVERLAP, _TITLES[OVERLAP], ("sources", "persons"), rows)


_TITLES = {
    SUMMARY: "The index at a glance",
    SOURCES: "Records by source",
    LOADS: "Receipts of loads",
    OVERLAP: "Persons by the sources that know them",
    CREATES: "New records, by whether their child was searched for",
}
REPORT_NAMES = tuple(_TITLES)
"""Names that ``mpi report`` takes."""
