"""Folder of files that are loaded one by one, with receipts."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mpi.cli.exit_codes import describe_error
from mpi.cli.output_files import write_csv, write_private_file
from mpi.cli.receipt_view import REJECT_HEADER, list_reject_rows, receipt_to_dict
from mpi.domain import clock
from mpi.domain.errors import ConflictError

if TYPE_CHECKING:
    from datetime import datetime

    from mpi.cli.command_session import CommandSession
    from mpi.domain.snapshot import Snapshot
    from mpi.intake.mapping_types import FileMapping
    from mpi.service.loads.receipt import Receipt

DONE, FAILED, REJECTS, RECEIPTS = "done", "failed", "rejects", "receipts"
HELD = "held"
_LOCK = ".mpi-watch.lock"
_PRIVATE = 0o700
_MAX_NAME_BYTES = 200
"""Most bytes that a moved file keeps of its name; 255 is usual, and the moment and an ending are added."""
_MAX_SUFFIX_BYTES = 16
_REMOVED = "the file was removed during the load"
_CHANGED = "the file changed during the load, and stays in the folder to be loaded again"

LoadFile = Callable[[Path], tuple["Receipt", int]]
"""Loads a file, and returns its receipt and the number of rows that were passed over."""


@dataclass(frozen=True, slots=True)
class FileLoad:
    """How the files of a source are read and loaded.

    Args:
        source: code of the source.
        mapping: how their columns become canonical fields; None where they are canonical already.
        snapshot: whether a file holds all records of the source.
        confirm: whether a file is loaded even if a guard holds it.
        as_of: when the file was true at its source; None for the moment of loading.
    """

    source: str
    mapping: FileMapping | None
    snapshot: Snapshot
    confirm: bool = False
    as_of: datetime | None = None

    def run(self, session: CommandSession, file: Path) -> tuple[Receipt, int]:
        """Load a file; return its receipt and the number of skipped rows."""
        from mpi.intake import reader  # noqa: PLC0415 - --help reads no file
        from mpi.service.loads import load  # noqa: PLC0415 - as above

        rows = reader.open_file(file, self.mapping, None)
        options = load.make_load_options(rows, self.snapshot, self.as_of, confirm=self.confirm)
        return load.load(session.index, session.viewer, self.source, rows, options), rows.skipped_rows


@dataclass(frozen=True, slots=True)
class DropOutcome:
    """Result of loading a file of the folder.

    Args:
        status: ``loaded``, ``held`` or ``failed``, as in the receipt.
        reason: why it was not loaded, or is not moved; empty otherwise.
        is_loaded: whether it was.
    """

    status: str
    reason: str
    is_loaded: bool


def _read_file_state(file: Path) -> tuple[int, int, int] | None:
    """Return what a change of a file changes; None if gone."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _shorten_name(name: str) -> str:
    """Shorten a file name to leave room for the moment.

    Its ending stays.
    """
    content = os.fsencode(name)
    if len(content) <= _MAX_NAME_BYTES:
        return name
    suffix = os.fsencode(Path(name).suffix)[:_MAX_SUFFIX_BYTES]
    return (content[: _MAX_NAME_BYTES - len(suffix)] + suffix).decode("utf-8", "ignore")


def _find_outcome(receipt: Receipt) -> DropOutcome:
    """Return the outcome of a file whose load ended."""
    if receipt.status == HELD:
        return DropOutcome(HELD, receipt.held_reason or "", is_loaded=False)
    if receipt.rejected and receipt.rejected + receipt.withdrawn == receipt.received:
        return DropOutcome(FAILED, "every row was rejected", is_loaded=False)
    return DropOutcome(receipt.status, "", is_loaded=True)


@dataclass(frozen=True, slots=True)
class DropFolder:
    """Folder with subfolders of done and failed files, receipts and rejected rows."""

    path: Path

    def make_subfolders(self, *, with_done: bool = True) -> None:
        """Make the subfolders that are missing, for their owner only."""
        for name in (DONE, FAILED, REJECTS, RECEIPTS) if with_done else (FAILED, REJECTS, RECEIPTS):
            (self.path / name).mkdir(mode=_PRIVATE, exist_ok=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep a second process from loading the same folder.

        Raises:
            ConflictError: another process loads its files.
        """
        descriptor = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(
                    f"{self.path}: another process loads files of this folder; wait until it ends, or stop it"
                ) from None
            yield
        finally:
            os.close(descriptor)

    def load_file(
        self,
        file: Path,
        load: LoadFile,
        file_errors: tuple[type[Exception], ...],
        facts: dict[str, object] | None = None,
        *,
        keeps_loaded: bool = True,
    ) -> DropOutcome:
        """Load one file, write its receipt, and move it.

        The receipt is written first, so that a kill leads to a load that changes nothing. A file whose load
        is interrupted stays where it is, and so does one that changed during its load.

        Args:
            file: the file.
            load: loads it.
            file_errors: errors that say that this file cannot be loaded; others are raised.
            facts: what the receipt says besides.
            keeps_loaded: whether a loaded file is moved to the folder of done files, or deleted.
        """
        moment = clock.format_timestamp(clock.now()).replace(":", "")
        name = f"{_shorten_name(file.name)}.{moment}"
        content: dict[str, object] = {"file": file.name, **(facts or {})}
        state = _read_file_state(file)
        try:
            receipt, skipped = load(file)
        except file_errors as error:
            outcome = DropOutcome(FAILED, describe_error(error).line, is_loaded=False)
        else:
            rejects_path = self.path / REJECTS / f"{name}.csv" if receipt.rejects else None
            if rejects_path is not None:
                write_csv(rejects_path, REJECT_HEADER, list_reject_rows(receipt.rejects))
            content |= receipt_to_dict(receipt, skipped, rejects_path)
            outcome = _find_outcome(receipt)
        new_state = _read_file_state(file)
        if new_state != state:
            change = _REMOVED if new_state is None else _CHANGED
            outcome = replace(outcome, reason="; ".join(filter(None, (outcome.reason, change))))
        content |= {"status": outcome.status, "reason": outcome.reason}
        # Bytes of a file name that are no UTF-8 become question marks.
        text = json.dumps(content, indent=2, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n"
        write_private_file(self.path / RECEIPTS / f"{name}.json", lambda target: target.write(text))
        if new_state == state:
            self._put_away(file, name, outcome, keeps_loaded=keeps_loaded)
        return outcome

    def _put_away(self, file: Path, name: str, outcome: DropOutcome, *, keeps_loaded: bool) -> None:
        """Move a file to the folder of its outcome, or delete it."""
        try:
            if outcome.is_loaded and not keeps_loaded:
                file.unlink()
            else:
                file.replace(self.path / (DONE if outcome.is_loaded else FAILED) / name)
        except FileNotFoundError:
            if file.exists():  # the folder is missing, and not the file
                raise
