"""Command ``mpi simulate``: try other match thresholds."""

from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json
from mpi.cli.progress import show_progress

Threshold = Annotated[
    float | None, typer.Option(metavar="BITS", help="Threshold to try; the one in force by default.")
]


def run(
    link: Threshold = None,
    review: Threshold = None,
    margin: Threshold = None,
    cohesion: Threshold = None,
    as_json: JsonFlag = False,
) -> None:
    """Try other match thresholds without storing anything.

    All persons are computed again, and the changes and review tasks are counted.
    """
    from mpi.service.recluster import threshold_simulation

    with open_session() as session, show_progress() as report:
        simulation = threshold_simulation.simulate_thresholds(
            session.index,
            session.viewer,
            threshold_simulation.TrialThresholds(link, review, margin, cohesion),
            report,
        )
    if as_json:
        print_json(asdict(simulation))
    else:
        print_facts({name.replace("_", " "): value for name, value in asdict(simulation).items()})
