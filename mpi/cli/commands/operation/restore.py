"""Command ``mpi restore``: restore a backup into an empty place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import CommandSession, read_settings
from mpi.cli.commands.operation.verify import IndexReport, show_all, verify_all
from mpi.cli.engine_options import select_engine
from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note
from mpi.cli.progress import show_progress
from mpi.domain.viewer import make_operator

if TYPE_CHECKING:
    from mpi.config import Settings


def run(
    file: Annotated[Path, typer.Argument(help="The backup.")],
    *,
    identity: Annotated[Path, typer.Option(help="File of the private key that opens it.")],
    orders_lost: Annotated[
        bool, typer.Option("--orders-lost", help="Write the orders file anew, where it is lost for good.")
    ] = False,
    keep_unsound: Annotated[
        bool, typer.Option("--keep-unsound", help="Open the index although it breaks a law.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Restore a backup into an empty place, and verify it.

    The keys of the index and its orders file have to be there before. Until everything has been written and
    verified, no command opens the index. An interrupted restore begins again when the command is run again.
    Exits 1 if a law is broken.
    """
    from mpi.composition import backups
    from mpi.storage.backends.restore_mark import open_marked
    from mpi.storage.backup.archive import read_identities

    settings = read_settings()
    with backups.open_backup(file, read_identities(identity)) as (description, parts):
        backups.check_place(settings, description, orders_lost=orders_lost)
        backups.place_backup(settings, description, parts)
    with open_marked():
        backups.upgrade_restored(settings, description)
        restored = _note_restores(settings, list(description["scopes"]), orders_lost=orders_lost)
        reports = _verify(settings)
    is_sound = all(report.is_sound for report in reports)
    if is_sound or keep_unsound:
        backups.finish_place(settings)
    changed = _list_changed(description["settings"], backups.list_settings(settings))
    _show(description["made_at"], restored, reports, changed, as_json=as_json)
    if not is_sound:
        if not keep_unsound:
            print_note("the index stays closed: restore another backup, or open this one with --keep-unsound")
        raise typer.Exit(ExitCode.UNSOUND)


def _note_restores(settings: Settings, scopes: list[str], *, orders_lost: bool) -> dict[str, int]:
    """Begin a generation of each feed, and apply later orders.

    Returns the number of orders by scope.
    """
    from mpi import bootstrap

    applied = {}
    for scope in scopes:
        own = settings.model_copy(update={"scope": scope})
        if orders_lost and not own.orders_path.exists():
            bootstrap.make_orders_file(own)
        _, applied[scope] = bootstrap.note_restore(own)
    return applied


def _verify(settings: Settings) -> list[IndexReport]:
    """Check every index against its laws."""
    from mpi import bootstrap

    index = bootstrap.open_index(settings)
    try:
        with show_progress() as progress:
            session = CommandSession(settings, index, make_operator())
            return list(verify_all(session, progress, select_engine(None, None, None)))
    finally:
        index.database.dispose()


def _list_changed(former: dict[str, object], present: dict[str, object]) -> list[str]:
    """Return the settings whose value differs from that of the backup's time."""
    return sorted(name for name, value in former.items() if present.get(name) != value)


def _show(
    made_at: str, restored: dict[str, int], reports: list[IndexReport], changed: list[str], *, as_json: bool
) -> None:
    if as_json:
        print_json(
            {
                "made_at": made_at,
                "orders_applied": restored,
                "sound": all(report.is_sound for report in reports),
                "settings_that_differ": changed,
            }
        )
        return
    print_facts({"backup of": made_at, "orders applied": sum(restored.values())})
    show_all(reports, as_json=False)
    if changed:
        print_note(f"these settings differ from those of the backup: {', '.join(changed)}")
    print_note("load the files since the backup again; then mpi audit sign --restored REASON")
