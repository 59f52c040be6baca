"""Printing of tables, JSON and notes.

Tables are for people and JSON for programs, on standard output; notes go to standard error.
JSON is printed without importing Rich.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON only.")]
"""The option ``--json`` of every command."""

_UNBOUNDED = 100_000
"""Width of output that is not a terminal, so that nothing is folded."""


def print_json(value: object) -> None:
    """Print one JSON value, in UTF-8 whatever the locale."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.flush()
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table; if too wide, print a list for each row."""
    from rich import box  # noqa: PLC0415 - see above
    from rich.table import Table  # noqa: PLC0415 - see above

    rows = list(rows)
    console = _create_console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(format_value(value) for value in row))
    if title:
        sys.stdout.write(f"{title}\n")
    if console.measure(table, options=console.options.update(width=_UNBOUNDED)).maximum <= console.width:
        _print_rich_table(console, table)
        return
    for row in rows:
        print_facts(dict(zip(columns, row, strict=True)))


def print_facts(facts: Mapping[str, object]) -> None:
    """Print pairs of name and value, one line each."""
    from rich.table import Table  # noqa: PLC0415 - see above

    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        grid.add_row(name, format_value(value))
    _print_rich_table(_create_console(), grid)


def show_facts(facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print pairs of name and value as JSON or as lines."""
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines of text as they are, in UTF-8 whatever the locale."""
    sys.stdout.flush()
    for line in lines:
        sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.buffer.flush()


def print_note(text: str) -> None:
    """Print a note for the user to standard error."""
    sys.stderr.write(f"mpi: {text}\n")


def format_value(value: object) -> str:
    """Format a Python value for people to read on the terminal."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.2f}"
        case tuple() | list():
            return ", ".join(format_value(item) for item in value)
        case _:
            return str(value)


def _print_rich_table(console: Console, table: Table) -> None:
    """Print a table without trailing spaces, and a blank line after it."""
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().strip("\n").split("\n")]
    sys.stdout.write("\n".join(lines).strip("\n") + "\n\n")


def _create_console() -> Console:
    """Create an in-memory console that draws tables."""
    from rich.console import Console  # noqa: PLC0415 - see above

    terminal = sys.stdout.isatty()
    return Console(
        # Rich would end the process at a closed pipe: let it draw in memory, so that our own write raises.
        file=io.StringIO(),
        force_terminal=terminal,
        markup=False,
        highlight=False,
        emoji=False,
        width=None if terminal else _UNBOUNDED,
        no_color=None if terminal else True,
    )
