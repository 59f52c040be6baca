"""Command ``mpi write-ids``: write enterprise IDs into another system."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.progress import show_progress


def run(
    connection: Annotated[
        Path, typer.Option(metavar="FILE", help="The connection; see docs/reference/connections.md.")
    ],
    client: Annotated[str, typer.Option(help="The client that stands for the system's owner.")],
    *,
    purpose: Annotated[
        str | None, typer.Option(metavar="PURPOSE", help="The purpose of use on the ledger.")
    ] = None,
    trial: Annotated[
        bool, typer.Option("--dry-run", help="Count what would be written, and send nothing.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write enterprise IDs into the system that a source's records come from.

    The client receives the IDs: its rights decide which are written, and each has a line on the disclosure
    ledger before it leaves. What holds the right ID already is left alone.
    """
    from mpi.connectors.connection import read_connection
    from mpi.connectors.registry import make_id_writer
    from mpi.service.pulls.write_ids import Recipient, write_ids

    system = read_connection(connection)
    writer = make_id_writer(system)
    with open_session(for_look_up=True) as session, show_progress() as report:
        result = write_ids(
            session.index,
            session.viewer,
            system,
            writer,
            Recipient(client, purpose),
            is_trial=trial,
            progress=report,
        )
    facts: dict[str, object] = {
        "written": result.written,
        "unchanged": result.unchanged,
        "unassigned": result.unassigned,
        "failed": dict(result.failed) if as_json else sum(result.failed.values()),
    }
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
        for status, count in result.failed.items():
            print_note(f"the system refused {count:,} with status {status}")
    if result.failed:
        raise typer.Exit(ExitCode.REMOTE)
