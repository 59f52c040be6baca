"""Commands ``mpi break-glass …``: uses of emergency access and their review."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table


def list_all(as_json: JsonFlag = False) -> None:
    """List the uses of emergency access."""
    from mpi.service.access.break_glass import list_uses

    with open_session(for_look_up=True) as session:
        uses = list_uses(session.index, session.viewer)
    if as_json:
        print_json([asdict(use) for use in uses])
        return
    print_table(
        ("client", "begun", "ends", "reason", "review"),
        [
            (use.client, use.begun_at, use.ends_at, "; ".join(use.reasons), use.review or "open")
            for use in uses
        ],
    )


def review(
    client: Annotated[str, typer.Argument(help="The client whose use is reviewed.")],
    note: Annotated[str, typer.Option(help="What the review found; name no child.")],
) -> None:
    """Close a use of emergency access, as a second person."""
    from mpi.service.access.break_glass import review_use

    with open_session() as session:
        review_use(session.index, session.viewer, client, note)
    print_note(f"the use by {client} is reviewed")
