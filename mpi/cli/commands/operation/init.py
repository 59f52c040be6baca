"""Command ``mpi init``: create an index."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import read_settings
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.domain.errors import InputError
from mpi.domain.source import SHARED_SCOPE, check_scope_code
from mpi.domain.training_tools import find_training_tools

if TYPE_CHECKING:
    from mpi.config import Settings
    from mpi.service.core.index import Index

_NEXT = (
    ("mpi source add CODE", "for each system that sends records"),
    ("mpi ingest FILE --source CODE --dry-run", "to look at a file before it is loaded"),
    ("mpi serve", "to serve the API on this machine"),
)
_NEXT_IN_SCOPES = (
    ("export MPI_SCOPE=CODE", "to work with the index of one agency: the commands above"),
    ("mpi scope sync --follow", "without MPI_SCOPE: the shared index follows all scopes"),
)


def run(
    test: Annotated[
        bool, typer.Option("--test", help="Create a test index, whose enterprise IDs begin with T.")
    ] = False,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Add a scope of this code, such as education, for each agency."),
    ] = None,
    fit: Annotated[
        list[Path] | None,
        typer.Option(help="Fit a model to these files first, one for each source, such as sis.csv."),
    ] = None,
    mapping: Annotated[
        list[str] | None, typer.Option(help="With --fit: SOURCE=FILE, as for training fit.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Create a new index and its first API key.

    The index is created in MPI_HOME. With --scope, each agency gets an index of its own, which tells nothing
    of the others' records. API keys are shown once and stored only as hashes.
    """
    from mpi import bootstrap

    codes = list(dict.fromkeys(scope or ()))
    for code in codes:
        check_scope_code(code)
    settings = read_settings()
    if settings.scope != SHARED_SCOPE:
        raise InputError(
            "a scope is created with mpi scope add, beside the shared index: leave MPI_SCOPE out"
        )
    if mapping and not fit:
        raise InputError("--mapping says how to read the files of --fit: name these too")
    with _fit_model(settings, fit or (), mapping or ()) as own_settings:
        index, key = bootstrap.init_index(own_settings, is_test=test)
        try:
            scope_keys = {code: _add_scope(own_settings, index, code) for code in codes}
        finally:
            index.database.dispose()
    facts = {
        "home": str(settings.home),
        "model": index.matcher.model.ref,
        "test": test,
        "api_key": key,
    }
    if as_json:
        print_json(facts | ({"scopes": scope_keys} if codes else {}))
        return
    print_facts({name.replace("_", " "): value for name, value in facts.items()})
    if codes:
        print_table(("scope", "api key"), scope_keys.items())
    print_note("an API key is shown this once: keep it where keys are kept")
    print_note(
        "back up secret.key, token.key and payload.key apart from the database: it is of no use without them"
    )
    if not codes:
        print_note("agencies that may not see each other's records need scopes: see mpi scope add --help")
    print_table(("next", ""), _NEXT + (_NEXT_IN_SCOPES if codes else ()))


@contextmanager
def _fit_model(settings: Settings, files: Sequence[Path], mappings: Sequence[str]) -> Iterator[Settings]:
    """Fit a model to files, and yield settings that name it.

    The index keeps a copy of the model, so its folder is temporary. Without files the settings stay as they
    are.

    Raises:
        InputError: an index exists already, or no model could be fitted; the program has said why.
    """
    if not files:
        yield settings
        return
    tools = find_training_tools()
    if settings.model is not None:
        raise InputError("MPI_MODEL names a model already: leave it out, or --fit")
    if (settings.home / "secret.key").exists():
        raise InputError(f"{settings.home} holds an index already: fit a model with python -m {tools} fit")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        arguments = [argument for file in files for argument in ("--data", str(file))]
        arguments += [argument for pair in mappings for argument in ("--mapping", pair)]
        command = [sys.executable, "-m", tools, "fit", *arguments, "--out", str(model)]
        # The program of its own writes to standard output, which holds the result of this command.
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:  # noqa: S603 - our own program
            raise InputError("no model could be fitted, for the reason above; nothing was created")
        yield settings.model_copy(update={"model": str(model)})


def _add_scope(settings: Settings, shared_index: Index, code: str) -> str:
    """Add a scope to a new index; return its API key."""
    from mpi import bootstrap
    from mpi.domain.viewer import make_operator
    from mpi.service.scopes.registry import register_scope

    scope_index, key = bootstrap.init_scope(settings, code, is_test=shared_index.settings.is_test)
    scope_index.database.dispose()
    register_scope(shared_index, make_operator(), code, None)
    return key
