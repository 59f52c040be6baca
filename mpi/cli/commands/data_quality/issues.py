"""Command ``mpi issues``: what is wrong with the records of a source."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table

if TYPE_CHECKING:
    from mpi.service.data_quality.issues import IssuePage, IssueSummary


class State(StrEnum):
    """Which issues are listed: open ones, ended ones, or all."""

    OPEN = "open"
    ENDED = "ended"
    ALL = "all"


_IS_OPEN = {State.OPEN: True, State.ENDED: False, State.ALL: None}


def run(
    source: Annotated[str, typer.Argument(metavar="CODE", help="The source whose records are looked at.")],
    state: Annotated[State, typer.Option(help="Which issues are listed.")] = State.OPEN,
    field: Annotated[str | None, typer.Option(help="Only of this field, such as birth_date.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, such as future-date.")] = None,
    counts: Annotated[bool, typer.Option("--counts", help="Count records by field and kind.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write all of them to this CSV file, for the source.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on after the cursor of the page before.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number at which a page ends.")] = 100,
    as_json: JsonFlag = False,
) -> None:
    """List what is wrong with a source's records.

    Each issue has a local ID, a field, a kind and loads, and no value. With --out, the file is for the source
    alone: it names records by the source's own local IDs.
    """
    from mpi.cli.output_files import write_csv
    from mpi.service.data_quality import issues

    filters = issues.IssueFilters(_IS_OPEN[state], field, kind)
    with open_session() as session:
        if counts:
            _show_counts(issues.summarize_issues(session.index, session.viewer, source), as_json=as_json)
            return
        if out is not None:
            found = issues.read_all_issues(session.index, session.viewer, source, filters)
            written = {
                "file": str(out),
                "rows": write_csv(
                    out, issues.CSV_HEADER, (issues.to_csv_row(session.index, issue) for issue in found)
                ),
            }
            print_json(written) if as_json else print_facts(written)
            return
        page = issues.list_issues(session.index, session.viewer, source, filters, after, limit)
    _show_page(page, as_json=as_json)


def _show_counts(summary: IssueSummary, *, as_json: bool) -> None:
    """Print how many records have each kind of issue."""
    if as_json:
        print_json(asdict(summary))
        return
    rows = [
        (count.field, count.kind, count.records, f"{100 * count.records / max(1, summary.records):.1f} %")
        for count in summary.counts
    ]
    print_table(("field", "issue", "records", "of active"), rows)
    print_note(f"{summary.records:,} active records; rows that were rejected are not among them")


def _show_page(page: IssuePage, *, as_json: bool) -> None:
    """Print a page of issues."""
    if as_json:
        print_json(asdict(page))
        return
    rows = [
        (
            issue.local_id,
            issue.span.field or "row",
            issue.span.kind,
            issue.span.state.value,
            issue.span.first_seen[:10],
            issue.span.last_seen[:10],
            issue.span.load,
            issue.span.ended_load,
        )
        for issue in page.issues
    ]
    print_table(
        ("local ID", "field", "issue", "state", "first seen", "last seen", "load", "ended by load"), rows
    )
    if page.cursor is not None:
        print_note(f"there are more: --after {page.cursor}")
