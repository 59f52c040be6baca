"""A load's receipt, for people and programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mpi.cli.output import print_facts, print_json, print_table

if TYPE_CHECKING:
    from mpi.service.loads.receipt import Receipt
    from mpi.service.loads.row_intake import Reject

REJECT_HEADER = ("line", "offset", "field", "reason", "detail")
"""Columns of a rejects file, which holds no text of the rows."""


def list_reject_rows(rejects: Iterable[Reject]) -> Iterator[tuple[object, ...]]:
    """The rows of a rejects file."""
    return ((reject.line, reject.offset, reject.field, reject.reason, reject.detail) for reject in rejects)


def show_receipt(receipt: Receipt, skipped: int, rejects_path: Path | None, *, as_json: bool) -> None:
    """Print a receipt.

    Args:
        receipt: the receipt.
        skipped: rows of the file that were not asked for.
        rejects_path: where the rejected rows are listed.
        as_json: for programs.
    """
    if as_json:
        print_json(receipt_to_dict(receipt, skipped, rejects_path))
        return
    print_facts({"source": receipt.source, "batch": receipt.batch, "status": receipt.status})
    show_counts(receipt, skipped)


def receipt_to_dict(receipt: Receipt, skipped: int, rejects_path: Path | None) -> dict[str, object]:
    """A receipt as plain values."""
    return {
        "source": receipt.source,
        "batch": receipt.batch,
        "status": receipt.status,
        "held_reason": receipt.held_reason,
        **receipt.counts,
        "spared": receipt.spared,
        "passed_over": skipped,
        "issues": dict(sorted(receipt.issues.items())),
        "rejects_file": None if rejects_path is None else str(rejects_path),
    }


def show_counts(receipt: Receipt, skipped: int) -> None:
    """Print the sum that every load keeps to, and the quality issues."""
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
