"""Command ``mpi metrics``: figures of the index for Prometheus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import print_lines


def run(
    out: Annotated[
        Path | None,
        typer.Option(help="File that is replaced at once, for node_exporter's textfile collector."),
    ] = None,
) -> None:
    """Print figures of the index for Prometheus.

    They are checks, times of loads, of the ledger's signature and of backups, and published counts.
    """
    from mpi.api.middleware.index_metrics import render_index_metrics

    with open_session(for_look_up=True) as session:
        text = render_index_metrics(session.index, session.viewer, session.settings.backup_folder)
    if out is None:
        print_lines(text.splitlines())
        return
    _replace(out, text)


def _replace(path: Path, text: str) -> None:
    """Write a file that a reader sees whole, before or after."""
    from mpi.domain.errors import StoreError

    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text)
        part.chmod(0o644)
        part.replace(path)
    except OSError as error:
        raise StoreError(f"--out: the file cannot be written: {error.strerror}") from None
