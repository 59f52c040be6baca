"""Command ``mpi report``: statistics of the index, and reports on its children."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.commands.access.responsibilities import show_report
from mpi.cli.commands.data_quality.link_figures import LINK_REPORTS, show_link_figures
from mpi.cli.commands.data_quality.matches import show_matches
from mpi.cli.commands.data_quality.scorecard import show_scorecard
from mpi.cli.commands.review.publication import CurrentFlag, print_publication
from mpi.cli.commands.review.splink_charts import NAME as SPLINK_CHARTS
from mpi.cli.commands.review.splink_charts import write_splink_charts
from mpi.cli.output import JsonFlag, print_json, print_lines, print_note, print_table
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.reports.report_table import ReportTable
    from mpi.service.quality.reports import Report
    from mpi.service.reporting.report_set import ReportRequest


_SCORECARD, _MATCHES, _RESPONSIBILITIES = "scorecard", "matches", "responsibilities"
_TRANSPARENCY = "transparency"


_EXACT_NOTE = "this report holds exact small counts: give it to nobody who may not read the records"
SNAPSHOTS = "snapshots"
"""Name under which frozen reports are listed."""


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
            help="summary, sources, loads, overlap, creates, responsibilities; on links, with --current: "
            "churn, stewards, reliability; of one source: scorecard, "
            "matches; for the public: transparency; on the model: splink-charts; on children: waterfall, "
            "populations, combinations, trend, outcomes, reconciliation, or all of these but trend."
        ),
    ] = "summary",
    source: Annotated[
        str | None, typer.Option(metavar="CODE", help="The source of a scorecard or of matches.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="Read every record for a scorecard, not a random draw.")
    ] = False,
    current: CurrentFlag = False,
    form: Annotated[
        ReportFormat | None, typer.Option("--format", help="Write a report on children in this format.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="File for a report on children, or for the records without a link of matches; "
            "its owner alone may read it."
        ),
    ] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DAY", help="Day of the figures; today by default.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="Children in care at any time from this day to --day, or of a trend, churn or stewards.",
        ),
    ] = None,
    care: Annotated[str, typer.Option(help="Definition of care: essa, afcars, stated or your own.")] = "essa",
    definitions: Annotated[Path | None, typer.Option(help="Your file of definitions of care.")] = None,
    education: Annotated[Path | None, typer.Option(help="Education extract, CSV or Parquet.")] = None,
    afcars: Annotated[
        Path | None, typer.Option(help="AFCARS file (XML) that reconciliation compares with.")
    ] = None,
    edfacts: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NUMBER=FILE",
            help="EDFacts file that reconciliation compares with: FS222=FILE and others.",
        ),
    ] = None,
    known_on: Annotated[
        str | None, typer.Option(metavar="DAY", help="Use what the index knew at the end of this day.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Show small counts. Do not pass such a report on.")
    ] = False,
    freeze: Annotated[
        str | None, typer.Option(metavar="CODE", help="Freeze the report on children under this code.")
    ] = None,
    repeat: Annotated[
        str | None, typer.Option(metavar="CODE", help="Repeat the frozen report of this code.")
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Folder for a file of each report of all, or for charts; the file of transparency.",
        ),
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="NAME", help="Account whose rights count for splink-charts.")
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE:LOCAL_ID", help="Record of the pair that splink-charts draws; twice."),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="Records to draw for splink-charts; 1,000 by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Show statistics of the index, or a report on its children.

    Reports on children hide small counts, and others from which these could be computed.
    """
    from mpi.domain import clock
    from mpi.service.reporting.report_set import ALL, CHILD_REPORTS, ReportRequest

    if name != SPLINK_CHARTS:
        _refuse_options({"--account": account, "--pair": pair, "--sample": sample})
    if repeat is not None:
        _repeat_report(repeat, education, form, out, as_json=as_json)
        return
    if name in (*CHILD_REPORTS, ALL):
        request = ReportRequest(
            name,
            day or clock.today(),
            since,
            care,
            definitions,
            education,
            known_on,
            is_published=not exact,
            afcars=afcars,
            edfacts=_read_numbers(edfacts or ()),
        )
        if name == ALL:
            is_single = freeze is not None or out is not None or as_json
            _write_all_reports(request, form or ReportFormat.HTML, into, is_single=is_single)
        else:
            _write_child_report(request, form, out, freeze, as_json=as_json)
        return
    _refuse_options({"--freeze": freeze, "--format": form})
    if name in (_TRANSPARENCY, SPLINK_CHARTS):
        _refuse_options({"--out": out})
        if name == SPLINK_CHARTS:
            write_splink_charts(into, account, pair, sample)
        else:
            _write_transparency_page(into)
        return
    _refuse_options({"--into": into})
    _show_index_report(name, source, out, since, every=every, is_current=current, as_json=as_json)


def _show_index_report(
    name: str,
    source: str | None,
    out: Path | None,
    since: str | None,
    *,
    every: bool,
    is_current: bool,
    as_json: bool,
) -> None:
    """Print a report on the index or on one source."""
    from mpi.service.reporting.report_set import CHILD_REPORTS

    if name == _RESPONSIBILITIES:
        show_report(since, as_json=as_json)
    elif name == SNAPSHOTS:
        _list_snapshots(as_json=as_json)
    elif name in LINK_REPORTS:
        _show_links(name, since, is_current=is_current, as_json=as_json)
    elif name == _MATCHES:
        _show_matches(source, out, is_current=is_current, as_json=as_json)
    elif out is not None:
        raise InputError(f"--out is for matches, and for reports on children: {', '.join(CHILD_REPORTS)}")
    elif name == _SCORECARD:
        _show_scorecard(source, every=every, as_json=as_json)
    else:
        _show_figures(name, is_current=is_current, as_json=as_json)


def _read_numbers(options: Sequence[str]) -> tuple[tuple[str, Path], ...]:
    """Return the number and path of each EDFacts file."""
    files = []
    for text in options:
        number, separator, path = text.partition("=")
        if not separator or not path:
            raise InputError("--edfacts needs the number and the file, such as FS222=foster.csv")
        files.append((number.strip().upper(), Path(path)))
    if len({number for number, _ in files}) < len(files):
        raise InputError("--edfacts: give each number once")
    return tuple(files)


def _refuse_options(options: Mapping[str, object]) -> None:
    """Refuse options that are for other reports."""
    for option, value in options.items():
        if value is not None:
            raise InputError(f"{option} is for other reports: see mpi report --help")


def _write_transparency_page(path: Path | None) -> None:
    """Write the page for the public to a file."""
    from mpi.api.pages.oversight.papers import write_public_page
    from mpi.cli.output_files import check_output_file, write_private_bytes
    from mpi.service.transparency.public_page import read_page_to_publish

    if path is None:
        raise InputError("the page for the public is a file: give --into FILE")
    check_output_file(path, "--into")
    with open_session(for_look_up=True) as session:
        page = read_page_to_publish(session.index, session.viewer)
    write_private_bytes(path, write_public_page(page).encode())
    print_note(f"{path}: written")


def _show_scorecard(source: str | None, *, every: bool, as_json: bool) -> None:
    """Print the scorecard of a source."""
    if source is None:
        raise InputError("a scorecard is of one source: name it with --source CODE")
    show_scorecard(source, every=every, as_json=as_json)


def _show_matches(source: str | None, out: Path | None, *, is_current: bool, as_json: bool) -> None:
    """Print the exact match report of a source."""
    if source is None or not is_current:
        raise InputError(
            "matches are exact figures of one source: name it with --source CODE, and say --current"
        )
    show_matches(source, out, as_json=as_json)


def _show_links(name: str, since: str | None, *, is_current: bool, as_json: bool) -> None:
    """Print a report on links, which has exact figures alone."""
    if not is_current:
        raise InputError(f"{name} has exact figures: say --current, and do not pass them on")
    show_link_figures(name, since, as_json=as_json)


def _show_figures(name: str, *, is_current: bool, as_json: bool) -> None:
    """Print published or current statistics of the index."""
    from mpi.service.quality import reports

    with open_session(for_look_up=True) as session:
        make_report = reports.make_current_report if is_current else reports.make_report
        figures = make_report(session.index, session.viewer, name)
    _print_figures(figures, as_json=as_json)


def _write_child_report(
    request: ReportRequest,
    form: ReportFormat | None,
    out: Path | None,
    freeze: str | None,
    *,
    as_json: bool,
) -> None:
    """Make a report on children, and print, write or freeze it."""
    from mpi.service.reporting.child_reports import make_child_report
    from mpi.service.reporting.snapshots import freeze_report

    _check_output(form, out)
    with open_session(for_look_up=True) as session:
        if freeze is None:
            report = make_child_report(session.index, session.viewer, request)
        else:
            report = freeze_report(session.index, session.viewer, freeze, request)
    _give(report, form, out, as_json=as_json)
    if not request.is_published:
        print_note(_EXACT_NOTE)


def _write_all_reports(
    request: ReportRequest, form: ReportFormat, folder: Path | None, *, is_single: bool
) -> None:
    """Write every report to a file of a folder.

    All are made from one reading.
    """
    from mpi.cli.output_files import write_private_bytes
    from mpi.service.reporting.child_reports import make_child_reports

    if is_single:
        raise InputError("--freeze, --out and --json are for one report: leave them out, or name one")
    if folder is None:
        raise InputError("all reports are written to a folder: give --into FOLDER")
    if not folder.is_dir():
        raise InputError(f"--into {folder}: there is no such folder")
    with open_session(for_look_up=True) as session:
        reports = make_child_reports(session.index, session.viewer, request)
    for report in reports:
        path = folder / f"{report.name}.{form}"
        write_private_bytes(path, _render(report, form))
        print_note(f"{path}: written")
    if not request.is_published:
        print_note(_EXACT_NOTE)


def _repeat_report(
    code: str, education: Path | None, form: ReportFormat | None, out: Path | None, *, as_json: bool
) -> None:
    """Repeat a frozen report."""
    from mpi.service.reporting.snapshots import repeat_report

    _check_output(form, out)
    with open_session(for_look_up=True) as session:
        report = repeat_report(session.index, session.viewer, code, education)
    _give(report, form, out, as_json=as_json)


def _check_output(form: ReportFormat | None, out: Path | None) -> None:
    """Refuse to print a report that is no text."""
    if form is not None and out is None and form in {ReportFormat.PNG, ReportFormat.PARQUET}:
        raise InputError(f"a report as {form} is no text: give --out FILE")


def _list_snapshots(*, as_json: bool) -> None:
    """List the frozen reports."""
    from mpi.service.reporting.snapshots import list_snapshots

    with open_session(for_look_up=True) as session:
        found = list_snapshots(session.index, session.viewer)
    columns = ("code", "known_on", "made_by", "request")
    if as_json:
        print_json([{name: getattr(each, name) for name in columns} for each in found])
    else:
        print_table(columns, [[getattr(each, name) for name in columns] for each in found])


def _print_figures(figures: Report, *, as_json: bool) -> None:
    """Print statistics of the index as a table or as JSON."""
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
