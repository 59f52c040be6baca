"""Command ``mpi lineage``: history of an enterprise ID's records."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_table

if TYPE_CHECKING:
    from mpi.service.persons.lineage import LineageStep


def run(
    eid: Annotated[str, typer.Argument(metavar="EID", help="Case, hyphens and spaces do not matter.")],
    as_json: JsonFlag = False,
) -> None:
    """List all changes to the records of an enterprise ID."""
    from mpi.service.persons import lineage

    with open_session(for_look_up=True) as session:
        steps = lineage.look_up_lineage(session.index, session.viewer, eid)
    if as_json:
        print_json([asdict(step) for step in steps])
    else:
        print_table(
            ("at", "by", "cause", "source", "local ID", "from", "to"), [_format_step(step) for step in steps]
        )


def _format_step(step: LineageStep) -> tuple[object, ...]:
    """Return the table row of one change to an enterprise ID's records."""
    source, local_id = (None, None) if step.record is None else (step.record.source, step.record.local_id)
    return (step.at[:19], step.client, step.cause, source, local_id, step.before, step.after)
