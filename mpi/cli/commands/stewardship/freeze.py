"""Commands ``mpi freeze …``: days on which decisions wait."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_table

if TYPE_CHECKING:
    from mpi.service.stewardship.freeze_windows import FreezeWindow

Reason = Annotated[str, typer.Option(help="A code.")]


def add(
    source: Annotated[str, typer.Argument(help="The source.")],
    begins_on: Annotated[str, typer.Option("--from", metavar="DATE", help="The first day.")],
    ends_on: Annotated[str, typer.Option("--to", metavar="DATE", help="The first day after the window.")],
    reason: Reason = "reporting-period",
    as_json: JsonFlag = False,
) -> None:
    """Add a freeze window, in which decisions about a source wait."""
    from mpi.service.stewardship import freeze_windows

    with open_session() as session:
        window = freeze_windows.add_freeze_window(
            session.index, session.viewer, source, begins_on, ends_on, reason
        )
    _show_window(window, as_json=as_json)


def list_all(as_json: JsonFlag = False) -> None:
    """List the freeze windows.

    In such a period decisions about a source's records wait.
    """
    from mpi.service.stewardship import freeze_windows

    with open_session(for_look_up=True) as session:
        all_windows = [
            asdict(window) for window in freeze_windows.list_freeze_windows(session.index, session.viewer)
        ]
    if as_json:
        print_json(all_windows)
        return
    columns = ("id", "source", "begins_on", "ends_on", "state", "reason", "by")
    print_table(columns, [[window[column] for column in columns] for window in all_windows])


def lift_one(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The window.")],
    reason: Reason = "lifted",
    as_json: JsonFlag = False,
) -> None:
    """End a freeze window early.

    Steps that wait only for this window take effect at once.
    """
    from mpi.service.stewardship import freeze_windows

    with open_session() as session:
        window = freeze_windows.lift_freeze_window(session.index, session.viewer, number, reason)
    _show_window(window, as_json=as_json)


def _show_window(window: FreezeWindow, *, as_json: bool) -> None:
    """Print a freeze window, in which decisions about a source wait."""
    if as_json:
        print_json(asdict(window))
    else:
        print_facts(asdict(window))
