"""Handling of Ctrl-C and SIGTERM around database transactions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from mpi.cli.exit_codes import CommandInterrupt, ExitCode

if TYPE_CHECKING:
    from mpi.storage.unit_of_work.database import Database

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
_DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}


class SignalInterrupt(KeyboardInterrupt):
    """Exception that a handler of signals raises to stop a command.

    A plain KeyboardInterrupt that passes code run from a string, such as the making of a data class, makes
    ``python -m mpi`` end by SIGINT, whatever exit code the command gives (CPython's ``run_eval_code_obj``
    in ``Python/pythonrun.c``). Python does so for that class alone, not for this one.
    """


@contextmanager
def handle_interrupts(database: Database) -> Iterator[None]:
    """Let Ctrl-C or SIGTERM stop a command until its database commit begins.

    From then on the signal is ignored. A commit of a large load takes a second, and Python sees the signal
    when the commit is over: stopping there would report a stored load as not stored. A service manager that
    stops a command thus ends its child processes too, and finds an exit code of its own.

    Raises:
        CommandInterrupt: the use case was stopped in time; nothing of it is stored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A background job ignores Ctrl-C, and a server has handlers of its own.
    handled = [number for number, default in _DEFAULTS.items() if signal.getsignal(number) == default]
    handler = _InterruptHandler(database)
    for number in handled:
        signal.signal(number, handler)
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # Splink turns an interrupt of DuckDB into an error of its own.
        if handler.code is not None:
            raise CommandInterrupt(undone=not database.committed_units, code=handler.code) from error
        raise
    finally:
        for number in handled:
            signal.signal(number, _DEFAULTS[number])


class _InterruptHandler:
    """Handler of signals that raises SignalInterrupt until the commit begins.

    Attributes:
        code: exit code of the signal for which the handler has raised; None if it has not.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.code: ExitCode | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if not self._database.is_commit_begun:
            self.code = _CODES[signal.Signals(number)]
            raise SignalInterrupt
