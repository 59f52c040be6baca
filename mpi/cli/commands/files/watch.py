"""Command ``mpi watch``: load files that are put into a folder."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.exit_codes import CommandInterrupt, ExitCode, describe_error
from mpi.cli.output import print_note
from mpi.cli.output_files import write_csv, write_private_file
from mpi.cli.receipt_view import REJECT_HEADER, list_reject_rows, receipt_to_dict
from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, MpiError
from mpi.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from mpi.service.loads.receipt import Receipt

DONE, FAILED, REJECTS, RECEIPTS = "done", "failed", "rejects", "receipts"
_FOLDERS = (DONE, FAILED, REJECTS, RECEIPTS)
_LOCK = ".mpi-watch.lock"
_PRIVATE = 0o700
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
    has some. A load that is held fails: look at it, and load it with mpi ingest --confirm.
    """
    from mpi.intake import mapping_reader

    if not folder.is_dir():
        raise InputError(f"{folder}: this is no folder")
    layout = None if mapping is None else mapping_reader.load_mapping(mapping)
    layout = mapping_reader.narrow_mapping(layout, (), full=snapshot is Snapshot.FULL)
    for name in _FOLDERS:
        (folder / name).mkdir(mode=_PRIVATE, exist_ok=True)
    failed = 0
    with _locked(folder):
        if not once:
            print_note(f"watching {folder}; Ctrl-C stops it")
        while True:
            for file in _list_settled(folder, settle):
                failed += not _load_file(folder, file, source, layout, snapshot)
            if once:
                break
            time.sleep(interval)
    if failed:
        raise typer.Exit(ExitCode.UNSOUND)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep a second process from loading the same folder.

    Raises:
        ConflictError: another process watches the folder.
    """
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise ConflictError(f"{folder}: another process watches this folder") from None
    finally:
        os.close(descriptor)


def _list_settled(folder: Path, settle_s: float) -> list[Path]:
    """Return the files that nobody writes any more, oldest first."""
    now = time.time()
    files = []
    for path in folder.iterdir():
        if path.name.startswith(".") or path.suffix.lower() in _UNFINISHED or path.is_symlink():
            continue
        if path.is_file() and now - path.stat().st_mtime >= settle_s:
            files.append((path.stat().st_mtime, path.name, path))
    return [path for _, _, path in sorted(files)]


def _load_file(folder: Path, file: Path, source: str, layout: object, snapshot: Snapshot) -> bool:
    """Load one file, write its receipt, and move it.

    A file whose load is interrupted stays where it is, and its load goes on at the next start.

    Returns:
        Whether it was loaded.
    """
    moment = clock.format_timestamp(clock.now()).replace(":", "")
    name = f"{file.name}.{moment}"
    try:
        receipt, skipped = _ingest(file, source, layout, snapshot)
    except (CommandInterrupt, KeyboardInterrupt):
        raise
    except (MpiError, OSError) as error:
        content: dict[str, object] = {"file": file.name, "status": "failed"}
        content["reason"] = describe_error(error).line
        is_loaded = False
    else:
        rejects_path = folder / REJECTS / f"{name}.csv" if receipt.rejects else None
        if rejects_path is not None:
            write_csv(rejects_path, REJECT_HEADER, list_reject_rows(receipt.rejects))
        content = {"file": file.name, **receipt_to_dict(receipt, skipped, rejects_path)}
        is_loaded = receipt.status != "held"
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_private_file(folder / RECEIPTS / f"{name}.json", lambda target: target.write(text))
    file.replace(folder / (DONE if is_loaded else FAILED) / name)
    reason = content.get("reason") or content.get("held_reason") or ""
    print_note(f"{file.name}: {content['status']}{f': {reason}' if reason else ''}")
    return is_loaded


def _ingest(file: Path, source: str, layout: object, snapshot: Snapshot) -> tuple[Receipt, int]:
    """Load a file as ``mpi ingest`` does, without options of its own."""
    from mpi.intake import reader
    from mpi.intake.mapping_types import FileMapping
    from mpi.service.loads import load

    mapping = layout if isinstance(layout, FileMapping) else None
    with open_session() as session:
        rows = reader.open_file(file, mapping, None)
        if rows.holds_all is False and snapshot is Snapshot.FULL:
            raise InputError(f"{file.name} holds changes only: leave out --snapshot full")
        options = load.LoadOptions(snapshot, None, False, rows.compute_digest(), rows.gone)
        return load.load(session.index, session.viewer, source, rows, options), rows.skipped_rows
