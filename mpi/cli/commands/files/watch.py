"""Command ``mpi watch``: load files that are put into a folder."""

from __future__ import annotations

import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from mpi.cli.command_session import open_session
from mpi.cli.exit_codes import ExitCode
from mpi.cli.file_folders.drop_folder import DropFolder, FileLoad
from mpi.cli.output import print_note
from mpi.domain.errors import InputError, MpiError
from mpi.domain.snapshot import Snapshot

_UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")


def run(
    folder: Annotated[Path, typer.Argument(help="The folder into which files are put.")],
    *,
    source: Annotated[str, typer.Option(help="Code of the files' source.")],
    mapping: Annotated[str | None, typer.Option(help="Mapping of the files, as mpi ingest takes it.")] = None,
    snapshot: Annotated[
        Snapshot, typer.Option(help="full: withdraw records missing from a file; delta: do not.")
    ] = Snapshot.DELTA,
    once: Annotated[bool, typer.Option("--once", help="Load what is there, and end.")] = False,
    settle: Annotated[
        float, typer.Option(min=0, help="Seconds for which a file must not have changed.")
    ] = 10.0,
    interval: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 5.0,
) -> None:
    """Load files that are put into a folder, one by one.

    A file is loaded as mpi ingest loads it, oldest first, once it is written. It is then moved to the folder
    done, or to failed with the reason in its receipt. Each file gets a receipt, and its rejected rows if it
    has some. A load that is held fails: look at it, and load it with mpi ingest --confirm. Files stay where
    they are while the index cannot be used, and are tried again.
    """
    from mpi.intake import mapping_reader

    if not folder.is_dir():
        raise InputError(f"{folder}: this is no folder")
    layout = None if mapping is None else mapping_reader.load_mapping(mapping)
    layout = mapping_reader.narrow_mapping(layout, (), full=snapshot is Snapshot.FULL)
    drop_folder, load = DropFolder(folder), FileLoad(source, layout, snapshot)
    drop_folder.make_subfolders()
    with drop_folder.lock():
        if not once:
            print_note(f"watching {folder}; Ctrl-C stops it")
            _watch(drop_folder, load, settle, interval)
        failed = _load_settled(drop_folder, load, settle)
    if failed:
        raise typer.Exit(ExitCode.UNSOUND)


def _watch(folder: DropFolder, load: FileLoad, settle_s: float, interval_s: float) -> NoReturn:
    """Load settled files at each look, until the process is stopped."""
    noted = ""
    while True:
        try:
            _load_settled(folder, load, settle_s)
            noted = ""
        except MpiError as error:
            # No fault of a file: the database may be away, or the agreement have lapsed.
            if str(error) != noted:
                print_note(f"files wait in the folder, and each look tries them again: {error}")
            noted = str(error)
        time.sleep(interval_s)


def _load_settled(folder: DropFolder, load: FileLoad, settle_s: float) -> int:
    """Load the files that are complete, and count those that failed."""
    files = _list_settled(folder.path, settle_s)
    return sum(not _load_file(folder, file, load) for file in files if file.exists())


def _list_settled(folder: Path, settle_s: float) -> list[Path]:
    """Return the files that nobody writes any more, oldest first."""
    now = time.time()
    files = []
    for path in folder.iterdir():
        if path.name.startswith(".") or path.suffix.lower() in _UNFINISHED:
            continue
        with suppress(FileNotFoundError):  # its sender may remove it at any time
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and now - status.st_mtime >= settle_s:
                files.append((status.st_mtime, path.name, path))
    return [path for _, _, path in sorted(files)]


def _load_file(folder: DropFolder, file: Path, load: FileLoad) -> bool:
    """Load one file, and return whether it was loaded."""
    with open_session() as session:
        outcome = folder.load_file(file, lambda path: load.run(session, path), (InputError,))
    print_note(f"{file.name}: {outcome.status}{f': {outcome.reason}' if outcome.reason else ''}")
    return outcome.is_loaded
