"""What most commands begin with: the settings, the open index, who is asking."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import ValidationError

from mpi.bootstrap import open_index
from mpi.cli.exit_codes import Interrupted
from mpi.cli.interrupts import undone_by_interrupt
from mpi.config import Settings
from mpi.domain.errors import InputError
from mpi.domain.viewer import Viewer, operator
from mpi.service.core.index import Index


@dataclass(frozen=True, slots=True)
class Session:
    """An open index, and the operator at its command line."""

    settings: Settings
    index: Index
    viewer: Viewer


def read_settings() -> Settings:
    """The settings from the environment.

    Raises:
        InputError: a variable has a value that it cannot have; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        names = ", ".join(f"MPI_{str(fault['loc'][0]).upper()}" for fault in error.errors())
        raise InputError(f"{names}: the environment variable has a value that it cannot have") from None


@contextmanager
def opened(*, to_move: bool = False) -> Iterator[Session]:
    """Open the index that the environment names, and close it at the end.

    Nearly every use case is one transaction, so Ctrl-C in here leaves nothing of it; of a large load it
    leaves whole chunks.

    Args:
        to_move: to move it to another model.
    """
    settings = read_settings()
    try:
        index = open_index(settings, to_move=to_move)
    except KeyboardInterrupt as interrupt:
        raise Interrupted(undone=True) from interrupt
    with undone_by_interrupt(index.database):
        try:
            yield Session(settings, index, operator())
        finally:
            index.database.dispose()
