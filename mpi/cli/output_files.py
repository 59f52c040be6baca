"""Atomic writing of private CSV files."""

import csv
import os
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a CSV file (UTF-8, LF) atomically, readable by its owner only.

    A reader sees the old file or the whole new one.

    Args:
        path: the file; an existing one is replaced.
        header: first row.
        rows: the other rows.

    Returns:
        The number of rows after the header.

    Raises:
        OSError: the file cannot be written; an earlier file is unchanged.
    """
    try:
        return _write_csv(path, header, rows)
    except OSError as error:
        # Name the requested file instead of the temporary one.
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Write a temporary CSV file and rename it to the path."""
    # mkstemp makes files of mode 0600.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    count = 0
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            for row in rows:
                writer.writerow(row)
                count += 1
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
