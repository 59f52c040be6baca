"""Pull of files from another system's folder, for ``mpi pull``."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.exit_codes import ExitCode
from mpi.cli.file_folders.drop_folder import DropFolder, FileLoad
from mpi.cli.output import print_facts, print_json, print_note, print_table
from mpi.domain.errors import InputError
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import SHARED_SCOPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mpi.connectors.connection import Connection
    from mpi.connectors.file_server import RemoteFile
    from mpi.connectors.sftp.options import SftpOptions
    from mpi.service.loads.receipt import Receipt
    from mpi.service.pulls.file_pull import FetchedFile, FileOutcome, FilePullOptions, FilePullResult

_INCOMING = "incoming"
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class FilePullFlags:
    """Options of the command for a pull of files.

    Args:
        retry: also take files that failed or were held before.
        confirmed: names of held files to load although a guard holds them.
        trial: list the new files and store nothing.
        as_json: print JSON for programs.
    """

    retry: bool
    confirmed: frozenset[str]
    trial: bool
    as_json: bool


def pull_files(connection: Connection, flags: FilePullFlags) -> None:
    """Load the new files of a folder, and exit with a code.

    Args:
        connection: the server, its folder, and the source of the files.
        flags: options of the command.
    """
    from mpi.connectors.registry import make_file_server  # noqa: PLC0415 - --help reads no connection
    from mpi.intake import mapping_reader  # noqa: PLC0415 - as above
    from mpi.service.pulls import file_pull  # noqa: PLC0415 - as above

    server = make_file_server(connection)
    settings = server.options
    layout = None if settings.mapping is None else mapping_reader.load_mapping(settings.mapping)
    layout = mapping_reader.narrow_mapping(layout, (), full=settings.snapshot is Snapshot.FULL)
    load = FileLoad(connection.source, layout, settings.snapshot)
    options = _make_options(settings, flags)
    with open_session() as session, server:
        if flags.trial:
            files = file_pull.list_new_files(
                session.index, session.viewer, connection.source, server, options
            )
            _show_new_files(files, as_json=flags.as_json)
            return
        folder = DropFolder(_make_folder(session, connection.source, settings.folder))
        folder.make_subfolders(with_done=settings.keeps_loaded)
        with folder.lock():
            pull = file_pull.FolderPull(
                source_code=connection.source,
                server=server,
                incoming=_make_incoming(folder.path),
                load=lambda file: _load(session, folder, load, file, keeps_loaded=settings.keeps_loaded),
                options=options,
                note=_print_outcome,
            )
            result = file_pull.pull_files(session.index, session.viewer, pull)
    _show_result(result, folder.path, as_json=flags.as_json)


def _make_options(settings: SftpOptions, flags: FilePullFlags) -> FilePullOptions:
    from mpi.service.pulls.file_pull import FilePullOptions  # noqa: PLC0415 - --help loads no service

    return FilePullOptions(
        settle_s=0 if settings.marker else settings.settle_s,
        loaded_path=settings.loaded_path,
        failed_path=settings.failed_path,
        retry=flags.retry,
        confirmed=flags.confirmed,
    )


def _make_folder(session: CommandSession, source: str, stated: Path | None) -> Path:
    """Return the scope's own local folder of receipts and failed files."""
    home = session.settings.home / "pulls"
    if session.settings.scope != SHARED_SCOPE:
        home /= session.settings.scope
    folder = stated or home / source
    try:
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    except FileExistsError:
        raise InputError(f"{folder}: this is no folder") from None
    return folder


def _make_incoming(folder: Path) -> Path:
    """Return the folder of copies, without what a killed pull has left."""
    incoming = folder / _INCOMING
    incoming.mkdir(mode=_PRIVATE, exist_ok=True)
    for left in incoming.iterdir():
        left.unlink()
    return incoming


def _load(
    session: CommandSession, folder: DropFolder, load: FileLoad, file: FetchedFile, *, keeps_loaded: bool
) -> FileOutcome:
    """Load a copy, and put it away with its receipt."""
    from mpi.service.pulls.file_pull import FileOutcome, FileStatus  # noqa: PLC0415 - --help loads no service

    def run_load(path: Path) -> tuple[Receipt, int]:
        return replace(load, as_of=file.as_of, confirm=file.is_confirmed).run(session, path)

    facts: dict[str, object] = {
        "bytes": file.remote.size,
        "modified": _format_time(file.remote.modified),
        "sha256": file.digest,
    }
    # Other errors, such as a database that is away, are no fault of the file: the next pull repeats it.
    outcome = folder.load_file(file.path, run_load, (InputError,), facts, keeps_loaded=keeps_loaded)
    return FileOutcome(file.remote.name, FileStatus(outcome.status), outcome.reason)


def _print_outcome(outcome: FileOutcome) -> None:
    """Print what became of a file, and why."""
    reasons = (reason.removeprefix(f"{outcome.name}: ") for reason in (outcome.reason, outcome.move_error))
    print_note("; ".join((f"{outcome.name}: {outcome.status}", *filter(None, reasons))))


def _show_new_files(files: Sequence[RemoteFile], *, as_json: bool) -> None:
    """Print the files that a pull would take."""
    rows = [(file.name, file.size, _format_time(file.modified)) for file in files]
    if as_json:
        print_json([dict(zip(("file", "bytes", "modified"), row, strict=True)) for row in rows])
    else:
        print_table(("file", "bytes", "modified"), rows)


def _show_result(result: FilePullResult, folder: Path, *, as_json: bool) -> None:
    """Print how a pull of files ended, and exit with its code."""
    counts = Counter(outcome.status.value for outcome in result.files)
    unmoved = sum(bool(outcome.move_error) for outcome in result.files)
    if as_json:
        files = [
            {
                "file": outcome.name,
                "status": outcome.status.value,
                "reason": outcome.reason or None,
                "move_error": outcome.move_error or None,
            }
            for outcome in result.files
        ]
        names = {"refused_names": result.refused_names, "skipped_names": result.skipped_names}
        print_json({"files": files, **names, "folder": str(folder)})
    else:
        print_facts({**counts, "receipts": str(folder)} if counts else {"new files": 0})
    if result.skipped_names:
        print_note(f"{result.skipped_names:,} names that fit the pattern are no files, and were left")
    if result.refused_names:
        print_note(
            f"{result.refused_names:,} files were left whose names are paths, too long, or hold characters "
            "that cannot be seen: have them renamed"
        )
    if counts["held"]:
        print_note("a held file is loaded by mpi pull --confirm-file NAME, if it is right")
        raise typer.Exit(ExitCode.HELD)
    if counts["failed"] or counts["refused"] or result.refused_names or unmoved:
        raise typer.Exit(ExitCode.UNSOUND)


def _format_time(modified: int) -> str | None:
    """Return a file's time at the other system; None if unknown."""
    return datetime.fromtimestamp(modified, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if modified else None
