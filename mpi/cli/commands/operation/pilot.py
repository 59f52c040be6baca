"""Command ``mpi pilot``: try the index on own files, leaving nothing behind."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.output_files import check_output_file
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.cli.pilot.measurement import PilotMeasures


def run(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE FILE…", help="Two files or more, one for each source.")
    ],
    *,
    into: Annotated[Path, typer.Option(metavar="REPORT", help="The report to write, as HTML.")] = Path(
        "pilot.html"
    ),
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=KIND",
            help="Kind of a file's system: sis, ccwis, state_id or other; told from the columns by default.",
        ),
    ] = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=MAPPING", help="Mapping of a file, as mpi ingest takes it."),
    ] = None,
    sheet: Annotated[
        list[str] | None, typer.Option(metavar="NAME=SHEET", help="Sheet of a workbook.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="Two letters of the state that gives the student IDs, such as OH.")
    ] = None,
    children: Annotated[
        int | None, typer.Option(min=1, help="Children of your state, for the hardware.")
    ] = None,
    weekly_changes: Annotated[
        float, typer.Option(min=0, max=100, help="Percent of the records that are new or changed in a week.")
    ] = 2.0,
    fit: Annotated[bool, typer.Option("--fit/--no-fit", help="Fit a model to the files first.")] = True,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where the temporary folder is made; the system's folder by default."),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--yes", "-y", help="Accept what is unclear in the files, and ask nothing.")
    ] = False,
    no_input: Annotated[
        bool, typer.Option("--no-input", help="Leave out what is unclear, and ask nothing.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Try the index on your own files, and leave nothing behind.

    The files are read, linked in a temporary index, measured and left as they are. The report says what the
    index would do with them, without a value of any child. Then the index is destroyed, also after Ctrl-C or
    a failure, and a certificate beside the report says so. Needs no index and no network.
    """
    if len(files) < 2:  # noqa: PLR2004 - two agencies
        raise InputError("give two files or more, one for each system whose children you want to link")
    check_output_file(into, "--into", files)
    from mpi.cli.pilot import run as pilot_run
    from mpi.cli.pilot.inputs import PilotChoices, parse_assignments

    choices = PilotChoices(
        kinds=parse_assignments("--kind", kind or ()),
        mappings=parse_assignments("--mapping", mapping or ()),
        sheets=parse_assignments("--sheet", sheet or ()),
        state=state,
        accepts=accept or as_json,
        leaves_out=no_input,
        is_quiet=as_json,
    )
    options = pilot_run.PilotOptions(
        report=into,
        parent=folder or Path(tempfile.gettempdir()),
        choices=choices,
        children=children,
        weekly_share=weekly_changes / 100,
        fits=fit,
    )
    check_output_file(options.certificate, "--into", files)
    measures = pilot_run.run_pilot(files, options)
    result = {
        "report": str(into),
        "certificate": str(options.certificate),
        "records": measures.records,
        "children": measures.persons,
        "children in several files": measures.shared,
        "questions": measures.work.questions,
    }
    if as_json:
        print_json({name.replace(" ", "_"): value for name, value in result.items()} | _list_files(measures))
        return
    hours = measures.work.hours_a_week
    print_facts(result | {"review hours a week": f"{hours.value:.1f} ({hours.low:.1f} to {hours.high:.1f})"})
    print_note(f"the temporary index is destroyed; open {into} in a browser")


def _list_files(measures: PilotMeasures) -> dict[str, object]:
    """Return the outcomes of each file as JSON values."""
    return {
        "files": [
            {"file": each.file, "received": each.received, "rejected": each.rejected, **each.group.counts}
            for each in measures.files
        ]
    }
