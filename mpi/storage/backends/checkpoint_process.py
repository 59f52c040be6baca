"""A child process that checkpoints SQLite's log without blocking others' disk writes.

A process of its own is needed because APSW brings another SQLite library. Two copies in one process
release each other's file locks (https://www.sqlite.org/howtocorrupt.html, "Multiple copies of SQLite
linked into the same application").
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
"""Seconds to wait for the process to finish its checkpoint and end."""
_COPY, _BEGIN_ANEW, _DONE = b"copy", b"begin anew", b"done"


class Copier:
    """Client of the checkpoint process.

    Args:
        pipe: connection to the process.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._is_at_work = False

    def copy(self) -> bool:
        """Start a checkpoint without waiting; return whether the process lives.

        While one checkpoint runs, no other is requested. The next commit asks again.
        """
        with suppress(OSError, EOFError):
            if self._is_at_work and self._pipe.poll():
                self._answered()
            if not self._is_at_work:
                self._ask(_COPY)
            return True
        return False

    def begin_log_anew(self) -> bool:
        """Copy and empty the log, and wait; return whether it was done."""
        with suppress(OSError, EOFError):
            if self._is_at_work:
                self._answered()
            self._ask(_BEGIN_ANEW)
            self._answered()
            return True
        return False

    def _ask(self, command: bytes) -> None:
        self._pipe.send_bytes(command)
        self._is_at_work = True

    def _answered(self) -> None:
        self._pipe.recv_bytes()
        self._is_at_work = False


@contextmanager
def copying_apart(path: Path) -> Iterator[Copier | None]:
    """Run a checkpoint process for a database file.

    Needs Linux, and APSW from the extra ``fast``.

    Yields:
        A client of the process, or None where requirements are missing.
    """
    if not _can_be_had():
        yield None
        return
    spawn = get_context("spawn")
    pipe, child_pipe = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(child_pipe, str(path)), daemon=True)
    process.start()
    child_pipe.close()
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
    """Make checkpoints until the pipe is closed."""
    # Only in the child process: APSW brings an SQLite of its own.
    from mpi.storage.backends.throttled_file import PacedConnection  # noqa: PLC0415 - see above

    lower_priority()
    connection = PacedConnection(path)
    # The parent process may end at any moment.
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            command = pipe.recv_bytes()
            connection.checkpoint("PASSIVE")
            if command == _BEGIN_ANEW:
                connection.checkpoint("TRUNCATE")
            pipe.send_bytes(_DONE)
    connection.close()
