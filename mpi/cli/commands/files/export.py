"""Command ``mpi export crosswalk``: export all enterprise IDs."""

from dataclasses import astuple
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.output_files import write_csv
from mpi.cli.progress import show_progress


class Purpose(StrEnum):
    """Purposes of a crosswalk export: operational or statistical."""

    OPERATIONAL = "operational"
    STATISTICAL = "statistical"


def crosswalk(
    out: Annotated[Path, typer.Option(help="The file to write, readable by its owner only.")],
    purpose: Annotated[
        Purpose, typer.Option(help="operational: enterprise IDs; statistical: IDs of a research partition.")
    ] = Purpose.OPERATIONAL,
    as_json: JsonFlag = False,
) -> None:
    """Export all enterprise IDs as CSV.

    The columns are source, local_id and enterprise_id. The file is written completely or not at all. With
    --purpose statistical the third column holds IDs that are drawn anew for each export, of a partition
    that misses fewer links and makes more false ones.
    """
    from mpi.service.persons import crosswalk_export
    from mpi.service.recluster import research_partition

    with open_session() as session, show_progress() as report:
        if purpose is Purpose.STATISTICAL:
            rows = research_partition.export_research_crosswalk(session.index, session.viewer, report)
        else:
            rows = crosswalk_export.export_crosswalk(session.index, session.viewer)
        count = write_csv(out, crosswalk_export.HEADER, (astuple(row) for row in rows))
    written = {"file": str(out), "rows": count}
    if as_json:
        print_json(written)
    else:
        print_facts(written)
        print_note("this file links agencies' records: send it only where an agreement permits")
