"""Commands ``mpi responsibilities`` and ``mpi report responsibilities``: who owes what to whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table

_COLUMNS = ("kind", "subject", "what", "owner", "owed_to", "due", "days_left", "escalates_to", "reference")


def run(
    late: Annotated[bool, typer.Option("--late", help="Only what is late.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """List who owes what to whom, what is late first.

    Owners of feeds, of the queue and of agreements stand in responsibilities.csv in MPI_HOME.
    """
    from mpi.service.responsibilities.obligations import read_obligations

    with open_session(for_look_up=True) as session:
        overview = read_obligations(session.index, session.viewer)
    rows = [asdict(each) for each in overview.obligations if each.is_late or not late]
    if as_json:
        print_json(rows)
        return
    print_table(_COLUMNS, [["" if row[name] is None else row[name] for name in _COLUMNS] for row in rows])
    _note_unowned(overview.without_owner)


def show_report(since: str | None, *, as_json: bool) -> None:
    """Print the yearly report of responsibilities.

    Args:
        since: first day; None for a year ago.
        as_json: whether to print JSON, with what is open and what was done.
    """
    from mpi.service.responsibilities.yearly_report import make_responsibility_report

    with open_session(for_look_up=True) as session:
        report = make_responsibility_report(session.index, session.viewer, since)
    if as_json:
        print_json(asdict(report))
        return
    print_table(
        ("owner", "open", "late", "done", "done_late"),
        [(row.owner or "nobody", row.open, row.late, row.done, row.done_late) for row in report.owners],
        f"{report.first} to {report.last}",
    )
    _note_unowned(report.without_owner)


def _note_unowned(things: Sequence[tuple[str, str]]) -> None:
    """Print what nobody is declared to answer for."""
    if things:
        names = ", ".join(f"{kind} {code}".strip() for kind, code in things)
        print_note(f"nobody is declared to answer for: {names}")
