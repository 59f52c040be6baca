"""Command line of the training tools: ``python -m training``."""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

from mpi.domain.errors import MpiError

COMMANDS = {
    "simulate": "training.simulate.command",
    "fit": "training.fit.command",
    "evaluate": "training.evaluate.command",
    "publish": "training.publish.command",
    "revise": "training.publish.revise_command",
    "plots": "training.publish.plots_command",
    "practice": "training.practice.command",
    "wrap": "training.wrap.command",
}
"""Command names with the modules whose ``run`` functions implement them.

A module is imported only when its command is called: some load Splink, which the simulator does not
need.
"""


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """Build the command-line application with the called command, or all commands.

    Args:
        arguments: command line without the program name; its first word may be a command.
    """
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
    # With a callback, a single command keeps its name on the command line.
    app.callback()(_describe_commands)
    requested = [name for name in COMMANDS if name in arguments[:1]]
    for name in requested or COMMANDS:
        app.command(name)(import_module(COMMANDS[name]).run)
    return app


def _describe_commands() -> None:
    """Simulate, fit, evaluate and publish models."""


def main() -> None:
    """Run the training command line; print an error and exit with 1."""
    try:
        build_app(sys.argv[1:])()
    except MpiError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
