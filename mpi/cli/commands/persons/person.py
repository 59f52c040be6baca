"""Command ``mpi person``: look up an enterprise ID."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.arguments import AsOf, parse_moment
from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_table
from mpi.domain import clock

if TYPE_CHECKING:
    from mpi.service.persons.persons import PersonView


def run(
    eid: Annotated[str, typer.Argument(metavar="EID", help="Case, hyphens and spaces do not matter.")],
    as_of: AsOf = None,
    as_json: JsonFlag = False,
) -> None:
    """Look up an enterprise ID.

    A retired ID answers with the persons that now hold its records. With --as-of it answers what the index
    knew at that time.
    """
    from mpi.service.persons import persons

    moment = parse_moment(as_of)
    known_at = None if moment is None else clock.format_timestamp(moment)
    with open_session(for_look_up=True) as session:
        view = persons.look_up_person(session.index, session.viewer, eid, known_at)
    if as_json:
        print_json(asdict(view))
    else:
        _show_person(view)


def _show_person(view: PersonView) -> None:
    """Print a person with its records and flags as tables."""
    print_facts(
        {
            "enterprise ID": view.enterprise_id,
            "status": view.status,
            "now": view.now or "gone: nobody holds its records",
            "since": view.since,
        }
    )
    print_table(("source", "local ID"), [(record.source, record.local_id) for record in view.records])
    if view.flags:
        print_table(
            ("flag", "value", "begin", "end", "definition", "asserted by", "local ID"),
            [
                (
                    flag.population,
                    flag.value,
                    flag.begin,
                    flag.end,
                    flag.definition,
                    flag.asserted_by,
                    flag.local_id,
                )
                for flag in view.flags
            ],
        )
