"""Command ``mpi crosswalk``: look up one record's enterprise ID."""

from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.arguments import AsOf, parse_moment
from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json
from mpi.domain import clock


def run(
    source: Annotated[str, typer.Option(help="Code of the record's source.")],
    local_id: Annotated[str, typer.Option(help="The record's key at its source.")],
    as_of: AsOf = None,
    as_json: JsonFlag = False,
) -> None:
    """Look up the enterprise ID of a source record.

    With --as-of it answers what the index knew at that time.
    """
    from mpi.service.persons import persons

    moment = parse_moment(as_of)
    known_at = None if moment is None else clock.format_timestamp(moment)
    with open_session(for_look_up=True) as session:
        crosswalk_entry = persons.look_up_crosswalk(session.index, session.viewer, source, local_id, known_at)
    entry = asdict(crosswalk_entry)
    if as_json:
        print_json(entry)
    else:
        print_facts({name.replace("_", " "): value for name, value in entry.items()})
