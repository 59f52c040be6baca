"""Command ``mpi report``: statistics of the index."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.commands.data_quality.matches import show_matches
from mpi.cli.commands.data_quality.scorecard import show_scorecard
from mpi.cli.commands.review.publication import CurrentFlag, print_publication
from mpi.cli.output import JsonFlag, print_json, print_table
from mpi.domain.errors import InputError

_SCORECARD, _MATCHES = "scorecard", "matches"


def run(
    name: Annotated[
        str, typer.Argument(help="summary, sources, loads, overlap, creates, scorecard or matches.")
    ] = "summary",
    source: Annotated[
        str | None, typer.Option(metavar="CODE", help="The source of a scorecard or of matches.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--every", help="Read every record for a scorecard, not a random draw.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the records without a link, for matches.")
    ] = None,
    current: CurrentFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Show the published statistics of the index."""
    if name == _SCORECARD:
        if source is None:
            raise InputError("a scorecard is of one source: name it with --source CODE")
        show_scorecard(source, every=every, as_json=as_json)
        return
    if name == _MATCHES:
        if source is None or not current:
            raise InputError(
                "matches are exact figures of one source: name it with --source CODE, and say --current"
            )
        show_matches(source, out, as_json=as_json)
        return
    from mpi.service.quality import reports

    with open_session(for_look_up=True) as session:
        make_report = reports.make_current_report if current else reports.make_report
        figures = make_report(session.index, session.viewer, name)
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
