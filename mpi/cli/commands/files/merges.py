"""Commands ``mpi merges``: merges and splits of a source's own local IDs."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.progress import show_progress


class Format(StrEnum):
    """File formats that ``mpi merges import --format`` takes."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


Source = Annotated[str, typer.Option(metavar="CODE", help="The source of the local IDs.")]


def import_file(
    file: Annotated[Path, typer.Argument(help="The columns are old_local_id, new_local_id, date and kind.")],
    *,
    source: Source,
    mapping: Annotated[
        str | None, typer.Option(help="Mapping file; see docs/how-to/merges-of-a-source.md.")
    ] = None,
    file_format: Annotated[
        Format | None,
        typer.Option("--format", help="File format; taken from the mapping or file name by default."),
    ] = None,
    reason: Annotated[str, typer.Option(help="A code.")] = "source-merge",
    trial: Annotated[
        bool, typer.Option("--dry-run", help="Show the effect without storing anything.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """State what a file says about a source's local IDs.

    A row says that the old local ID was merged into the new one, was split from it, or was used for two
    children. The file is stated all or nothing. What was stated before changes nothing.
    """
    from mpi.intake.merges.merge_file import read_merge_file
    from mpi.service.source_merges import registry

    with open_session() as session, show_progress() as report:
        statements = read_merge_file(file, mapping, file_format, report)
        result = registry.state_merges(
            session.index, session.viewer, source, statements, reason, preview=trial, progress=report
        )
    if as_json:
        print_json(asdict(result))
        return
    print_facts(asdict(result) | {"stated": result.new})
    if trial:
        print_note("dry run: nothing was changed")
    elif result.step is not None:
        print_note(f"mpi undo {result.step} --step takes it back")


def show(
    *,
    source: Source,
    before: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Only statements with lower numbers.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Maximum number of statements.", min=1, max=1000)] = 100,
    as_json: JsonFlag = False,
) -> None:
    """List what a source stated about its local IDs, newest first."""
    from mpi.service.source_merges.listing import list_statements

    with open_session() as session:
        statements = list_statements(session.index, session.viewer, source, before, limit)
    if as_json:
        print_json([asdict(statement) for statement in statements])
        return
    columns = ("number", "kind", "old", "new", "date", "status")
    print_table(
        columns,
        (
            (each.number, each.kind, each.old_local_id, each.new_local_id or "", each.date, each.status)
            for each in statements
        ),
    )


def take_back(
    number: Annotated[int, typer.Argument(help="Number of the statement; see mpi merges list.")],
    *,
    source: Source,
    as_json: JsonFlag = False,
) -> None:
    """Take back one statement of a source.

    What it replaced is in force again. The source may state it again.
    """
    from mpi.service.source_merges import registry

    with open_session() as session:
        result = registry.take_back(session.index, session.viewer, source, number)
    if as_json:
        print_json(asdict(result))
        return
    print_facts(asdict(result))
