"""Command ``mpi rekey``: replace local IDs of a source's records."""

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.domain.errors import FileError

_COLUMNS = ["old", "new"]


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with the columns old and new.")],
    source: Annotated[str, typer.Option(metavar="CODE", help="The records' source.")],
    reason: Annotated[str, typer.Option(help="A code.")] = "rekey",
    as_json: JsonFlag = False,
) -> None:
    """Replace local IDs of a source's records.

    Decisions, links and enterprise IDs follow the records. A new ID that another record has already becomes
    a claim for a steward.
    """
    from mpi.service.stewardship import rekey

    new_ids = _read_renames(file)
    with open_session() as session:
        result = asdict(rekey.rekey(session.index, session.viewer, source, new_ids, reason))
    if as_json:
        print_json(result)
        return
    print_facts(result)
    if result["step"] is not None:
        print_note(f"mpi undo {result['step']} --step takes it back")


def _read_renames(file: Path) -> dict[str, str]:
    """Read new local IDs by old local ID from a CSV file."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines)
            if rows.fieldnames != _COLUMNS:
                raise FileError(f"{file}: the columns must be old,new")
            new_ids = {}
            for row in rows:
                if None in row.values() or None in row or row["old"] in new_ids:
                    raise FileError(f"{file}: line {rows.line_num}: not two values, or an old ID again")
                new_ids[row["old"]] = row["new"]
            return new_ids
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"cannot read {file}: {type(error).__name__}") from error
