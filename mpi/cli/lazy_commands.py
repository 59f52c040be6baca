"""Commands that are imported when they are run.

This is the one place that imports by name. ``mpi --help`` and shell completion need every command's name and
help, which the catalog has, and none of its code: some commands load Splink, which takes seconds.
"""

import gc
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from mpi.cli.catalog import COMMANDS


class LazyGroup(TyperGroup):
    """A group whose commands are stand-ins until one is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002
        """Names in the order of the catalog; Typer's own puts groups last."""
        order = [path.rpartition(" ")[2] for path in COMMANDS]
        return sorted(self.commands, key=order.index)

    # Typer has its own copy of Click, whose types are private: hence Any.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        """Put the real command in the place of its stand-in, then go on."""
        path = f"{self.name or ''} {args[0]}".strip()
        entry = COMMANDS.get(path)
        if entry is not None and entry.target is not None:
            self.add_command(_load(args[0], entry.target), args[0])
        return super().resolve_command(ctx, args)


def add_commands(root: typer.Typer) -> None:
    """Add a stand-in for every command of the catalog."""
    groups = {"": root}
    for path, entry in COMMANDS.items():
        group, _, name = path.rpartition(" ")
        if entry.target is None:
            groups[name] = typer.Typer(cls=LazyGroup, help=entry.help, rich_markup_mode=None)
            root.add_typer(groups[name], name=name)
        else:
            groups[group].command(name, help=entry.help)(_stand_in)


def _stand_in() -> None:
    """Nothing: the real command takes its place before it is run."""


def _load(name: str, target: str) -> Any:  # noqa: ANN401 - as above
    module, _, function = target.partition(":")
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(name)(getattr(_imported(module), function))
    return typer.main.get_command(app)


def _imported(name: str) -> Any:  # noqa: ANN401 - a module
    """A module; nothing that is imported is garbage, and to search for some takes a fifth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        return import_module(name)
    finally:
        if was:
            gc.enable()
