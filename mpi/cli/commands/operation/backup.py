"""Command ``mpi backup``: write the index into one encrypted file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.command_session import read_settings
from mpi.cli.output import JsonFlag, print_facts, print_json
from mpi.cli.output_files import check_output_file
from mpi.domain import clock
from mpi.domain.errors import InputError

_DAY_S = 86_400
_NAME = "mpi-*.age"


def run(
    file: Annotated[Path | None, typer.Argument(help="The new file; its name best ends with .age.")] = None,
    *,
    folder: Annotated[
        Path | None, typer.Option(help="Folder for a file named after the time, instead of FILE.")
    ] = None,
    keep_days: Annotated[
        int | None, typer.Option(min=1, help="With --folder: delete backups that are older.")
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(help="Public key whose private key opens the backup; may be repeated."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the index, its models and its settings into one encrypted file.

    It holds one moment of the shared index and of every scope, and no key. Others may use the index
    meanwhile. The file gets its name when it is whole and on the disk.
    """
    from mpi.composition.backups import list_recipients, make_backup
    from mpi.storage.backup.archive import parse_recipients

    settings = read_settings()
    if (file is None) == (folder is None):
        raise InputError("name a FILE, or a folder with --folder")
    if keep_days is not None and folder is None:
        raise InputError("--keep-days needs --folder")
    path = file or (folder or Path()) / f"mpi-{clock.now().strftime('%Y-%m-%dT%H%M%SZ')}.age"
    check_output_file(path, "backup")
    description = make_backup(settings, path, parse_recipients(list_recipients(settings, recipient or [])))
    deleted = 0 if folder is None or keep_days is None else _delete_old(folder, keep_days, path)
    facts = {
        "file": str(path),
        "bytes": path.stat().st_size,
        "scopes": list(description["scopes"]),
        "deleted": deleted,
    }
    if as_json:
        print_json(facts)
    else:
        print_facts(facts | {"scopes": ", ".join(description["scopes"])})


def _delete_old(folder: Path, keep_days: int, latest: Path) -> int:
    """Delete older backups of a folder; return their number.

    The one that was just made stays.
    """
    limit = time.time() - keep_days * _DAY_S
    old = [path for path in folder.glob(_NAME) if path != latest and path.stat().st_mtime < limit]
    for path in old:
        path.unlink()
    return len(old)
