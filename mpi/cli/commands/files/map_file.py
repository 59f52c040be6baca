"""Command ``mpi map``: propose a mapping for an unknown file."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.output_files import check_output_file, write_private_file
from mpi.cli.pilot.mapping_dialog import ask_unclear, leave_out_unclear, print_proposal_notes, show_columns
from mpi.domain import clock
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.intake.proposal.proposal import Proposal

_SUFFIXES = (".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".parquet", ".ndjson", ".jsonl", ".zip", ".gz")


def run(
    file: Annotated[Path, typer.Argument(help="A CSV, Excel, Parquet or NDJSON file, also .gz or .zip.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The mapping to write; FILE.toml in this folder by default.")
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of a workbook; the only one that is not empty by default.")
    ] = None,
    starter: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Program that wrote the file: powerschool, infinite_campus, skyward, aeries, oneroster, "
            "edfi or ccwis; told from the columns by default.",
        ),
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="Two letters of the state that gives the student IDs, such as OH.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN=FIELD", help="What a column means; FIELD ignore leaves it out; may be repeated."
        ),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--yes", "-y", help="Accept what is unclear too, and ask nothing.")
    ] = False,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Leave out what is unclear, and ask nothing.")
    ] = False,
    replace_file: Annotated[bool, typer.Option("--replace", help="Replace an existing mapping.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Propose a mapping for a file, and write it.

    The format, the columns and their meaning are told from the file itself. What is unclear is asked, unless
    --yes or --no-input is given. Needs no index, and prints no value of the file but codes.
    """
    from mpi.intake.proposal.proposal import ProposalOptions, propose_for_sample
    from mpi.intake.proposal.sample import read_sample

    target = out or Path(f"{_get_stem(file)}.toml")
    check_output_file(target, "--out", [file])
    if target.exists() and not replace_file:
        raise InputError(f"{target}: the mapping is there already; give --out another file, or --replace")
    sample = read_sample(file, sheet)
    options = ProposalOptions(sheet, starter, state, _read_choices(column or []))
    proposal = propose_for_sample(sample, options, clock.now())
    is_asked = not accept and not no_input and not as_json and sys.stdin.isatty()
    if not as_json:
        show_columns(proposal)
    choices = ask_unclear(proposal) if is_asked else leave_out_unclear(proposal) if no_input else {}
    if choices:
        options = replace(options, choices={**(options.choices or {}), **choices})
        proposal = propose_for_sample(sample, options, clock.now())
    write_private_file(target, lambda text: text.write(proposal.text))
    _show_result(proposal, file, target, as_json=as_json)


def _get_stem(file: Path) -> str:
    """Return a file's name without the endings of its format."""
    name = file.name
    while (suffix := Path(name).suffix.lower()) in _SUFFIXES:
        name = name[: -len(suffix)]
    return name or "mapping"


def _read_choices(texts: list[str]) -> dict[str, str]:
    """Return the target of each column that ``--column`` names."""
    choices = {}
    for text in texts:
        name, equals, target = text.rpartition("=")
        if not equals or not name.strip() or not target.strip():
            raise InputError("--column: give COLUMN=FIELD, such as --column 'Stu No=local_id'")
        choices[name.strip()] = target.strip()
    return choices


def _show_result(proposal: Proposal, file: Path, target: Path, *, as_json: bool) -> None:
    """Print what the mapping would accept, and the next command."""
    profile = proposal.profile
    if as_json:
        print_json(
            {
                "file": file.name,
                "form": proposal.sample.form.describe(),
                "starter": None if proposal.starter is None else proposal.starter.name,
                "columns": [
                    {
                        "column": column.column,
                        "target": column.target,
                        "confidence": round(column.confidence, 2),
                        "reason": column.reason,
                        "filled": column.filled,
                        "shapes": list(column.shapes),
                    }
                    for column in proposal.columns
                ],
                "rows": profile.rows,
                "accepted": profile.accepted,
                "rejects": dict(profile.rejects),
                "issues": {f"{name}: {code}": count for name, code, count in profile.issues},
                "mapping": str(target),
            }
        )
    else:
        print_facts({"rows looked at": profile.rows, "would be accepted": profile.accepted})
        if profile.rejects:
            print_table(("rejected because", "rows"), profile.rejects)
        if profile.issues:
            issues = sorted(profile.issues, key=lambda issue: -issue[2])
            rows = [(f"{name}: {code}", count) for name, code, count in issues]
            print_table(("quality issue", "rows"), rows)
    print_proposal_notes(proposal)
    snapshot = " --snapshot full" if proposal.lacks_local_id else ""
    print_note(
        f"wrote {target}; next: mpi ingest {file} --source CODE --mapping {target}{snapshot} --dry-run"
    )
