"""Report ``matches``: a source's linked records, and why the others are not."""

from __future__ import annotations

from dataclasses import asdict, astuple
from typing import TYPE_CHECKING

from mpi.cli.command_session import open_session
from mpi.cli.output import print_facts, print_json, print_note, print_table

if TYPE_CHECKING:
    from pathlib import Path

    from mpi.service.quality.match_report import MatchReport


def show_matches(source: str, out: Path | None, *, as_json: bool) -> None:
    """Print the match report of a source, exact and as of now.

    Args:
        source: code of the source.
        out: CSV file for the linkable records without a link; None for none.
        as_json: whether to print JSON, without these records.
    """
    from mpi.cli.output_files import write_csv
    from mpi.service.quality.match_report import UNMATCHED_HEADER, report_matches

    with open_session() as session:
        report = report_matches(session.index, session.viewer, source)
    if out is not None:
        written = write_csv(out, UNMATCHED_HEADER, (astuple(record) for record in report.unmatched))
        print_note(f"{written:,} records are in {out}: they are for the source alone")
    if as_json:
        print_json({name: value for name, value in asdict(report).items() if name != "unmatched"})
    else:
        _print_report(report)


def _print_report(report: MatchReport) -> None:
    """Print a match report as tables."""
    print_facts(
        {
            "source": report.source,
            "expected in": ", ".join(report.counterparts),
            "records that share a person with an earlier one of the source": report.repeated,
            "persons with several records of the source": sum(report.duplicates.values()),
            "of these, joined by a steward": report.joined,
        }
    )
    columns = (
        "group",
        "name",
        "automatic",
        "reviewed",
        "open",
        "unlinked",
        "not expected",
        "linkable",
        "rate",
    )
    rows = [
        (
            group.kind,
            group.group,
            *group.counts.values(),
            group.linkable,
            "–"
            if group.rate is None
            else f"{100 * group.rate.value:.1f} % ({100 * group.rate.low:.1f}–{100 * group.rate.high:.1f})",
        )
        for group in report.groups
    ]
    print_table(columns, rows, "Records by outcome")
    print_table(
        ("records of the source", "persons"), report.duplicates.items(), "Duplicates within the source"
    )
    print_table(("reason", "records"), report.reasons.items(), "Linkable and not linked")
    print_table(("reason", "records"), report.expected.items(), "Not expected to be linked")
