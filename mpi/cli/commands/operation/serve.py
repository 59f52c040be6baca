"""Command ``mpi serve``: serve the API and pages."""

import gc
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session, read_settings
from mpi.cli.output import print_facts, print_note
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from mpi.service.core.index import Index


def run(
    host: Annotated[
        str | None,
        typer.Option(help="127.0.0.1, ::1 or localhost, or any IP address with TLS; MPI_HOST by default."),
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; MPI_PORT by default.")] = None,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Number of worker processes; use one for each core.")
    ] = 1,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate with its chain (PEM); MPI_TLS_CERT by default.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Private key, readable by its owner only; MPI_TLS_KEY by default.")
    ] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Serve a new index of made-up people, for vendors to try.")
    ] = False,
    sandbox_folder: Annotated[
        Path | None,
        typer.Option(help="Empty folder of the sandbox, which is kept; a temporary one by default."),
    ] = None,
) -> None:
    """Serve the API and pages on this machine.

    Without a certificate the server listens on this machine only. Ctrl-C stops it after open requests are
    answered. The sandbox never opens an index that exists.
    """
    if sandbox or sandbox_folder:
        if workers != 1 or tls_cert or tls_key:
            raise InputError(
                "--sandbox serves this machine from one process: leave --workers and --tls-… out"
            )
        _serve_sandbox(sandbox_folder, host, port)
        return
    from mpi.api.server import serve
    from mpi.api.server import workers as worker_processes
    from mpi.api.server.tls_files import open_tls_files

    with open_session() as session, suppress(KeyboardInterrupt):
        address = session.settings.host if host is None else host
        number = session.settings.port if port is None else port
        tls = open_tls_files(tls_cert or session.settings.tls_cert, tls_key or session.settings.tls_key)
        scheme = "http" if tls is None else "https"
        host_name = f"[{address}]" if ":" in address else address
        _print_first_link(session.index, session.settings.pages_url or f"{scheme}://{host_name}:{number}")

        def note_listening(bound_port: int) -> None:
            print_note(f"serving on {address}, port {bound_port}; Ctrl-C stops it")

        if workers == 1:
            serve.serve(session.index, address, number, tls=tls, on_listen=note_listening)
        else:
            session.index.database.dispose()
            worker_processes.serve_with(address, number, workers, tls, note_listening)


def _serve_sandbox(folder: Path | None, host: str | None, port: int | None) -> None:
    """Make a sandbox, print its API key, and serve it."""
    from mpi.sandbox.sandbox_index import open_sandbox
    from mpi.sandbox.server import serve_sandbox

    settings = read_settings()
    if settings.database_url is not None:
        raise InputError(
            "a sandbox never opens the database of MPI_DATABASE_URL: unset it, or leave --sandbox out"
        )
    address = settings.host if host is None else host
    number = settings.port if port is None else port
    # A service manager's end is like Ctrl-C: the temporary folder goes.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), open_sandbox(folder) as sandbox:
        gc.enable()  # the imports are done: see PausedCollection
        print_facts({"api key": sandbox.key, "folder": str(sandbox.folder)})
        print_note("sandbox: send made-up children only, never records of real ones")
        sys.stdout.flush()
        serve_sandbox(
            sandbox,
            address,
            number,
            lambda port: print_note(f"serving on {address}, port {port}; Ctrl-C stops it"),
        )


def _print_first_link(index: "Index", pages_url: str) -> None:
    """Print a link for the first account, if there is none."""
    from mpi.service.access.first_start.first_account import make_first_link

    token = make_first_link(index)
    if token is not None:
        print_note(
            "this index has no account: make the first one, of an operator, within 24 hours at "
            f"{pages_url.rstrip('/')}/first-account/{token}"
        )
