"""Command ``mpi child-items``: what has to be known of children in care."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note


def run(
    file: Annotated[Path, typer.Argument(help="CSV: local_id and columns of items.")],
    *,
    source: Annotated[str, typer.Option(metavar="CODE", help="The source that states them.")],
    as_json: JsonFlag = False,
) -> None:
    """Store items of children in care from a file.

    An item is the education decision-maker, contact restriction, best-interest decision, school of origin,
    transport, or the request or receipt of records. A row states its items for one child as of a day. The
    same file twice changes nothing. A child whom the index does not know is reported and left out.
    """
    from mpi.service.rosters.item_file import read_item_path
    from mpi.service.rosters.item_intake import store_items

    with open_session() as session:
        rows = read_item_path(file)
        receipt = store_items(session.index, session.viewer, source, rows)
    if as_json:
        print_json(asdict(receipt))
        return
    facts = asdict(receipt)
    lines = facts.pop("unknown_lines")
    print_facts(facts)
    if lines:
        print_note(f"unknown children in lines {', '.join(map(str, lines))}: load their records, then repeat")
