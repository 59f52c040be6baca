"""Commands ``mpi db …``: upgrade or check the schema, report a restore."""

import typer

from mpi.cli.command_session import read_settings
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note

_ADVICE = {
    "missing": "there is no index here yet: run mpi init",
    "behind": "the database is of an older version: back it up, then run mpi db upgrade",
    "newer": "the database is from a newer version of the program: install that version",
    "current": "the database differs from what this version declares: restore a backup",
}


def upgrade(as_json: JsonFlag = False) -> None:
    """Upgrade the database schema to this version."""
    from mpi import bootstrap

    before = bootstrap.upgrade_database(read_settings())
    facts = {"before": before.value, "now": "current"}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


def check(as_json: JsonFlag = False) -> None:
    """Check the database schema against this version.

    Exits 1 if the schema is of another version or differs from what the version declares.
    """
    from mpi import bootstrap

    state, differences = bootstrap.check_database(read_settings())
    facts = {"state": state.value, "differences": differences}
    if as_json:
        print_json(facts)
    else:
        print_facts({"state": state.value, "differences": len(differences)})
    if state.value != "current" or differences:
        print_note(_ADVICE[state.value])
        raise typer.Exit(ExitCode.UNSOUND)


def restored(as_json: JsonFlag = False) -> None:
    """Tell readers of the change feed that a backup was restored.

    The feed gets a new generation, at which its readers start over, because what they read after the backup
    was made is not in the index.
    """
    from mpi import bootstrap

    facts = {"generation": bootstrap.note_restore(read_settings())}
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)
