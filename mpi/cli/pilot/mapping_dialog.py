"""Dialog about a proposed mapping, on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from mpi.cli.output import print_note, print_table

if TYPE_CHECKING:
    from mpi.intake.proposal.proposal import Proposal


def show_columns(proposal: Proposal) -> None:
    """Print what each column probably means."""
    origin = "" if proposal.starter is None else f"; it looks like {proposal.starter.title}"
    sample = proposal.sample
    print_note(f"{sample.name}: {sample.form.describe()}, {len(sample.columns)} columns{origin}")
    print_table(
        ("column", "becomes", "sure", "filled", "commonest shapes", "because"),
        [
            (
                column.column,
                column.target or "left out",
                f"{column.confidence:.0%}" if column.target else "",
                column.filled,
                ", ".join(column.shapes),
                column.reason,
            )
            for column in proposal.columns
        ],
    )


def ask_unclear(proposal: Proposal) -> dict[str, str]:
    """Ask a person what the unclear columns mean."""
    from mpi.intake.proposal.columns import list_unclear  # noqa: PLC0415 - --help needs no proposal
    from mpi.intake.proposal.starters import IGNORE  # noqa: PLC0415 - as above

    choices: dict[str, str] = {}
    for column in list_unclear(proposal.columns):
        shapes = " or ".join(column.shapes) or "no value"
        answer = typer.prompt(
            f"Column {column.column!r} ({shapes}): {column.reason}. Field, or {IGNORE}",
            default=column.target,
            err=True,
        )
        choices[column.column] = str(answer).strip()
    return choices


def leave_out_unclear(proposal: Proposal) -> dict[str, str]:
    """Return the choice to leave out each unclear column."""
    from mpi.intake.proposal.columns import list_unclear  # noqa: PLC0415 - --help needs no proposal
    from mpi.intake.proposal.starters import IGNORE  # noqa: PLC0415 - as above

    return {column.column: IGNORE for column in list_unclear(proposal.columns)}


def print_proposal_notes(proposal: Proposal) -> None:
    """Print what a person should know of the proposal."""
    if proposal.sample.unread:
        print_note(
            f"{proposal.sample.unread:,} rows are totals or cannot be read; mpi ingest --dry-run lists them"
        )
    if proposal.lacks_local_id:
        print_note("no column tells the rows apart: the row number is the local ID")
    if proposal.lacks_state:
        print_note("the state that gives the student IDs is not known: give --state, the same for all files")
    if any(column.target in {"ssn", "ssn_last4"} for column in proposal.columns):
        print_note("Social Security numbers become tokens; --column NAME=ignore leaves them out")
