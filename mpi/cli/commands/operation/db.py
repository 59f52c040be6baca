"""Commands ``mpi db …``: upgrade or check the schema, report a restore."""

from typing import Annotated

import typer

from mpi.cli.command_session import read_settings
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_lines, print_note

_ADVICE = {
    "missing": "there is no index here yet: run mpi init",
    "behind": "the database is of an older version: back it up, then run mpi db upgrade",
    "newer": "the database is from a newer version of the program: install that version",
    "restoring": "a restore has not ended: run mpi restore again, with the same backup",
    "current": "the database differs from what this version declares: restore a backup",
}


def upgrade(as_json: JsonFlag = False) -> None:
    """Upgrade the database schema to this version."""
    from mpi.composition import databases

    before = databases.upgrade_database(read_settings())
    facts = {"before": before.value, "now": "current"}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def check(as_json: JsonFlag = False) -> None:
    """Check the database schema against this version.

    Exits 1 if the schema is of another version or differs from what the version declares.
    """
    from mpi.composition import databases

    state, differences = databases.check_database(read_settings())
    facts = {"state": state.value, "differences": differences}
    if as_json:
        print_json(facts)
    else:
        print_facts({"state": state.value, "differences": len(differences)})
    if state.value != "current" or differences:
        print_note(_ADVICE[state.value])
        raise typer.Exit(ExitCode.UNSOUND)


def restored(as_json: JsonFlag = False) -> None:
    """Tell the index that it was restored from a backup.

    The orders to seal, unseal and expunge that were given since the backup are applied, and records that
    minimum holdings do not cover are dropped (``mpi holdings list`` counts them). The change feed gets
    a new generation, at which its readers start over, because what they read after the backup was made is not
    in the index.
    """
    from mpi import bootstrap

    generation, applied = bootstrap.note_restore(read_settings())
    facts = {"generation": generation, "orders": applied}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def orders(
    write: Annotated[
        bool, typer.Option("--write", help="Write the orders file anew, where it is lost for good.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check the orders file, or write it anew from the database.

    The file holds the orders to seal, unseal and expunge outside the database.
    """
    from mpi import bootstrap

    settings = read_settings()
    count = bootstrap.make_orders_file(settings) if write else bootstrap.count_orders(settings)
    facts = {"file": str(settings.orders_path), "orders": count}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def grants(
    role: Annotated[str, typer.Option(help="The role that serves, such as mpi_serve.")],
    apply: Annotated[bool, typer.Option("--apply", help="Run the statements, as the owner.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print or apply the rights of a role that serves the index.

    On the disclosure ledger the role may only read and append. PostgreSQL only.
    """
    from mpi.composition import databases

    statements = databases.list_ledger_grants(read_settings(), role, is_applied=apply)
    if as_json:
        print_json({"applied": apply, "statements": statements})
    else:
        print_lines(f"{statement};" for statement in statements)
