"""Import of each command only when it is run.

``mpi --help`` and shell completion need the name and help of every command, which the catalog holds, and no
code. A command module imports at its top only what its options need, and inside its functions what it runs:
``mpi COMMAND --help`` loads no database or matching library.
"""

import gc
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from mpi.cli.catalog import COMMANDS

_PACKAGE = "mpi.cli.commands"


class LazyGroup(TyperGroup):
    """Command group that imports a command's module only when it is run."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - Click's signature
        """Return the command names in the order of the catalog."""
        # Typer's own order puts groups last.
        order = [path.rpartition(" ")[2] for path in COMMANDS]
        return sorted(self.commands, key=order.index)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - Typer's Click is private
        """Import the named command in place of its placeholder, then resolve it."""
        path = f"{self.name or ''} {args[0]}".strip()
        entry = COMMANDS.get(path)
        if entry is not None and entry.target is not None:
            self.add_command(_load(args[0], entry.target), args[0])
        return super().resolve_command(ctx, args)


def add_commands(root: typer.Typer) -> None:
    """Add to the application a placeholder for every command of the catalog."""
    groups = {"": root}
    for path, entry in COMMANDS.items():
        group, _, name = path.rpartition(" ")
        if entry.target is None:
            groups[name] = typer.Typer(cls=LazyGroup, help=entry.help, rich_markup_mode=None)
            root.add_typer(groups[name], name=name)
        else:
            groups[group].command(name, help=entry.help)(_placeholder)


def _placeholder() -> None:
    """Stand in for a command-line command until its module is imported."""


def _load(name: str, target: str) -> Any:  # noqa: ANN401 - Typer's Click is private
    """Import a command and return it as Click's command object."""
    module, _, function = target.partition(":")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(getattr(import_module(f"{_PACKAGE}.{module}"), function))
    return typer.main.get_command(app)


class PausedCollection:
    """Context in which Python's garbage collector is paused.

    Nothing that an import makes is garbage, and collections take a fifth of the time of a command's imports.
    ``opened`` resumes collection once the imports are done.
    """

    def __init__(self) -> None:
        self._was_enabled = gc.isenabled()

    def __enter__(self) -> None:
        """Pause Python's garbage collector."""
        gc.disable()

    def __exit__(self, *_error: object) -> None:
        """Leave the garbage collector as it was before."""
        (gc.enable if self._was_enabled else gc.disable)()
