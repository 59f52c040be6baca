"""An SQLite connection whose checkpoints write few pages at a time (APSW).

SQLite hands all pages of a checkpoint to the disk at once. In a load those are thousands, spread over
the whole file, and a ledger line that must be synced meanwhile comes after them. A VFS controls how a
file is written, and APSW allows one in Python.
"""

import ctypes
import os
from typing import Any

import apsw

PAGES_AT_A_TIME = 16
"""Pages of 4 KB handed to the disk at a time.

16 pages take 0.25 ms; 53,000 pages at once took 0.76 s.
"""
_PATIENCE_MS = 200
_NAME = "paced"
_WAIT_BEFORE, _WRITE, _WAIT_AFTER = 1, 2, 4
"""Flags of sync_file_range(2)."""


class Pace:
    """Tracker of written pages that the disk has not received yet.

    Args:
        path: path of the file.
    """

    def __init__(self, path: str) -> None:
        # Stays open until the process ends, since closing would release SQLite's locks on the file.
        self._file = os.open(path, os.O_RDWR)
        self._hand_over = ctypes.CDLL(None).sync_file_range
        self._hand_over.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
        self._pages = 0
        self._begin = self._end = 0

    def written(self, offset: int, size: int) -> None:
        """Note a written page and flush when enough pages are noted."""
        self._begin = offset if self._pages == 0 else min(self._begin, offset)
        self._end = offset + size if self._pages == 0 else max(self._end, offset + size)
        self._pages += 1
        if self._pages >= PAGES_AT_A_TIME:
            self.hand_over()

    def hand_over(self) -> None:
        """Have the disk write the noted pages, and wait for it.

        SQLite itself syncs for durability.
        """
        if self._pages:
            flags = _WAIT_BEFORE | _WRITE | _WAIT_AFTER
            self._hand_over(self._file, self._begin, self._end - self._begin, flags)
            self._pages = 0


class _PacedFile(apsw.VFSFile):
    """A VFS file that throttles writes to the main database."""

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
    """A VFS that opens throttled files."""

    def __init__(self) -> None:
        super().__init__(_NAME, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - named by APSW
        return _PacedFile(name or "", flags)


class PacedConnection:
    """A connection for checkpoints; its process may have no other connection.

    Args:
        path: path of the database file.
    """

    def __init__(self, path: str) -> None:
        self._files = _PacedFiles()  # kept alive: SQLite holds no reference
        self._connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, vfs=_NAME)
        self._connection.set_busy_timeout(_PATIENCE_MS)

    def checkpoint(self, how: str) -> None:
        """Make a checkpoint, ``PASSIVE`` or ``TRUNCATE``, as far as readers allow."""
        try:
            self._connection.execute(f"PRAGMA wal_checkpoint({how})").fetchall()
        except apsw.Error:
            # Writers report a full or failing disk; the log keeps everything meanwhile.
            return

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
