"""Printing of a load's receipt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import print_facts, print_json, print_note, print_table
from mpi.cli.output_files import write_csv

if TYPE_CHECKING:
    from mpi.service.loads.receipt import Receipt
    from mpi.service.loads.row_intake import Reject

REJECT_HEADER = ("line", "offset", "field", "reason", "detail", "local_id", "file")
"""Columns of a file of rejected rows, which holds no text of the rows but their local ID.

The file's name stands there where several were loaded as one.
"""


def list_reject_rows(rejects: Iterable[Reject]) -> Iterator[tuple[object, ...]]:
    """Yield the lines of a CSV file of a load's rejected rows."""
    return (
        (
            reject.line,
            reject.offset,
            reject.field,
            reject.reason,
            reject.detail,
            reject.local_id,
            reject.file,
        )
        for reject in rejects
    )


def write_rejects(folder: Path, receipt: Receipt, path: Path | None) -> Path:
    """Write a load's rejected rows as CSV.

    Args:
        folder: the folder of rejected rows.
        receipt: the load's receipt.
        path: the file; None for one in the folder.

    Returns:
        The file.
    """
    file = path or folder / f"{receipt.batch}.csv"
    if path is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_csv(file, REJECT_HEADER, list_reject_rows(receipt.rejects))
    return file


def report_outcome(receipt: Receipt, rejects_path: Path | None) -> None:
    """Print notes on a load; exit with its code."""
    for number in receipt.unfinished:
        print_note(
            f"load {number} of this source is not done: it is at work, or was interrupted, and what it wrote "
            f"stands; mpi load undo {number} takes it back"
        )
    if receipt.drops_wait:
        print_note(
            "stored records may not be held any more, and are so many that a second person has to approve: "
            f"mpi holdings apply {receipt.source} --dry-run"
        )
    if receipt.rejects:
        print_note(f"{receipt.rejected:,} of {receipt.received:,} rows were rejected: see {rejects_path}")
    if receipt.status == "held":
        print_note(
            f"held, nothing was loaded: {receipt.held_reason} If it is right, run it again with --confirm"
        )
        raise typer.Exit(ExitCode.HELD)
    if receipt.rejected and receipt.rejected + receipt.withdrawn == receipt.received:
        raise typer.Exit(ExitCode.ALL_REJECTED)


def show_receipt(receipt: Receipt, skipped: int, rejects_path: Path | None, *, as_json: bool) -> None:
    """Print the receipt of a file load.

    Args:
        receipt: the receipt.
        skipped: number of rows that ``--where`` left out.
        rejects_path: the file of rejected rows.
        as_json: print JSON for programs.
    """
    if as_json:
        print_json(receipt_to_dict(receipt, skipped, rejects_path))
        return
    print_facts({"source": receipt.source, "batch": receipt.batch, "status": receipt.status})
    show_counts(receipt, skipped)


def receipt_to_dict(receipt: Receipt, skipped: int, rejects_path: Path | None) -> dict[str, object]:
    """Return a file load's receipt as JSON values."""
    return {
        "source": receipt.source,
        "batch": receipt.batch,
        "status": receipt.status,
        "held_reason": receipt.held_reason,
        **receipt.counts,
        "spared": receipt.spared,
        "newer": receipt.newer,
        "drops_wait": receipt.drops_wait,
        "passed_over": skipped,
        "issues": dict(sorted(receipt.issues.items())),
        "rejects_file": None if rejects_path is None else str(rejects_path),
    }


def show_counts(receipt: Receipt, skipped: int) -> None:
    """Print the row counts of a file load and its data-quality issues."""
    counts = receipt.counts
    received = counts.pop("received")
    parts = [(name, count) for name, count in counts.items() if count] or [("nothing", 0)]
    print_table(
        ("rows", "count"),
        [
            ("received", received),
            *((f"{'+' if position else '='} {name}", count) for position, (name, count) in enumerate(parts)),
        ],
    )
    if receipt.spared:
        print_facts({"absent, not withdrawn: a row could not be read": receipt.spared})
    if receipt.newer:
        print_facts({"absent, not withdrawn: its source stated it later": receipt.newer})
    if skipped:
        print_facts({"passed over, not asked for": skipped})
    if receipt.issues:
        issues = sorted(receipt.issues.items(), key=lambda item: (-item[1], item[0]))
        print_table(("quality issue", "records"), issues)
