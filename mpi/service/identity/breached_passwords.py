"""A file of the hashes of breached passwords.

The file has the format of the downloads of Have I Been Pwned: lines ``SHA-1:count``, sorted by hash. It is
searched by bisection and never read whole. No password leaves the index.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mpi.domain.errors import StoreError

_MAX_LINE_BYTES = 128
"""Most bytes of a line: 40 of the hash, a colon, the count and the end of the line."""
_HASH_LENGTH = 40
_HEX_DIGITS = frozenset(b"0123456789ABCDEF")
_SAMPLE_LINES = 200
"""Lines that a start reads to see that the file is sorted."""
_WRONG_LINE = "the file of breached passwords has a line that is not SHA-1:count: download it again"


class BreachedPasswordFile:
    """A file of the hashes of breached passwords.

    Args:
        path: the file; it may be replaced while the index is in use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Check lines all over the file for their format and order.

        Raises:
            StoreError: the file cannot be read, is empty, of another format, or not sorted by hash.
        """
        with _open(self._path) as file:
            size = file.seek(0, 2)
            step = max(1, size // _SAMPLE_LINES)
            hashes = [_parse_hash(_read_line_at(file, place)[1]) for place in range(0, size, step)]
        if not hashes or hashes != sorted(hashes):
            raise StoreError("the file of breached passwords is empty or not sorted by hash: sort it")

    def contains(self, password: str) -> bool:
        """Return whether a password is in the file.

        Raises:
            StoreError: the file cannot be read, is empty, or has a line of another format.
        """
        # SHA-1 is the format of the file and protects nothing here.
        wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        with _open(self._path) as file:
            return _is_in_file(file, wanted)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise StoreError(f"the file of breached passwords cannot be read: {error.strerror}") from None


def _is_in_file(file: BinaryIO, wanted: bytes) -> bool:
    """Search a sorted file for a hash by bisection of its bytes."""
    low, high = 0, file.seek(0, 2)
    if high == 0:
        raise StoreError("the file of breached passwords is empty")
    while low < high:
        start, line = _read_line_at(file, (low + high) // 2)
        found = _parse_hash(line)
        if found == wanted:
            return True
        if found < wanted:
            low = start + len(line)
        else:
            high = start
    return False


def _read_line_at(file: BinaryIO, position: int) -> tuple[int, bytes]:
    """Return the line at a byte of the file, with its start."""
    before = max(0, position - _MAX_LINE_BYTES)
    file.seek(before)
    start = before + file.read(position - before).rfind(b"\n") + 1
    if start == before and before > 0:
        raise StoreError(_WRONG_LINE)
    file.seek(start)
    return start, file.readline(_MAX_LINE_BYTES)


def _parse_hash(line: bytes) -> bytes:
    """Return the hash of a line, in capital letters."""
    found, colon, count = line.rstrip(b"\r\n").partition(b":")
    found = found.upper()
    if len(found) != _HASH_LENGTH or not set(found) <= _HEX_DIGITS or not colon or not count.isdigit():
        raise StoreError(_WRONG_LINE)
    return found
