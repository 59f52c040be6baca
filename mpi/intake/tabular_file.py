"""Shared interface, limits and checks of tabular file readers."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Protocol

from mpi.domain.errors import FileError
from mpi.intake.rows import RawRow, RejectedRow

MAX_FIELD_CHARACTERS = 131_072
"""Longest field, in characters.

It is the csv module's own limit, and far above any name or address.
"""

MAX_RECORD_BYTES = 1_048_576
"""Longest row, in bytes.

A reader never holds more of a row than this, however long the row is.
"""


FileOpener = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens a file for reading bytes, each time from its beginning."""


class TabularFile(Protocol):
    """A file of rows under named columns.

    ``rows`` opens the file anew, so no file stays open between calls. ``position`` is the number of bytes
    that the latest ``rows`` has consumed.
    """

    columns: tuple[str, ...]
    columns_are_complete: bool
    position: int

    def rows(self) -> Iterator[RawRow | RejectedRow]:
        """Yield the rows in file order.

        Raises:
            FileError: the rest of the file cannot be read.
        """
        ...


@contextmanager
def open_binary(path: Path) -> Iterator[BufferedReader]:
    """Open a file for reading bytes.

    Raises:
        FileError: it does not exist, is a folder, or may not be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise FileError(f"{path.name}: cannot be opened: {error.strerror}") from error
    with file:
        yield file


def check_header(name: str, columns: tuple[str, ...]) -> None:
    """Raise where a header repeats a column or leaves one unnamed.

    Raises:
        FileError: names the columns' positions.
    """
    for position, column in enumerate(columns, start=1):
        if not column:
            raise FileError(f"{name}: column {position} of the header has no name")
        first_position = columns.index(column) + 1
        if first_position != position:
            raise FileError(
                f"{name}: columns {first_position} and {position} of the header have the same name; "
                "rename or remove one"
            )
