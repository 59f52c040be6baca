"""Named reports on children: waterfall, populations and outcomes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.reports.cells import Cell, FrequencyTable
from mpi.reports.child_tables import ChildTables
from mpi.reports.definitions import DEFAULT_DEFINITION, CareDefinition, find_definition, read_definitions
from mpi.reports.education_extract import read_extract
from mpi.reports.outcomes import Period, count_outcomes, make_outcomes
from mpi.reports.populations import count_populations, make_populations
from mpi.reports.reconciliation import make_reconciliation
from mpi.reports.report_table import ReportTable
from mpi.reports.suppression import publish_tables
from mpi.reports.waterfall import count_steps, make_waterfall
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.reporting.afcars_children import read_afcars_children
from mpi.service.reporting.children import read_children
from mpi.storage.unit_of_work.units import ReadUnit

WATERFALL, POPULATIONS, OUTCOMES = "waterfall", "populations", "outcomes"
RECONCILIATION = "reconciliation"
CHILD_REPORTS = (WATERFALL, POPULATIONS, OUTCOMES, RECONCILIATION)
"""Names of the reports on children."""

_AFCARS = "afcars"
"""Code of the definition of care by which an AFCARS file is reconciled."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report on children is asked for.

    Args:
        name: one of ``CHILD_REPORTS``.
        day: day of the figures, ``YYYY-MM-DD``.
        since: first day of a period in which a child is in care at any time; None for the day alone.
        care: code of the definition of care.
        definitions: file of definitions; None for the shipped ones.
        education: education extract, CSV or Parquet.
        known_on: day whose knowledge is used; None for now.
        is_published: whether small counts are hidden, so that the report can be given away.
        afcars: AFCARS file (XML) to reconcile with.
    """

    name: str
    day: str
    since: str | None = None
    care: str = DEFAULT_DEFINITION
    definitions: Path | None = None
    education: Path | None = None
    known_on: str | None = None
    is_published: bool = False
    afcars: Path | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """A commit whose knowledge a report uses.

    Args:
        commit_no: the commit.
        known_on: its day, ``YYYY-MM-DD``.
        open_records: records about which a question was open then; None for those of now.
    """

    commit_no: int
    known_on: str
    open_records: frozenset[int] | None = None


def make_child_report(index: Index, viewer: Viewer, request: ReportRequest) -> ReportTable:
    """Return a report on the children of the index.

    Its reader, kind and fields are a line on the ledger.

    Raises:
        NotFoundError: there is no such report.
        InputError: the definition is unknown, a day is wrong, or the extract is missing.
        FileError: a file cannot be read.
        AccessDenied: the viewer may not read reports and records of every source.
    """
    permit_child_reports(viewer)
    check_request(request)
    with index.database.read(viewer) as unit:
        with open_children(unit, request) as tables:
            report = build_report(tables, request)
        note_report(index, viewer, unit, request, report)
    return report


def permit_child_reports(viewer: Viewer) -> None:
    """Refuse a viewer who may not read reports on the children of every source.

    Exact figures on children follow from records, so their reader has to be permitted to read all of these.

    Raises:
        AccessDenied: the viewer may not.
    """
    require_permission(viewer, Action.REPORT)
    require_permission(viewer, Action.RECORD_READ)
    if viewer.sources is not None:
        raise AccessDenied(f"client {viewer.client!r} may not do this: it concerns every source")


def check_request(request: ReportRequest) -> None:
    """Refuse an unknown report and invalid days.

    Raises:
        NotFoundError: there is no such report.
        InputError: a day is wrong, or the period ends before it begins.
    """
    if request.name not in CHILD_REPORTS:
        raise NotFoundError(f"no report {request.name!r}; there are: {', '.join(CHILD_REPORTS)}")
    for option, text in (
        ("--day", request.day),
        ("--since", request.since),
        ("--known-on", request.known_on),
    ):
        if text is not None:
            clock.parse_day(text, option)
    if request.since is not None and request.since > request.day:
        raise InputError("--since is after --day: give the first day of the period")
    if request.name == RECONCILIATION and (request.afcars is None or request.is_published):
        raise InputError("this report needs --afcars FILE, and --exact: its differences are small counts")
    if request.name == OUTCOMES and request.education is None:
        raise InputError("this report needs an education extract: give --education FILE")


@contextmanager
def open_children(
    unit: ReadUnit, request: ReportRequest, moment: Moment | None = None
) -> Iterator[ChildTables]:
    """Open the children as known on the day that a request names.

    Args:
        unit: the transaction.
        request: the request.
        moment: what was known at a commit; None for what the request names.
    """
    moment = moment or find_moment(unit, request)
    tables = read_children(unit, moment.commit_no, moment.known_on, moment.open_records)
    try:
        if request.education is not None:
            read_extract(tables.connection, request.education)
            tables.join_students()
        yield tables
    finally:
        tables.close()


def find_moment(unit: ReadUnit, request: ReportRequest) -> Moment:
    """Return the commit whose knowledge a request asks for."""
    if request.known_on is None:
        return Moment(unit.last_commit(), clock.today())
    return Moment(unit.commit_at(f"{request.known_on}T23:59:59.999999Z"), request.known_on)


def build_report(tables: ChildTables, request: ReportRequest) -> ReportTable:
    """Return the report that a request asks for, from tables of children."""
    definitions = read_definitions(request.definitions)
    definition = find_definition(definitions, request.care)
    if request.name == WATERFALL:
        return _build_waterfall(tables, definition, request)
    if request.name == POPULATIONS:
        return _build_populations(tables, definitions, request)
    if request.afcars is not None and request.name == RECONCILIATION:
        children = read_afcars_children(request.afcars, request.day)
        return make_reconciliation(tables, children, find_definition(definitions, _AFCARS), request.day)
    return _build_outcomes(tables, definition, request)


def _build_waterfall(tables: ChildTables, definition: CareDefinition, request: ReportRequest) -> ReportTable:
    steps = count_steps(tables, definition, request.day)
    counts: Mapping[str, int | None] = steps.counts
    if request.is_published:
        shown = publish_tables([steps]).counts
        counts = {name: shown[steps.find_cell(name)] for name in steps.counts}
    return make_waterfall(counts, tables, definition, request.day)


def _build_populations(
    tables: ChildTables, definitions: dict[str, CareDefinition], request: ReportRequest
) -> ReportTable:
    populations = count_populations(tables, definitions.values(), request.day)
    counts = _count(list(populations.values()), is_published=request.is_published)
    return make_populations(populations, counts, tables, definitions, request.day)


def _build_outcomes(tables: ChildTables, definition: CareDefinition, request: ReportRequest) -> ReportTable:
    period = Period(request.since or request.day, request.day)
    outcomes = count_outcomes(tables, definition, period)
    counts = _count(list(outcomes.values()), is_published=request.is_published)
    return make_outcomes(outcomes, counts, tables, definition, period)


def _count(tables: list[FrequencyTable], *, is_published: bool) -> Mapping[Cell, int | None]:
    if is_published:
        return publish_tables(tables).counts
    return {cell: count for table in tables for cell, count in table.count_cells().items()}


def note_report(
    index: Index, viewer: Viewer, unit: ReadUnit, request: ReportRequest, report: ReportTable
) -> None:
    """Write the ledger line of a report: its reader, its name and its fields."""
    fields = [f"report:{report.name}", *(column.name for column in report.columns)]
    fields.append("published" if request.is_published else "exact")
    disclose(index, viewer, Action.REPORT, (), fields, f"all@{unit.last_commit()}")
