"""``mpi source``."""

from dataclasses import asdict
from typing import Annotated

import typer

from mpi.cli.output import JsonFlag, print_facts, print_json, print_table
from mpi.cli.session import opened
from mpi.service.sources import NewSource, SourceKind, add_source, list_sources

_COLUMNS = ("code", "name", "agency", "kind")


def add(
    code: Annotated[str, typer.Argument(help="1 to 64 letters, digits, '_', '-' or '.'.")],
    name: Annotated[str | None, typer.Option(help="What people call it; the code if not given.")] = None,
    agency: Annotated[str | None, typer.Option(help="Whose it is; the code if not given.")] = None,
    kind: Annotated[SourceKind, typer.Option(help="What sort of system it is.")] = SourceKind.OTHER,
    as_json: JsonFlag = False,
) -> None:
    """Add a source, whose records then may be loaded."""
    with opened() as session:
        source = asdict(add_source(session.index, session.viewer, NewSource(code, name, agency, kind)))
    shown = {column: source[column] for column in _COLUMNS}
    if as_json:
        print_json(shown)
    else:
        print_facts(shown)


def list_all(as_json: JsonFlag = False) -> None:
    """List the sources."""
    with opened() as session:
        sources = [asdict(source) for source in list_sources(session.index, session.viewer)]
    if as_json:
        print_json([{column: source[column] for column in _COLUMNS} for source in sources])
    else:
        print_table(_COLUMNS, [[source[column] for column in _COLUMNS] for source in sources])
