"""Temporary folder of a pilot, destroyed whatever happens.

A lock of the operating system tells a folder in use from one that a killed pilot left behind.
"""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mpi.domain import clock
from mpi.domain.errors import StoreError

PREFIX = "mpi-pilot-"
_LOCK = "pilot.lock"
_KEY_SUFFIX = ".key"


@dataclass(frozen=True, slots=True)
class Destruction:
    """Record of what was destroyed.

    Args:
        folder: the folder, which is gone.
        files: number of deleted files.
        size_bytes: bytes of the deleted files.
        keys: number of key files among them, which were overwritten first.
        at: when it ended (ISO, UTC).
    """

    folder: str
    files: int
    size_bytes: int
    keys: int
    at: str


@dataclass(frozen=True, slots=True)
class HeldFolder:
    """Folder of a pilot at work.

    Args:
        path: the folder.
        lock: descriptor of its lock; a process that inherits it holds the folder as long as it lives.
    """

    path: Path
    lock: int


@contextmanager
def hold_folder(parent: Path) -> Iterator[HeldFolder]:
    """Make a private folder and lock it; its content is not deleted.

    Raises:
        StoreError: no folder can be made there.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))  # of mode 0700
    except OSError as error:
        raise StoreError(f"--folder {parent}: no folder can be made here: {error.strerror}") from None
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield HeldFolder(folder, descriptor)
    finally:
        os.close(descriptor)


def destroy_folder(folder: Path) -> Destruction:
    """Overwrite the keys of a folder, then delete all of it.

    The keys come first: content that was encrypted under them is lost even if a deletion is interrupted.

    Raises:
        StoreError: something cannot be deleted; the message names the folder, which holds records.
    """
    # Lock last: until then another run finds the folder, if this one is killed here.
    files = sorted(
        (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()),
        key=lambda path: (path.name == _LOCK, path.suffix != _KEY_SUFFIX, path),
    )
    keys = [path for path in files if path.suffix == _KEY_SUFFIX and not path.is_symlink()]
    size_bytes = count = 0
    try:
        for key in keys:
            _overwrite(key)
        for path in files:
            if path.name == _LOCK:
                _remove_empty_folders(folder)
            with suppress(FileNotFoundError):  # a database closes its log by itself
                size_bytes += path.lstat().st_size
                path.unlink()
                count += 1
        _remove_empty_folders(folder)
        folder.rmdir()
    except OSError as error:
        raise StoreError(
            f"{folder} holds records and could not be destroyed ({error.strerror}): delete it yourself"
        ) from None
    return Destruction(str(folder), count, size_bytes, len(keys), clock.format_timestamp(clock.now()))


def destroy_leftovers(parent: Path) -> list[Destruction]:
    """Destroy the folders that killed pilots of this user left behind.

    Raises:
        StoreError: such a folder cannot be destroyed; the message names it.
    """
    destroyed = []
    for folder in sorted(parent.glob(f"{PREFIX}*")):
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
            continue
        try:
            descriptor = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            continue  # not ours, or just being made
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            destroyed.append(destroy_folder(folder))
        except BlockingIOError:
            continue  # another pilot is at work
        finally:
            os.close(descriptor)
    return destroyed


def _overwrite(path: Path) -> None:
    """Overwrite a file with random bytes, down to the disk."""
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(max(path.stat().st_size, 1)))
        file.flush()
        os.fsync(file.fileno())


def _remove_empty_folders(folder: Path) -> None:
    """Remove the folders below a folder, the deepest first."""
    for path in sorted(folder.rglob("*"), key=lambda each: len(each.parts), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
