"""Checkpoints of SQLite's log in a process of their own, gentle to whoever else waits for the disk.

It has a process to itself as APSW brings an SQLite of its own, and two in one process let go of each other's
locks on a file (https://www.sqlite.org/howtocorrupt.html, "Multiple copies of SQLite linked into the same
application").
"""

import ctypes
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from mpi.standardize.process_pool import lower_priority

_PATIENCE_S = 60.0
"""For the process to end: until the checkpoint that it is at is made."""
_COPY, _BEGIN_ANEW, _DONE = b"copy", b"begin anew", b"done"


class Copier:
    """What the process is told.

    Args:
        pipe: to it.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._is_at_work = False

    def copy(self) -> bool:
        """Have the log copied into the file, and do not wait for it; returns whether anybody does it.

        While one checkpoint is made no other is asked for: the next commit asks again.
        """
        with suppress(OSError, EOFError):
            if self._is_at_work and self._pipe.poll():
                self._answered()
            if not self._is_at_work:
                self._ask(_COPY)
            return True
        return False

    def begin_log_anew(self) -> bool:
        """Have the whole log copied and emptied, and wait for it; returns whether anybody did."""
        with suppress(OSError, EOFError):
            if self._is_at_work:
                self._answered()
            self._ask(_BEGIN_ANEW)
            self._answered()
            return True
        return False

    def _ask(self, what: bytes) -> None:
        self._pipe.send_bytes(what)
        self._is_at_work = True

    def _answered(self) -> None:
        self._pipe.recv_bytes()
        self._is_at_work = False


@contextmanager
def copying_apart(path: Path) -> Iterator[Copier | None]:
    """A process that makes checkpoints of a database file until the end; None where it cannot be had.

    It takes Linux, and APSW, which the extra ``fast`` installs.
    """
    if not _can_be_had():
        yield None
        return
    spawn = get_context("spawn")
    pipe, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, str(path)), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Copier(pipe)
    finally:
        pipe.close()
        process.join(_PATIENCE_S)
        process.kill()
        process.join()


def _can_be_had() -> bool:
    return (
        sys.platform == "linux"
        and hasattr(ctypes.CDLL(None), "sync_file_range")
        and importlib.util.find_spec("apsw") is not None
    )


def _serve(pipe: Connection, path: str) -> None:
    """Make checkpoints until nobody asks any more."""
    # Not before there is a process for it: see above.
    from mpi.storage.backends.throttled_file import PacedConnection  # noqa: PLC0415

    lower_priority()
    connection = PacedConnection(path)
    # Whoever asked may end at any moment.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            asked = pipe.recv_bytes()
            connection.checkpoint("PASSIVE")
            if asked == _BEGIN_ANEW:
                connection.checkpoint("TRUNCATE")
            pipe.send_bytes(_DONE)
    connection.close()
