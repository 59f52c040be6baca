"""Command ``mpi export labels``: export decided pairs for model fitting."""

from dataclasses import astuple, replace
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.output_files import write_csv
from mpi.domain.errors import InputError
from mpi.domain.viewer import PURPOSES


def run(
    out: Annotated[Path, typer.Option(help="The file to write, readable by its owner only.")],
    blind: Annotated[bool, typer.Option("--blind", help="Include the answers of blind reviews.")] = False,
    purpose: Annotated[str, typer.Option(help="Purpose of use, for the ledger.")] = "data_quality",
    as_json: JsonFlag = False,
) -> None:
    """Export decided pairs for fitting a model.

    The columns are left_source, left_local_id, right_source, right_local_id, label (SAME or DIFFERENT),
    decided_on and reason. The file is written completely or not at all.
    """
    from mpi.service.sampling import training_labels

    if purpose not in PURPOSES:
        raise InputError(f"--purpose: one of {', '.join(PURPOSES)}")
    with open_session() as session:
        viewer = replace(session.viewer, purpose=purpose)
        rows = training_labels.export_labels(session.index, viewer, with_blind=blind)
        count = write_csv(out, training_labels.HEADER, (astuple(row) for row in rows))
    written = {"file": str(out), "rows": count}
    if as_json:
        print_json(written)
    else:
        print_facts(written)
        print_note("this file links agencies' records: send it only where an agreement permits")
