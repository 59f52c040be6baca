"""Commands ``mpi ticket …``: requests to a source to correct quality issues."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table

if TYPE_CHECKING:
    from mpi.service.data_quality.tickets import Ticket

Source = Annotated[str, typer.Argument(metavar="CODE", help="The source.")]


def open_one(
    source: Source,
    *,
    field: Annotated[str, typer.Option(help="The field, such as birth_date.")],
    kind: Annotated[str, typer.Option(help="The kind of issue, such as future-date.")],
    owner: Annotated[str, typer.Option(metavar="NAME", help="Who sees to it at the source.")],
    due: Annotated[str, typer.Option(metavar="DATE", help="The day by which it is due.")],
    out: Annotated[
        Path | None, typer.Option(help="Write the records to this CSV file, for the source alone.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Ask a source to correct one kind of issue.

    The ticket closes by itself with the load after which no active record has the issue. With --out, the
    file for the source names its records by its own local IDs, and holds no value.
    """
    from mpi.cli.output_files import write_csv
    from mpi.service.data_quality import issues, tickets

    with open_session() as session:
        ticket = tickets.open_ticket(
            session.index, session.viewer, source, tickets.NewTicket(field, kind, owner, due)
        )
        if out is not None:
            filters = issues.IssueFilters(field=field, kind=kind)
            found = issues.read_all_issues(session.index, session.viewer, source, filters)
            rows = (issues.to_csv_row(session.index, issue) for issue in found)
            print_note(f"{write_csv(out, issues.CSV_HEADER, rows):,} records are in {out}")
    _show_ticket(ticket, as_json=as_json)


def show(source: Source, as_json: JsonFlag = False) -> None:
    """List the tickets of a source, newest first."""
    from mpi.service.data_quality.tickets import list_tickets

    with open_session(for_look_up=True) as session:
        found = [asdict(ticket) for ticket in list_tickets(session.index, session.viewer, source)]
    if as_json:
        print_json(found)
        return
    columns = (
        "number", "field", "kind", "owner", "due_on", "state", "records_at_opening", "records_now",
        "closed_load",
    )  # fmt: skip
    print_table(columns, [[ticket[column] for column in columns] for ticket in found])


def close(
    source: Source,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The ticket.")],
    as_json: JsonFlag = False,
) -> None:
    """Close a ticket although the issue is still there."""
    from mpi.service.data_quality.tickets import close_ticket

    with open_session() as session:
        ticket = close_ticket(session.index, session.viewer, source, number)
    _show_ticket(ticket, as_json=as_json)


def _show_ticket(ticket: Ticket, *, as_json: bool) -> None:
    """Print one ticket."""
    print_json(asdict(ticket)) if as_json else print_facts(asdict(ticket))
