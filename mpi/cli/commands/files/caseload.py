"""Command ``mpi caseload``: which caseworker has which child."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note


def run(
    file: Annotated[Path, typer.Argument(help="CSV: local_id, caseworker, name, phone, email.")],
    *,
    source: Annotated[str, typer.Option(metavar="CODE", help="The child-welfare source.")],
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Accept a file that leaves out most of the children.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Replace the caseload of a child-welfare source by a file.

    The file is the whole caseload: who is not in it has no caseworker any more. The code of a caseworker is
    the name of the account. A child whom the index does not know is reported and left out.
    """
    from mpi.service.rosters.caseload_intake import read_caseload_path, replace_caseload

    with open_session() as session:
        rows = read_caseload_path(file)
        receipt = replace_caseload(session.index, session.viewer, source, rows, is_confirmed=confirm)
    if as_json:
        print_json(asdict(receipt))
        return
    facts = asdict(receipt)
    lines = facts.pop("unknown_lines")
    print_facts(facts)
    if lines:
        print_note(f"unknown children in lines {', '.join(map(str, lines))}: load their records, then repeat")
