"""Command ``mpi serve``: serve the API and pages."""

from contextlib import suppress
from typing import Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.output import print_note


def run(
    host: Annotated[
        str | None, typer.Option(help="127.0.0.1, ::1 or localhost; MPI_HOST by default.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; MPI_PORT by default.")] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Number of worker processes; use one for each core.")
    ] = 1,
) -> None:
    """Serve the API and pages on this machine.

    The server listens on this machine only. Ctrl-C stops it after open requests are answered.
    """
    from mpi.api.server import serve
    from mpi.api.server import workers as worker_processes

    with open_session() as session, suppress(KeyboardInterrupt):
        address = session.settings.host if host is None else host
        number = session.settings.port if port is None else port
        print_note(f"serving on {address}, port {number}; Ctrl-C stops it")
        if workers == 1:
            serve.serve(session.index, address, number)
        else:
            session.index.database.dispose()
            worker_processes.serve_with(address, number, workers)
