"""``python -m training``: simulate a state, fit a model, evaluate it, publish it."""

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
    "plots": "training.publish.plots_command",
    "practice": "training.practice.command",
    "wrap": "training.wrap.command",
}
"""Each command and the module whose ``run`` it is; add yours here.

A module is imported only when its command is asked for: some load Splink, which simulating does not need.
"""


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """The application, with the command that was asked for, or with all of them."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
    # A callback keeps the name of a lone command on the command line.
    app.callback()(_describe_commands)
    asked = [name for name in COMMANDS if name in arguments[:1]]
    for name in asked or COMMANDS:
        app.command(name)(import_module(COMMANDS[name]).run)
    return app


def _describe_commands() -> None:
    """Make, train, judge and publish models."""


def main() -> None:
    """Run the command; one line on error, and exit code 1."""
    try:
        build_app(sys.argv[1:])()
    except MpiError as fault:
        sys.stderr.write(f"error: {fault}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
