"""Command ``mpi init``: create an index."""

from typing import Annotated

import typer

from mpi.cli.command_session import read_settings
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.domain.errors import InputError
from mpi.domain.source import SHARED_SCOPE

_NEXT = (
    ("mpi source add CODE", "for each system that sends records"),
    ("mpi ingest FILE --source CODE --dry-run", "to look at a file before it is loaded"),
    ("mpi serve", "to serve the API on this machine"),
)


def run(
    test: Annotated[
        bool, typer.Option("--test", help="Create a test index, whose enterprise IDs begin with T.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Create a new index and its first API key.

    The index is created in MPI_HOME. The API key is shown once and stored only as a hash.
    """
    from mpi import bootstrap

    settings = read_settings()
    if settings.scope != SHARED_SCOPE:
        raise InputError(
            "a scope is created with mpi scope add, beside the shared index: leave MPI_SCOPE out"
        )
    index, key = bootstrap.init_index(settings, is_test=test)
    index.database.dispose()
    facts = {
        "home": str(settings.home),
        "model": index.matcher.model.ref,
        "test": test,
        "api_key": key,
    }
    if as_json:
        print_json(facts)
        return
    print_facts({name.replace("_", " "): value for name, value in facts.items()})
    print_note("the API key is shown this once: keep it where keys are kept")
    print_note("back up secret.key with the database: neither is of use without the other")
    print_table(("next", ""), _NEXT)
