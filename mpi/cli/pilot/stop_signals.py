"""Handling of signals that stop a pilot, which destroys its index first."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from mpi.cli.exit_codes import CommandInterrupt, ExitCode
from mpi.cli.interrupts import SignalInterrupt

_CODES = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.TERMINATED,
}
_DEFAULTS: dict[signal.Signals, Any] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


class StopHandler:
    """Handler of signals that raises SignalInterrupt until it is closed.

    Attributes:
        code: exit code of the first signal; None without one.
    """

    def __init__(self) -> None:
        self.code: ExitCode | None = None
        self._is_closed = False

    def close(self) -> None:
        """Ignore further signals: what is being destroyed is destroyed to the end."""
        self._is_closed = True

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """Note the signal, and stop what may still be stopped."""
        if self._is_closed:
            return
        self.code = self.code or _CODES[signal.Signals(number)]
        raise SignalInterrupt


@contextmanager
def stop_on_signals() -> Iterator[StopHandler]:
    """Let Ctrl-C, SIGTERM and the end of the terminal stop what runs.

    Raises:
        CommandInterrupt: a signal came; whatever the code below made of it.
    """
    handler = StopHandler()
    if threading.current_thread() is not threading.main_thread():
        yield handler
        return
    handled = [number for number, default in _DEFAULTS.items() if signal.getsignal(number) == default]
    for number in handled:
        signal.signal(number, handler)
    try:
        yield handler
    except (Exception, KeyboardInterrupt) as error:
        if handler.code is not None:
            raise CommandInterrupt(undone=True, code=handler.code) from error
        raise
    finally:
        for number in handled:
            signal.signal(number, _DEFAULTS[number])
