"""Exit codes of ``mpi`` and the error line printed with them."""

import errno
import traceback
from dataclasses import dataclass
from enum import IntEnum

from mpi.domain.errors import (
    AccessDenied,
    ConflictError,
    EngineError,
    InputError,
    LoadHeld,
    ModelError,
    MpiError,
    NotAuthenticated,
    NotFoundError,
    RemoteSystemError,
    StoreError,
)


class ExitCode(IntEnum):
    """Exit codes of ``mpi``; docs/reference/cli.md has the same table."""

    DONE = 0
    UNSOUND = 1
    USAGE = 2
    HELD = 3
    ALL_REJECTED = 4
    INPUT = 5
    NOT_FOUND = 6
    CONFLICT = 7
    DENIED = 8
    MODEL = 9
    STORE = 10
    REMOTE = 11
    UNEXPECTED = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141
    TERMINATED = 143


class CommandInterrupt(Exception):  # noqa: N818 - what happened, not a fault
    """Exception raised when Ctrl-C or SIGTERM interrupts a command.

    Args:
        undone: whether it came before any transaction was committed, so that nothing is stored.
        code: exit code, by the signal.
    """

    def __init__(self, *, undone: bool, code: ExitCode = ExitCode.INTERRUPTED) -> None:
        super().__init__()
        self.undone = undone
        self.code = code


class OutputPipeClosed(Exception):  # noqa: N818 - what happened, not a fault
    """Exception raised when the reader of a command's output pipe closes it."""


@dataclass(frozen=True, slots=True)
class ExitMessage:
    """Exit code of a command and its error line.

    Args:
        code: the exit code.
        line: what was wrong, where, and what to do; empty for no message.
    """

    code: ExitCode
    line: str


_CODES: tuple[tuple[type[MpiError], ExitCode], ...] = (
    (InputError, ExitCode.INPUT),
    (NotFoundError, ExitCode.NOT_FOUND),
    (ConflictError, ExitCode.CONFLICT),
    (NotAuthenticated, ExitCode.DENIED),
    (AccessDenied, ExitCode.DENIED),
    (LoadHeld, ExitCode.HELD),
    (ModelError, ExitCode.MODEL),
    (EngineError, ExitCode.MODEL),
    (StoreError, ExitCode.STORE),
    (RemoteSystemError, ExitCode.REMOTE),
)
_DISK_FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def describe_error(error: Exception) -> ExitMessage:
    """Return the exit code and error line of an exception."""
    match error:
        case CommandInterrupt(undone=undone, code=code):
            nothing, some = "nothing of this step was kept", "what was kept is whole: run it again to go on"
            return ExitMessage(code, f"interrupted: {nothing if undone else some}")
        case OutputPipeClosed():
            return ExitMessage(ExitCode.PIPE_CLOSED, "")
        case MpiError():
            code = next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.UNEXPECTED)
            return ExitMessage(code, str(error))
        case OSError():
            return ExitMessage(ExitCode.STORE, _describe_os_error(error))
        case _:
            return ExitMessage(ExitCode.UNEXPECTED, _describe_unexpected_error(error))


def _describe_os_error(error: OSError) -> str:
    """Return the error line of a file or disk error."""
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in _DISK_FULL_ERRORS:
        return f"{where}the disk is full: nothing of this step was kept; free space and run it again"
    return f"{where}{error.strerror or type(error).__name__}"


def _describe_unexpected_error(error: Exception) -> str:
    """Return the error line of an error that no command expects."""
    # The message is left out: it may hold a value of a record.
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return (
        f"unexpected {type(error).__name__}{where}: this is a fault of the program; "
        "set MPI_DEBUG=1 to see the traceback, and report it"
    )
