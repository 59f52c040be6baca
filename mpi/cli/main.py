"""Entry point of the ``mpi`` command line."""

import gc
import os
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from mpi import __version__
from mpi.cli.exit_codes import CommandInterrupt, ExitCode, ExitMessage, OutputPipeClosed, describe_error
from mpi.cli.lazy_commands import LazyGroup, PausedCollection, add_commands

PROGRAM = "mpi"


class _RootGroup(LazyGroup):
    """Root command of ``mpi`` that turns Ctrl-C and closed pipes into errors."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's Click is private
        """Run the command with the garbage collector paused during imports."""
        # Typer itself would end the process on these two errors.
        try:
            with PausedCollection():
                return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise CommandInterrupt(undone=False) from interrupt
        except BrokenPipeError as closed:
            raise OutputPipeClosed from closed


def build_app() -> typer.Typer:
    """Create the command-line application."""
    app = typer.Typer(cls=_RootGroup, invoke_without_command=True, rich_markup_mode=None)
    app.callback()(_show_root)
    add_commands(app)
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command of ``mpi``.

    Args:
        arguments: what follows ``mpi`` on the command line.

    Returns:
        The exit code. An error was printed in one line on standard error.
    """
    command = typer.main.get_command(build_app())
    try:
        result = command.main(list(arguments), PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _report_exit(_describe_usage_error(error))
    except BrokenPipeError:
        return _report_exit(ExitMessage(ExitCode.PIPE_CLOSED, ""))
    except Exception as error:  # noqa: BLE001 - every error becomes one line
        if os.environ.get("MPI_DEBUG") == "1":
            traceback.print_exception(error)
        return _report_exit(describe_error(error))
    return result if isinstance(result, int) else ExitCode.DONE


def main() -> None:
    """Run ``mpi`` as a console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that cannot show a letter gets an escape sequence instead of an error.
            stream.reconfigure(errors="backslashreplace")
    # Only the owner may read the database, temporary files and models.
    os.umask(0o077)
    code = run(sys.argv[1:])
    # A last garbage collection of the heap of a load would take some tenths of a second.
    gc.freeze()
    sys.exit(code)


def _show_root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Which records, in which agencies, are the same child."""
    if version:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _describe_usage_error(error: typer.TyperException) -> ExitMessage:
    """Return exit code and error line for an invalid command line."""
    context = getattr(error, "ctx", None)
    path = PROGRAM if context is None else context.command_path
    message = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    stop = "" if message.endswith("?") else ";"
    return ExitMessage(ExitCode.USAGE, f"{message}{stop} see {path} --help")


def _report_exit(fault: ExitMessage) -> int:
    """Print a command's error line and return its exit code."""
    if fault.code is ExitCode.PIPE_CLOSED:
        # The interpreter flushes standard output again at exit: send it to the null device.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if fault.line:
        sys.stderr.write(f"{PROGRAM}: {fault.line}\n")
    return fault.code
