"""Named reports on children: waterfall, populations and outcomes."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.reports.cells import Cell, CountedTable, FrequencyTable
from mpi.reports.child_tables import ChildTables
from mpi.reports.combinations import CombinationTable, count_combinations, make_combinations
from mpi.reports.definitions import DEFAULT_DEFINITION, CareDefinition, find_definition, read_definitions
from mpi.reports.edfacts_comparison import EDFACTS, SPECIFICATIONS, make_edfacts_report
from mpi.reports.edfacts_file import read_edfacts_count
from mpi.reports.education_extract import read_extract
from mpi.reports.outcomes import OutcomeCounts, Period, count_outcomes, make_outcomes
from mpi.reports.population_trend import list_trend_days, make_trend
from mpi.reports.populations import count_populations, make_populations
from mpi.reports.reconciliation import make_reconciliation
from mpi.reports.report_table import ReportTable
from mpi.reports.waterfall import StepCounts, count_steps, make_waterfall
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.reporting.afcars_children import read_afcars_children
from mpi.service.reporting.children import read_children
from mpi.storage.unit_of_work.units import ReadUnit

WATERFALL, POPULATIONS, COMBINATIONS = "waterfall", "populations", "combinations"
OUTCOMES, RECONCILIATION, TREND = "outcomes", "reconciliation", "trend"
CHILD_REPORTS = (WATERFALL, POPULATIONS, COMBINATIONS, TREND, OUTCOMES, RECONCILIATION)
"""Names of the reports on children."""
ALL = "all"
"""Stands for every report that a request has the files for."""

_AFCARS = "afcars"
"""Code of the definition of care by which an AFCARS file is reconciled."""
_ESSA = "essa"
"""Code of the definition of care by which schools report students in foster care."""


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What a report on children is asked for.

    Args:
        name: one of ``CHILD_REPORTS``, or ``ALL``.
        day: day of the figures, ``YYYY-MM-DD``.
        since: first day of a period in which a child is in care at any time, or of a trend; None for the day
            alone, or a trend of two years.
        care: code of the definition of care.
        definitions: file of definitions; None for the shipped ones.
        education: education extract, CSV or Parquet.
        known_on: day whose knowledge is used; None for now.
        is_published: whether small counts are hidden, so that the report can be given away.
        afcars: AFCARS file (XML) to reconcile with.
        edfacts: EDFacts files to reconcile with, by the number of their specification.
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
    edfacts: tuple[tuple[str, Path], ...] = ()


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


def permit_child_reports(viewer: Viewer) -> None:
    """Refuse a viewer who may not read reports on all children.

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
    if request.name not in (*CHILD_REPORTS, ALL):
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
    has_file = (request.afcars is None) != (not request.edfacts)
    if request.name == RECONCILIATION and (request.is_published or not has_file):
        raise InputError("this report needs --exact, and one of --afcars FILE and --edfacts NUMBER=FILE")
    unknown = [number for number, _ in request.edfacts if number not in SPECIFICATIONS]
    if unknown:
        raise InputError(f"--edfacts: no such file specification; there are: {', '.join(SPECIFICATIONS)}")
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


@dataclass(frozen=True, slots=True)
class ReportSet:
    """Counts of the reports made from one reading of the children.

    Args:
        children: the children.
        request: what was asked.
        definitions: definitions of care by code.
        steps: counts of the waterfall.
        populations: counts of special populations, by population.
        combinations: counts of their combinations.
        outcomes: counts of outcomes; None without an education extract.
    """

    children: ChildTables
    request: ReportRequest
    definitions: dict[str, CareDefinition]
    steps: StepCounts
    populations: Mapping[str, FrequencyTable]
    combinations: CombinationTable
    outcomes: OutcomeCounts | None

    def list_tables(self) -> list[CountedTable]:
        """Return the counts of all reports."""
        tables: list[CountedTable] = [self.steps, *self.populations.values(), self.combinations]
        return tables if self.outcomes is None else [*tables, *self.outcomes.tables.values(), self.outcomes]

    def make_reports(self, counts: Mapping[Cell, int | None]) -> list[ReportTable]:
        """Return the reports by counts of their cells; None hides a count."""
        definition = find_definition(self.definitions, self.request.care)
        day, children = self.request.day, self.children
        shown = {name: counts[self.steps.find_cell(name)] for name in self.steps.counts}
        reports = [
            make_waterfall(shown, children, definition, day),
            make_populations(self.populations, counts, children, self.definitions, day),
            make_combinations(self.combinations, counts, children, self.definitions, day),
        ]
        if self.outcomes is not None:
            period = _find_period(self.request)
            reports.append(make_outcomes(self.outcomes.tables, counts, children, definition, period))
        return reports


def count_reports(children: ChildTables, request: ReportRequest) -> ReportSet:
    """Count the cells of every report on children, but the reconciliation."""
    definitions = read_definitions(request.definitions)
    definition = find_definition(definitions, request.care)
    steps, outcomes = count_steps(children, definition, request.day), None
    if children.has_education:
        outcomes = count_outcomes(children, definition, _find_period(request), steps)
    return ReportSet(
        children,
        request,
        definitions,
        steps,
        count_populations(children, definitions.values(), request.day),
        count_combinations(
            children,
            definitions.values(),
            request.day,
            [request.care] if request.is_published else list(definitions),
        ),
        outcomes,
    )


def _find_period(request: ReportRequest) -> Period:
    return Period(request.since or request.day, request.day)


def build_exact_reports(children: ChildTables, request: ReportRequest) -> list[ReportTable]:
    """Return the reports that a request asks for, with every count."""
    reports = []
    if request.name == TREND:
        return [make_trend(_count_days(children, request))]
    if request.name != RECONCILIATION:
        counted = count_reports(children, request)
        cells: dict[Cell, int] = {}
        for table in counted.list_tables():
            cells |= table.count_cells()
        reports = counted.make_reports(cells)
    if request.afcars is not None and request.name in {RECONCILIATION, ALL}:
        definition = find_definition(read_definitions(request.definitions), _AFCARS)
        file_children = read_afcars_children(request.afcars, request.day)
        reports.append(make_reconciliation(children, file_children, definition, request.day))
    if request.edfacts and request.name in {RECONCILIATION, ALL}:
        definitions = read_definitions(request.definitions)
        files = [(SPECIFICATIONS[number], read_edfacts_count(path)) for number, path in request.edfacts]
        care = [find_definition(definitions, code) for code in (_ESSA, _AFCARS)]
        reports.append(make_edfacts_report(children, files, care, _find_period(request)))
    return choose_reports(reports, request)


def _count_days(children: ChildTables, request: ReportRequest) -> list[ReportTable]:
    """Return exact reports of special populations for each day of a trend."""
    definitions = read_definitions(request.definitions)
    reports = []
    for day in list_trend_days(request.since, request.day):
        populations = count_populations(children, definitions.values(), day)
        cells = {cell: count for table in populations.values() for cell, count in table.count_cells().items()}
        reports.append(make_populations(populations, cells, children, definitions, day))
    return reports


def choose_reports(reports: Iterable[ReportTable], request: ReportRequest) -> list[ReportTable]:
    """Return those of some reports that a request names."""
    names = {request.name, EDFACTS} if request.name == RECONCILIATION else {request.name}
    return [report for report in reports if request.name == ALL or report.name in names]


def note_report(
    index: Index, viewer: Viewer, unit: ReadUnit, request: ReportRequest, report: ReportTable
) -> None:
    """Write a report's ledger line, with its reader, name and fields."""
    fields = [f"report:{report.name}", *(column.name for column in report.columns)]
    fields.append("published" if request.is_published else "exact")
    disclose(index, viewer, Action.REPORT, (), fields, f"all@{unit.last_commit()}")
