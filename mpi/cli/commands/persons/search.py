"""Command ``mpi search``: search for the person of a record."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mpi.cli.arguments import read_record
from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_json, print_note, print_table

if TYPE_CHECKING:
    from mpi.service.persons.search import SearchResult


def run(as_json: JsonFlag = False) -> None:
    """Search for the person whom a record describes.

    The record is one JSON object, as for mpi resolve. Nothing of it is stored.
    """
    from mpi.service.persons import search

    record = read_record()
    with open_session() as session:
        matches = search.search_persons(session.index, session.viewer, record)
    if as_json:
        print_json([asdict(match) for match in matches])
        return
    if not matches:
        print_note("nobody at or above the review threshold")
        return
    print_table(
        ("enterprise ID", "band", "bits", "probability", "why"),
        [
            (
                match.enterprise_id,
                match.band.value,
                match.match_weight,
                f"{match.probability:.4f}",
                _format_reasons(match),
            )
            for match in matches
        ],
    )


def _format_reasons(result: SearchResult) -> str:
    """Format a search match's comparisons with their weights, strongest first."""
    parts = sorted(
        (part for part in result.explanation if part.bits),
        key=lambda part: (-abs(part.bits), part.comparison),
    )
    return ", ".join(f"{part.comparison} {part.bits:+.1f}" for part in parts)
