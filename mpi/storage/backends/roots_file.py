"""The append-only text file of the ledger's signed roots, outside the database."""

import os
from pathlib import Path

from mpi.domain.errors import StoreError


def read_root_lines(path: Path) -> list[str]:
    """Return the lines of the file; none where it does not exist.

    A last line without its end, which a full disk or a crash leaves, is not returned.

    Raises:
        StoreError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"cannot read the file of signed roots {path}: {error.strerror}") from error
    whole = content[: content.rfind(b"\n") + 1]
    return whole.decode("utf-8", "replace").splitlines()


def append_root_lines(path: Path, lines: list[str]) -> None:
    """Append lines, and wait until they are on the disk.

    Raises:
        StoreError: the file cannot be written; nothing of the lines stays.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            end = content.rfind(b"\n") + 1
            _write_at(descriptor, "".join(f"{line}\n" for line in lines).encode(), end)
        finally:
            os.close(descriptor)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(f"cannot write the file of signed roots {path}: {error.strerror}") from error


def _write_at(descriptor: int, content: bytes, end: int) -> None:
    """Write after the last whole line, or leave the file unchanged."""
    os.ftruncate(descriptor, end)
    try:
        written = 0
        while written < len(content):
            written += os.pwrite(descriptor, content[written:], end + written)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise
