"""``python -m training``: make, train, judge and publish models."""

import sys
from collections.abc import Sequence
from importlib import import_module

import typer

COMMANDS = {
    "simulate": "training.simulate.command",
}
"""Each command and the module whose ``run`` it is. Imported only when asked for: some load Splink."""


def build(arguments: Sequence[str]) -> typer.Typer:
    """The application, with the command that was asked for, or with all of them."""
    app = typer.Typer(help="Make, train, judge and publish models.", no_args_is_help=True)
    app.callback()(_group)
    asked = [name for name in COMMANDS if name in arguments[:1]]
    for name in asked or COMMANDS:
        app.command(name)(import_module(COMMANDS[name]).run)
    return app


def _group() -> None:
    """Make, train, judge and publish models."""


def main() -> None:
    """Run the command named on the command line."""
    build(sys.argv[1:])()


if __name__ == "__main__":
    main()
