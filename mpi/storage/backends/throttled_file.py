"""A connection of SQLite that hands the disk a few pages of the database at a time; needs APSW.

SQLite hands it all pages of a checkpoint at once, and in a load those are thousands that lie everywhere in
the file: a line of the ledger that is to be kept meanwhile comes after them. How a file is written is for a
VFS to say, and APSW lets one be written in Python.
"""

import ctypes
import os
from typing import Any

import apsw

PAGES_AT_A_TIME = 16
"""Of four kilobytes: a quarter of a millisecond, where 53,000 of them took 0.76 s."""
_PATIENCE_MS = 200
_NAME = "paced"
_WAIT_BEFORE, _WRITE, _WAIT_AFTER = 1, 2, 4
"""Of sync_file_range(2)."""


class Pace:
    """What was written to a file and is on its way to the disk.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        # Never closed before the process ends: that would let go of SQLite's locks on the file.
        self._file = os.open(path, os.O_RDWR)
        self._hand_over = ctypes.CDLL(None).sync_file_range
        self._hand_over.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
        self._pages = 0
        self._begin = self._end = 0

    def written(self, offset: int, size: int) -> None:
        """Take note of a page, of which the disk knows nothing yet."""
        self._begin = offset if self._pages == 0 else min(self._begin, offset)
        self._end = offset + size if self._pages == 0 else max(self._end, offset + size)
        self._pages += 1
        if self._pages >= PAGES_AT_A_TIME:
            self.hand_over()

    def hand_over(self) -> None:
        """Have the disk take it, and wait for that; SQLite itself asks that it be durable."""
        if self._pages:
            how = _WAIT_BEFORE | _WRITE | _WAIT_AFTER
            self._hand_over(self._file, self._begin, self._end - self._begin, how)
            self._pages = 0


class _PacedFile(apsw.VFSFile):
    """A file as SQLite writes any, but for the pages of the database."""

    def __init__(self, name: str | apsw.URIFilename, flags: list[int]) -> None:
        super().__init__("", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._pace = Pace(path) if flags[0] & apsw.SQLITE_OPEN_MAIN_DB else None

    def xWrite(self, data: Any, offset: int) -> None:  # noqa: N802, ANN401 - named and typed by APSW
        super().xWrite(data, offset)
        if self._pace is not None:
            self._pace.written(offset, len(data))

    def xSync(self, flags: int) -> None:  # noqa: N802 - named by APSW
        if self._pace is not None:
            self._pace.hand_over()
        super().xSync(flags)


class _PacedFiles(apsw.VFS):
    """Opens such files, and leaves all else to the system's own."""

    def __init__(self) -> None:
        super().__init__(_NAME, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return _PacedFile(name or "", flags)


class PacedConnection:
    """A connection that makes checkpoints; the only one that its process may have to the file.

    Args:
        path: of the database file.
    """

    def __init__(self, path: str) -> None:
        self._files = _PacedFiles()  # SQLite knows it by name and holds no reference
        self._connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, vfs=_NAME)
        self._connection.set_busy_timeout(_PATIENCE_MS)

    def checkpoint(self, how: str) -> None:
        """Make a checkpoint, ``PASSIVE`` or ``TRUNCATE``; as much of it as those who read leave to do."""
        try:
            self._connection.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
        except apsw.Error:
            # A full or failing disk is the writers' to tell; the log keeps everything meanwhile.
            return

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
