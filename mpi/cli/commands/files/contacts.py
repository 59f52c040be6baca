"""Command ``mpi contacts``: points of contact, and which are to be confirmed.

They are whom to call at the state, districts, agencies and counties.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table
from mpi.domain import clock

_COLUMNS = ("level", "code", "organization", "name", "phone", "email", "owner", "confirm_by", "sources")


def run(
    due: Annotated[
        bool, typer.Option("--due", help="Only those that were to be confirmed before today.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """List the points of contact, and which have to be confirmed.

    They are the rows of contacts.csv in MPI_HOME. The file is checked: a row that cannot be used is named.
    """
    from mpi.service.directory.contact_file import FILE_NAME, list_due_contacts, read_contacts

    with open_session(for_look_up=True) as session:
        contacts = read_contacts(session.index, session.viewer)
    overdue = list_due_contacts(contacts)
    rows = [asdict(each) for each in (overdue if due else contacts)]
    for row in rows:
        row["sources"] = " ".join(row["sources"])
    if as_json:
        print_json(rows)
        return
    print_table(_COLUMNS, [[row[name] or "" for name in _COLUMNS] for row in rows])
    if not contacts:
        print_note(f"there is no {FILE_NAME} in MPI_HOME, or it has no rows")
    elif overdue:
        print_note(f"{len(overdue):,} of {len(contacts):,} were to be confirmed before {clock.today()}")
