"""Command ``mpi retired-ids``: retired enterprise IDs of a source, with their survivors."""

from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table


def run(
    *,
    source: Annotated[str, typer.Option(metavar="CODE", help="The source that was given the IDs.")],
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only IDs retired since this day or ISO 8601 time.")
    ] = None,
    after: Annotated[
        str | None, typer.Option(metavar="CURSOR", help="Go on after the cursor of the page before.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Maximum number of IDs.", min=1, max=1000)] = 1000,
    as_json: JsonFlag = False,
) -> None:
    """List the retired enterprise IDs of a source, with their survivors.

    The list follows from the source's own records: an ID is retired if none of them has it any more and one
    of them has come to another person.
    """
    from mpi.service.source_merges.retired_ids import list_retired_ids

    with open_session() as session:
        page = list_retired_ids(session.index, session.viewer, source, since=since, after=after, limit=limit)
    if as_json:
        print_json(asdict(page))
        return
    rows = (
        (each.enterprise_id, each.retired_at, ", ".join(each.now), ", ".join(each.local_ids))
        for each in page.retired
    )
    print_table(("retired", "at", "now", "local IDs"), rows)
    if page.cursor is not None:
        print_note(f"there are more: --after {page.cursor}")
