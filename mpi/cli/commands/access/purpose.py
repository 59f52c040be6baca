"""Commands ``mpi purpose …``: the registry of purposes of use."""

from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_table


def list_all(as_json: JsonFlag = False) -> None:
    """List the purposes of use that an agreement can permit."""
    from mpi.service.agreements import purposes as purposes_service

    with open_session(for_look_up=True) as session:
        purposes = [
            asdict(purpose) for purpose in purposes_service.list_purposes(session.index, session.viewer)
        ]
    if as_json:
        print_json(purposes)
        return
    columns = ("code", "title", "vision", "value")
    print_table(columns, [[purpose[column] for column in columns] for purpose in purposes])


def add(
    code: Annotated[str, typer.Argument(help="1 to 64 of a-z, 0-9 and '_'; the first is a letter.")],
    title: Annotated[str, typer.Option(help="Name for people.")],
    vision: Annotated[str, typer.Option(help="What the data is used for, in plain words.")],
    value: Annotated[str, typer.Option(help="What a child gains by it, in plain words.")],
    as_json: JsonFlag = False,
) -> None:
    """Add a purpose of use to those of the program.

    It permits nothing by itself: a legal basis must carry it, and an agreement must name it.
    """
    from mpi.policy.purposes import Purpose
    from mpi.service.agreements import purposes

    with open_session() as session:
        purposes.add_purpose(session.index, session.viewer, Purpose(code, title, vision, value))
    facts: dict[str, object] = {"purpose": code, "title": title}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
