"""Command ``mpi import crosswalk``: import another system's person IDs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.progress import show_progress
from mpi.domain.errors import FileError

if TYPE_CHECKING:
    from mpi.service.loads.crosswalk_import import OldCrosswalkLine


def crosswalk(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV: source,local_id,enterprise_id.")],
    source: Annotated[str, typer.Option(metavar="CODE", help="The source that stands for the old system.")],
    reason: Annotated[str, typer.Option(help="A code.")] = "cut-over",
    adopt: Annotated[
        bool, typer.Option("--adopt", help="Keep the old IDs that are valid enterprise IDs.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Import the person IDs of another system.

    Each old ID becomes a record of the source. If the model takes two old IDs for one person, the change is
    held.
    """
    from mpi.service.loads import crosswalk_import

    links = list(_read_links(file))
    with open_session() as session, show_progress() as report:
        result = crosswalk_import.import_crosswalk(
            session.index, session.viewer, source, links, reason, adopt_ids=adopt, progress=report
        )
    if as_json:
        print_json(asdict(result))
        return
    print_facts({name.replace("_", " "): value for name, value in asdict(result).items()})
    if result.held:
        print_note(f"{result.held:,} differences are held: mpi hold list")


def _read_links(file: Path) -> Iterator[OldCrosswalkLine]:
    """Yield the record-to-ID links of a CSV file."""
    from mpi.service.loads import crosswalk_import
    from mpi.service.persons import crosswalk_export

    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if tuple(rows.fieldnames or ()) != crosswalk_export.HEADER:
                raise FileError(f"{file}: the columns must be {','.join(crosswalk_export.HEADER)}")
            for row in rows:
                if None in row.values() or None in row:
                    raise FileError(f"{file}: line {rows.line_num}: not three values")
                yield crosswalk_import.OldCrosswalkLine(row["source"], row["local_id"], row["enterprise_id"])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"cannot read {file}: {type(error).__name__}") from error
