"""Command ``mpi publish``, and the notes of commands that show published figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import print_note

if TYPE_CHECKING:
    from mpi.service.quality.publication import PublicationDay

CurrentFlag = Annotated[
    bool, typer.Option("--current", help="Show exact figures as they are now; do not pass them on.")
]
"""The option ``--current`` of commands that show published figures."""


def run() -> None:
    """Measure today's figures, which are published later."""
    from mpi.service.quality import publication

    with open_session() as session:
        is_new = publication.publish_figures(session.index, session.viewer)
        with session.index.database.read(session.viewer) as unit:
            day = publication.find_next_day(unit, session.index)
    if is_new:
        print_note(f"today's figures are measured; readers get them on {day}")
    else:
        print_note(f"today's figures were measured before; readers get them on {day}")


def print_publication(
    publication: PublicationDay | None, next_publication: str | None, figures: str = "figures"
) -> None:
    """Print of which day published figures are, and how exact.

    Prints nothing about current figures.

    Args:
        publication: when they are shown; None before the first.
        next_publication: day of the next figures; None if the figures are current.
        figures: name of the published figures, in the plural.
    """
    if next_publication is None:
        return
    if publication is None:
        print_note(f"the first {figures} are published on {next_publication} (--current shows exact ones)")
        return
    print_note(
        f"published {figures}, measured on {publication.as_of}, with noise, rounded to {publication.base}, "
        f"without counts below {publication.smallest_shown}"
    )
    if publication.missed_days:
        print_note(f"no {figures} were measured on the {publication.missed_days} days since")
