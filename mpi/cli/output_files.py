"""Atomic writing of private files; in CSV, no cell is a formula."""

import csv
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from mpi.domain.errors import InputError
from mpi.standardize.formula_text import escape_formula

_PARTIAL = ".partial"
"""End of the name of a folder that is being written."""


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a CSV file (UTF-8, LF) atomically, readable by its owner only.

    A reader sees the old file or the whole new one. An apostrophe is put before a text that begins like a
    formula.

    Args:
        path: the file; an existing one is replaced.
        header: first row.
        rows: the other rows.

    Returns:
        The number of rows after the header.

    Raises:
        OSError: the file cannot be written; an earlier file is unchanged.
    """

    def write(file: TextIO) -> int:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        count = 0
        for row in rows:
            writer.writerow([escape_formula(cell) for cell in row])
            count += 1
        return count

    return write_private_file(path, write)


def check_output_file(path: Path, option: str, inputs: Iterable[Path] = ()) -> None:
    """Refuse an output file that cannot be written, before any work.

    Args:
        path: the file.
        option: the option that names it, for the message.
        inputs: files that are read, and must not be replaced.

    Raises:
        InputError: its folder is missing or read-only, it is a folder, or one of the inputs.
    """
    folder = path.parent
    if path.is_dir():
        raise InputError(f"{option} {path}: this is a folder; name a file")
    if not folder.is_dir():
        raise InputError(f"{option} {path}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{option} {path}: files cannot be written into {folder}")
    if any(path.resolve() == each.resolve() for each in inputs):
        raise InputError(f"{option} {path}: this is a file to read; name another")


def write_private_file(path: Path, write: Callable[[TextIO], int]) -> int:
    """Write a text file (UTF-8) atomically, readable by its owner only.

    Args:
        path: the file; an existing one is replaced.
        write: writes the content to an open file, and returns the number of rows.

    Returns:
        What ``write`` returned.

    Raises:
        OSError: the file cannot be written; an earlier file is unchanged.
    """
    try:
        return _write_and_rename(path, write)
    except OSError as error:
        # Name the requested file instead of the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_private_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically to a file readable by its owner only.

    Args:
        path: the file; an existing one is replaced.
        content: the bytes.

    Raises:
        OSError: the file cannot be written; an earlier file is unchanged.
    """

    def write(file: TextIO) -> int:
        file.buffer.write(content)
        return len(content)

    write_private_file(path, write)


def write_private_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a new private folder of files, whole or not at all.

    A kill leaves at most a hidden folder ``.NAME.….partial`` beside it, which nothing reads. The next call
    for the same folder removes it.

    Args:
        folder: the folder; it must not exist, or be empty.
        files: content by name.

    Raises:
        InputError: the folder has files already, or its parent does not exist.
        OSError: it cannot be written; nothing of it is left.
    """
    if not folder.parent.is_dir():
        raise InputError(f"--into {folder}: there is no folder {folder.parent}; make it first")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"--into {folder}: this exists; name a new folder")
    _remove_abandoned_folders(folder)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=_PARTIAL, dir=folder.parent))
    with _lock_folder(partial):
        try:
            for name, content in files.items():
                write_private_bytes(partial / name, content)
            # Renaming replaces an empty folder, and refuses one that another process has filled meanwhile.
            partial.replace(folder)
        except BaseException:  # also on Ctrl-C: leave no partial folder
            shutil.rmtree(partial, ignore_errors=True)
            raise
    _sync_folder(folder.parent)


def _remove_abandoned_folders(folder: Path) -> None:
    """Remove partial folders whose writers were killed, which hold records of children."""
    for partial in folder.parent.glob(f".{glob.escape(folder.name)}.*{_PARTIAL}"):
        # A living writer holds the lock. Another one may have removed the folder meanwhile.
        with suppress(BlockingIOError, FileNotFoundError, NotADirectoryError), _lock_folder(partial):
            shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def _lock_folder(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder.

    The kernel releases it when the process ends.

    Raises:
        BlockingIOError: another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _write_and_rename(path: Path, write: Callable[[TextIO], int]) -> int:
    """Write a temporary file and rename it to the path."""
    # mkstemp makes files of mode 0600.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            count = write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:  # also on Ctrl-C: leave no partial file
        with suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
    _sync_folder(path.parent)
    return count


def _sync_folder(folder: Path) -> None:
    """Make a file's new name durable by syncing its folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
