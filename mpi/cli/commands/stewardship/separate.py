"""Command ``mpi separate``: two children who share one local ID."""

from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.commands.stewardship.decide import Preview
from mpi.cli.effect_view import show_effect
from mpi.cli.output import JsonFlag
from mpi.cli.record_references import parse_record_ref


def run(
    record: Annotated[str, typer.Argument(metavar="SOURCE:LOCAL_ID", help="The record of both children.")],
    new_local_id: Annotated[str, typer.Argument(metavar="NEW_ID", help="Local ID of the second child.")],
    reason: Annotated[str, typer.Option(help="A code.")] = "shared-id",
    preview: Preview = False,
    as_json: JsonFlag = False,
) -> None:
    """Give the second child of a shared local ID its own record.

    A version of the record waits, because its source has sent another child. That version becomes the record
    of the new local ID; the first child keeps the record.
    """
    from mpi.service.stewardship.shared_ids import separate_shared_id

    with open_session() as session:
        effect = separate_shared_id(
            session.index, session.viewer, parse_record_ref(record), new_local_id, reason, preview=preview
        )
    show_effect(effect, as_json=as_json)
