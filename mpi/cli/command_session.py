"""Opening of the index that a command works on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mpi.cli.exit_codes import CommandInterrupt
from mpi.cli.interrupts import handle_interrupts
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import Viewer, make_operator

if TYPE_CHECKING:
    from mpi.config import Settings
    from mpi.service.core.index import Index


@dataclass(frozen=True, slots=True)
class CommandSession:
    """Open index, its settings, and the operator who runs the command."""

    settings: Settings
    index: Index
    viewer: Viewer

    @property
    def rejects_folder(self) -> Path:
        """The folder of rejected rows, which each scope has for itself."""
        folder = self.settings.home / "rejects"
        return folder if self.settings.scope == SHARED_SCOPE else folder / self.settings.scope


def read_settings() -> Settings:
    """Read the settings from the environment and the file of settings.

    Raises:
        InputError: a setting is wrong; the message names it.
    """
    from mpi import config_check  # noqa: PLC0415 - --help needs no settings

    return config_check.read_settings()


@contextmanager
def open_session(*, for_model_change: bool = False, for_look_up: bool = False) -> Iterator[CommandSession]:
    """Open the index that the environment names, and close it afterwards.

    Nearly every use case is one transaction, so Ctrl-C leaves nothing of it; of a large load it leaves whole
    chunks.

    Args:
        for_model_change: open the index in order to move it to another model.
        for_look_up: delay compiling the model until records are compared, if they are.
    """
    from mpi import bootstrap  # noqa: PLC0415 - --help opens no index

    settings = read_settings()
    try:
        index = bootstrap.open_index(settings, for_model_change=for_model_change, for_look_up=for_look_up)
    except KeyboardInterrupt as interrupt:
        raise CommandInterrupt(undone=True) from interrupt
    # The imports are done: see PausedCollection.
    gc.enable()
    with handle_interrupts(index.database):
        try:
            yield CommandSession(settings, index, make_operator())
        finally:
            index.database.dispose()
