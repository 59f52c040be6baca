"""Command ``mpi report``: statistics of the index, and reports on its children."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.commands.data_quality.matches import show_matches
from mpi.cli.commands.data_quality.scorecard import show_scorecard
from mpi.cli.commands.review.publication import CurrentFlag, print_publication
from mpi.cli.output import JsonFlag, print_json, print_lines, print_note, print_table
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.reports.report_table import ReportTable
    from mpi.service.quality.reports import Report


_SCORECARD = "scorecard"
_OF_ONE_SOURCE = (_SCORECARD, "matches")


class ReportFormat(StrEnum):
    """Formats in which a report on children is written."""

    HTML = "html"
    CSV = "csv"
    PARQUET = "parquet"
    PNG = "png"


def run(
    name: Annotated[
        str,
        typer.Argument(
            help="summary, sources, loads, overlap, creates; of one source: scorecard, matches; on children: "
            "waterfall, populations, outcomes."
        ),
    ] = "summary",
    current: CurrentFlag = False,
    source: Annotated[
        str | None, typer.Option(metavar="CODE", help="The source of a scorecard or of matches.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="Read every record for a scorecard, not a random draw.")
    ] = False,
    form: Annotated[
        ReportFormat | None, typer.Option("--format", help="Write a report on children in this format.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write, readable by its owner only.")] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DAY", help="Day of the figures; today by default.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="Children in care at any time from this day to --day.")
    ] = None,
    care: Annotated[str, typer.Option(help="Definition of care: essa, afcars, stated or your own.")] = "essa",
    definitions: Annotated[Path | None, typer.Option(help="Your file of definitions of care.")] = None,
    education: Annotated[Path | None, typer.Option(help="Education extract, CSV or Parquet.")] = None,
    known_on: Annotated[
        str | None, typer.Option(metavar="DAY", help="Use what the index knew at the end of this day.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Show small counts. Do not pass such a report on.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show statistics of the index, or a report on its children.

    Reports on children hide small counts, and others from which these could be computed.
    """
    if name in _OF_ONE_SOURCE:
        _show_source(name, source, out, current=current, every=every, as_json=as_json)
        return
    from mpi.service.quality import reports
    from mpi.service.reporting.report_set import CHILD_REPORTS, ReportRequest, make_child_report

    if name not in CHILD_REPORTS:
        if form is not None or out is not None:
            raise InputError(f"--format and --out are for reports on children: {', '.join(CHILD_REPORTS)}")
        with open_session(for_look_up=True) as session:
            make_report = reports.make_current_report if current else reports.make_report
            figures = make_report(session.index, session.viewer, name)
        _print_figures(figures, as_json=as_json)
        return
    from mpi.domain import clock

    if form is not None and out is None and form in {ReportFormat.PNG, ReportFormat.PARQUET}:
        raise InputError(f"a report as {form} is no text: give --out FILE")
    request = ReportRequest(
        name, day or clock.today(), since, care, definitions, education, known_on, is_published=not exact
    )
    with open_session(for_look_up=True) as session:
        report = make_child_report(session.index, session.viewer, request)
    _give(report, form, out, as_json=as_json)
    if exact:
        print_note("this report holds exact small counts: give it to nobody who may not read the records")


def _show_source(
    name: str, source: str | None, out: Path | None, *, current: bool, every: bool, as_json: bool
) -> None:
    """Print the scorecard of a source, or which of its records are linked."""
    if source is None:
        raise InputError(f"{name}: the report is of one source: name it with --source CODE")
    if name == _SCORECARD:
        show_scorecard(source, every=every, as_json=as_json)
        return
    if not current:
        raise InputError("matches are exact figures: say --current, and do not pass them on")
    show_matches(source, out, as_json=as_json)


def _print_figures(figures: Report, *, as_json: bool) -> None:
    """Print published or current statistics of the index."""
    if as_json:
        rows = [dict(zip(figures.columns, row, strict=True)) for row in figures.rows]
        print_json(
            {
                "name": figures.name,
                "title": figures.title,
                "publication": figures.publication and asdict(figures.publication),
                "next_publication": figures.next_publication,
                "rows": rows,
            }
        )
    else:
        print_publication(figures.publication, figures.next_publication)
        if figures.columns:
            print_table(figures.columns, figures.rows, figures.title)


def _give(report: ReportTable, form: ReportFormat | None, out: Path | None, *, as_json: bool) -> None:
    """Print a report on children, or write it to a file."""
    from mpi.cli.output_files import write_private_bytes

    names = [column.name for column in report.columns]
    if form is None and out is None:
        if as_json:
            rows = [dict(zip(names, row, strict=True)) for row in report.rows]
            print_json(report.describe() | {"rows": rows})
            return
        rows_shown = [["hidden" if cell is None else cell for cell in row] for row in report.rows]
        print_table([column.title for column in report.columns], rows_shown, report.title)
        facts = report.describe()
        print_note(f"{facts['definition']} As of {facts['as_of']}, as known on {facts['known_on']}.")
        print_note(facts["notice"])
        return
    content = _render(report, form or ReportFormat.CSV)
    if out is None:
        print_lines(content.decode().splitlines())
    else:
        write_private_bytes(out, content)
        print_note(f"{out}: written")


def _render(report: ReportTable, form: ReportFormat) -> bytes:
    """Return the bytes of a report in a format."""
    from mpi.reports.report_table import write_csv_text, write_parquet_bytes

    if form is ReportFormat.CSV:
        return write_csv_text(report).encode()
    if form is ReportFormat.PARQUET:
        return write_parquet_bytes(report)
    if form is ReportFormat.PNG:
        from mpi.reports.charts import draw_png

        return draw_png(report)
    from mpi.reports.report_page import write_html_page

    return write_html_page(report).encode()
