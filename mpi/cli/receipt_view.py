"""Printing of a load's receipt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mpi.cli.output import print_facts, print_json, print_table

if TYPE_CHECKING:
    from mpi.service.loads.receipt import Receipt
    from mpi.service.loads.row_intake import Reject

REJECT_HEADER = ("line", "offset", "field", "reason", "detail")
"""Columns of a file of rejected rows, which holds no text of the rows."""


def list_reject_rows(rejects: Iterable[Reject]) -> Iterator[tuple[object, ...]]:
    """Yield the lines of a CSV file of a load's rejected rows."""
    return ((reject.line, reject.offset, reject.field, reject.reason, reject.detail) for reject in rejects)


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
    if skipped:
        print_facts({"passed over, not asked for": skipped})
    if receipt.issues:
        issues = sorted(receipt.issues.items(), key=lambda item: (-item[1], item[0]))
        print_table(("quality issue", "records"), issues)
