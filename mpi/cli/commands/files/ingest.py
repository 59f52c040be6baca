"""Command ``mpi ingest``: load a file of one source's records."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.arguments import AsOf, parse_moment
from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.dry_run_view import show_dry_run
from mpi.cli.model_fit_view import warn_of_capacity
from mpi.cli.output import JsonFlag, print_note
from mpi.cli.output_files import check_output_file, write_csv
from mpi.cli.progress import report_rows_read, show_progress
from mpi.cli.receipt_view import (
    REJECT_HEADER,
    list_reject_rows,
    report_outcome,
    show_receipt,
    write_rejects,
)
from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from mpi.intake.mapping_types import FileMapping
    from mpi.intake.oneroster.student import StudentRules
    from mpi.intake.reader import FileRows
    from mpi.service.loads.receipt import Receipt


class Format(StrEnum):
    """File formats that ``mpi ingest --format`` takes."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    NDJSON = "ndjson"
    EDFI = "edfi"
    AFCARS = "afcars"
    OPENLINKTOKEN = "openlinktoken"
    ONEROSTER = "oneroster"


def run(
    file: Annotated[
        list[Path],
        typer.Argument(help="The file, or several that are one; for Ed-Fi and OneRoster also a folder."),
    ],
    *,
    source: Annotated[str, typer.Option(help="Code of the records' source.")],
    mapping: Annotated[
        str | None,
        typer.Option(help="Mapping file, or the name of a shipped one; see docs/reference/mappings.md."),
    ] = None,
    file_format: Annotated[
        Format | None,
        typer.Option("--format", help="File format; taken from the mapping or file name by default."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Only rows whose column has this text; may be repeated."),
    ] = None,
    sheet: Annotated[
        str | None, typer.Option(help="Sheet of a workbook; the only one that is not empty by default.")
    ] = None,
    state_id: Annotated[
        str | None,
        typer.Option(metavar="ASSIGNER=PLACE", help="Where OneRoster holds the student ID of the state."),
    ] = None,
    student_number: Annotated[
        str | None, typer.Option(metavar="ASSIGNER", help="Who gives OneRoster's student numbers.")
    ] = None,
    snapshot: Annotated[
        Snapshot, typer.Option(help="full: withdraw records missing from the file; delta: do not.")
    ] = Snapshot.DELTA,
    as_of: AsOf = None,
    trial: Annotated[
        bool, typer.Option("--dry-run", help="Show the effect without storing anything.")
    ] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Load the file even if a guard holds it.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="File for rejected rows; in MPI_HOME/rejects by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Load a file of one source's records.

    Several files are loaded as one, in their order. With --snapshot full they hold together all records of
    the source. The file is loaded in chunks of 2,000 records, 10,000 on PostgreSQL, each in one transaction.
    An interrupted load continues with the same file and the same options. While others use the index, the
    load leaves them a processor core. Every row is accounted for: received = created + updated + unchanged +
    withdrawn + history + superseded + held + rejected + dropped.
    """
    from mpi.intake import file_profile, reader
    from mpi.service.loads import dry_run, load
    from mpi.service.maintenance import model_capacity

    if rejects is not None:
        check_output_file(rejects, "--rejects", file)
    layout = _load_layout(mapping, where or [], snapshot)
    rules = _read_student_rules(state_id, student_number)
    with open_session() as session, show_progress() as report:
        rows = reader.open_files(file, layout, file_format, rules, sheet)
        options = load.make_load_options(rows, snapshot, parse_moment(as_of), confirm=confirm)
        if trial:
            trial_result = dry_run.dry_run(
                session.index, session.viewer, source, report_rows_read(rows, report), options, report
            )
            profile_rows = reader.open_files(file, layout, file_format, rules, sheet)
            file_summary = file_profile.profile_file(profile_rows, session.index.keyed_hash, clock.now())
            if rejects is not None:
                write_csv(rejects, REJECT_HEADER, list_reject_rows(trial_result.receipt.rejects))
            show_dry_run(file_summary, trial_result, session.index.matcher.model, as_json=as_json)
            return
        receipt = load.load(
            session.index, session.viewer, source, report_rows_read(rows, report), options, report
        )
        capacity_excess = model_capacity.find_capacity_excess(session.index, session.viewer)
    warn_of_capacity(capacity_excess, session.index.matcher.model)
    _show_result(session, rows, receipt, rejects, as_json=as_json)


def _load_layout(mapping: str | None, where: list[str], snapshot: Snapshot) -> FileMapping | None:
    """Load the column mapping of a file to ingest, narrowed by ``--where``.

    None for a canonical file without ``--where``, which needs no mapping.
    """
    from mpi.intake import mapping_reader

    layout = None if mapping is None else mapping_reader.load_mapping(mapping)
    return mapping_reader.narrow_mapping(layout, where, full=snapshot is Snapshot.FULL)


def _read_student_rules(state_id: str | None, student_number: str | None) -> StudentRules | None:
    """Read the rules for OneRoster student numbers; None without options."""
    from mpi.intake.oneroster.student import StateIdRule, StudentRules

    if state_id is None and student_number is None:
        return None
    rule = None
    if state_id is not None:
        assigner, _, place = state_id.partition("=")
        kind, _, name = place.partition(".")
        is_complete = bool(name) == (kind != "identifier")
        if not assigner or kind not in {"userIds", "metadata", "identifier"} or not is_complete:
            raise InputError("--state-id: give ASSIGNER=userIds.TYPE, =metadata.NAME or =identifier")
        rule = StateIdRule(
            assigner, **{"userIds": {"user_id_type": name}, "metadata": {"metadata": name}}.get(kind, {})
        )
    return StudentRules(rule, student_number or "")


def _show_result(
    session: CommandSession, rows: FileRows, receipt: Receipt, rejects: Path | None, *, as_json: bool
) -> None:
    """Write the rejected rows and print the receipt of a load.

    The load is already stored, so the receipt is printed even if the rejected rows cannot be written.
    """
    rejects_path = None
    try:
        if receipt.rejects:
            rejects_path = write_rejects(session.rejects_folder, receipt, rejects)
    finally:
        show_receipt(receipt, rows.skipped_rows, rejects_path, as_json=as_json)
    report_outcome(receipt, rejects_path)
    if receipt.received == 0:
        print_note("the file has no rows: nothing was loaded")
