"""Handling of Ctrl-C around database transactions."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from mpi.cli.exit_codes import CommandInterrupt

if TYPE_CHECKING:
    from mpi.storage.unit_of_work.database import Database


@contextmanager
def handle_interrupts(database: Database) -> Iterator[None]:
    """Let Ctrl-C stop a command until its database commit begins.

    From then on Ctrl-C is ignored. A commit of a large load takes a second, and Python sees the signal when
    the commit is over: stopping there would report a stored load as not stored.

    Raises:
        CommandInterrupt: the use case was stopped in time; nothing of it is stored.
    """
    before = signal.getsignal(signal.SIGINT)
    if before != signal.default_int_handler:
        # A background job ignores Ctrl-C.
        yield
        return
    handler = _InterruptHandler(database)
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    except (Exception, KeyboardInterrupt) as error:
        # Splink turns an interrupt of DuckDB into an error of its own.
        if handler.requested:
            raise CommandInterrupt(undone=not database.committed_units) from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)


class _InterruptHandler:
    """Handler of Ctrl-C that raises KeyboardInterrupt until the commit begins.

    Attributes:
        requested: whether the handler has raised.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.requested = False

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        if not self._database.is_commit_begun:
            self.requested = True
            raise KeyboardInterrupt
