"""Command ``mpi report``: statistics of the index."""

from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_table


def run(
    name: Annotated[str, typer.Argument(help="summary, sources, loads or overlap.")] = "summary",
    as_json: JsonFlag = False,
) -> None:
    """Show statistics of the index."""
    from mpi.service.quality import reports

    with open_session(for_look_up=True) as session:
        figures = reports.make_report(session.index, session.viewer, name)
    if as_json:
        rows = [dict(zip(figures.columns, row, strict=True)) for row in figures.rows]
        print_json({"name": figures.name, "title": figures.title, "rows": rows})
    else:
        print_table(figures.columns, figures.rows, figures.title)
