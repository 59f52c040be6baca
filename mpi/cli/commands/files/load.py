"""Command ``mpi load undo``: undo a load."""

from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.commands.stewardship.decide import Preview
from mpi.cli.effect_view import show_disclosures
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.progress import show_progress


def undo(
    batch: Annotated[int, typer.Argument(help="Number of the load; see mpi report loads.")],
    reason: Annotated[str, typer.Option(help="A code.")] = "bad-load",
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Undo a load, keeping everything that came later.

    Records, persons and IDs become as they would be without the load. Records that the load sealed stay
    sealed. The undo is written in chunks; if it is interrupted, run it again.
    """
    from mpi.service.loads import load_undo

    with open_session() as session, show_progress() as report:
        result = load_undo.undo_load(
            session.index, session.viewer, batch, reason, preview=preview, progress=report
        )
    if as_json:
        print_json(result.as_dict())
        return
    facts = result.as_dict() | {
        "persons": [f"{count:,} {change}" for change, count in result.persons.items()]
    }
    del facts["disclosures"]
    print_facts(facts)
    show_disclosures(result.disclosed, result.disclosures)
    if preview:
        print_note("preview: nothing was changed")
