"""Command ``mpi pull``: load the records of another system's API or folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.dry_run_view import show_dry_run
from mpi.cli.model_fit_view import warn_of_capacity
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.output_files import write_csv
from mpi.cli.progress import show_progress
from mpi.cli.receipt_view import (
    REJECT_HEADER,
    list_reject_rows,
    receipt_to_dict,
    report_outcome,
    show_receipt,
    write_rejects,
)
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.matching.model.match_model import MatchModel
    from mpi.service.pulls.pull import PullPreview, PullReceipt


def run(
    connection: Annotated[
        Path, typer.Option(metavar="FILE", help="The connection; see docs/reference/connections.md.")
    ],
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Pull every record, not only what has changed.")
    ] = False,
    full_days: Annotated[
        int,
        typer.Option(min=1, max=3_650, metavar="DAYS", help="Pull every record again after so many days."),
    ] = 7,
    trial: Annotated[
        bool, typer.Option("--dry-run", help="Show the effect without storing anything.")
    ] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Load what was pulled even if a guard holds it.")
    ] = False,
    confirmed: Annotated[
        list[str] | None,
        typer.Option(
            "--confirm-file",
            metavar="NAME",
            help="SFTP: load this held file even if a guard holds it; may be repeated.",
        ),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="SFTP: also take files that failed or were held before.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="File for rejected rows; in MPI_HOME/rejects by default.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Pull a source's records from another system and load them.

    What has changed since the last pull is pulled; once a week every record, since systems do not tell every
    deletion. The next pull begins where this one ended once all is loaded: a pull that is interrupted, held
    by a guard or rejected as a whole is repeated by the next one. From a folder of an SFTP server, each new
    file is loaded once, oldest first.
    """
    from mpi.cli.file_folders.file_pull import FilePullFlags, pull_files
    from mpi.connectors.connection import FILE_SYSTEM, read_connection
    from mpi.connectors.registry import make_connector
    from mpi.service.maintenance import model_capacity
    from mpi.service.pulls import pull

    system = read_connection(connection)
    if system.system == FILE_SYSTEM:
        if full or rejects is not None:
            raise InputError("--full and --rejects are for APIs; each file has its own rejects")
        if confirm:
            raise InputError("--confirm is for APIs; confirm each held file with --confirm-file NAME")
        flags = FilePullFlags(retry, frozenset(confirmed or ()), trial, as_json)
        pull_files(system, flags)
        return
    if retry or confirmed:
        raise InputError("--retry and --confirm-file are for files over SFTP")
    connector = make_connector(system)
    options = pull.PullOptions(full=full, full_after=timedelta(days=full_days), confirm=confirm)
    with open_session() as session, show_progress() as report:
        index, viewer = session.index, session.viewer
        if trial:
            preview = pull.preview_pull(index, viewer, system, connector, options, report)
            if rejects is not None:
                write_csv(rejects, REJECT_HEADER, list_reject_rows(preview.load.receipt.rejects))
            _show_preview(preview, index.matcher.model, as_json=as_json)
            return
        receipt = pull.pull(index, viewer, system, connector, options, report)
        capacity_excess = model_capacity.find_capacity_excess(index, viewer)
    warn_of_capacity(capacity_excess, index.matcher.model)
    _show_result(session.rejects_folder, receipt, rejects, as_json=as_json)


def _show_preview(preview: PullPreview, model: MatchModel, *, as_json: bool) -> None:
    """Print what a pull would do."""
    if not as_json:
        print_facts(
            {
                "pulled": "every record" if preview.is_full else "what has changed",
                "removed": preview.removed,
                "given another local ID": preview.renamed,
            }
        )
        if preview.renamed:
            print_note("records that would get another local ID are shown as new ones")
    show_dry_run(preview.profile, preview.load, model, as_json=as_json)


def _show_result(folder: Path, receipt: PullReceipt, rejects: Path | None, *, as_json: bool) -> None:
    """Show the receipt of a pull, and exit with its code.

    The pull is already stored, so the receipt is printed even if the rejected rows cannot be written.
    """
    load, rejects_path = receipt.load, None
    try:
        if load.rejects:
            rejects_path = write_rejects(folder, load, rejects)
    finally:
        _show_receipt(receipt, rejects_path, as_json=as_json)
    if receipt.rename_step is not None:
        print_note(f"mpi undo {receipt.rename_step} --step takes the new local IDs back")
    if not receipt.has_advanced:
        print_note("the next pull repeats this one")
    report_outcome(load, rejects_path)
    if load.received == 0:
        print_note("nothing has changed since the last pull")


def _show_receipt(receipt: PullReceipt, rejects_path: Path | None, *, as_json: bool) -> None:
    """Print the receipt of a pull."""
    facts = {
        "full": receipt.is_full,
        "removed": receipt.removed,
        "renamed": receipt.renamed,
        "rename_claims": receipt.rename_claims,
        "rename_step": receipt.rename_step,
        "advanced": receipt.has_advanced,
    }
    if as_json:
        print_json(receipt_to_dict(receipt.load, 0, rejects_path) | facts)
        return
    print_facts(
        {
            "pulled": "every record" if receipt.is_full else "what has changed",
            "removed": receipt.removed,
            "given another local ID": receipt.renamed,
            "new local IDs that another record has": receipt.rename_claims,
        }
    )
    show_receipt(receipt.load, 0, rejects_path, as_json=False)
