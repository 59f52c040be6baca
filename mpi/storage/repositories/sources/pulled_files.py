"""Repository of the files that were pulled from other systems' folders."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import PulledFileRow, table_of

_file = table_of(PulledFileRow)


@dataclass(frozen=True, slots=True)
class PulledFile:
    """File of another system's folder, as it was when last pulled.

    Args:
        source_id: number of the source.
        file_token: keyed hash of the file's name.
        size: its bytes.
        modified: its time at the other system, in seconds since 1970.
        digest: SHA-256 of its content.
        status: ``loaded``, ``held`` or ``failed``.
        pulled_at: when it was pulled (ISO, UTC).
    """

    source_id: int
    file_token: str
    size: int
    modified: int
    digest: str
    status: str
    pulled_at: str


class PulledFiles:
    """Repository of pulled files, one row for each name."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list_of_source(self, source_id: int) -> Mapping[str, PulledFile]:
        """Return the files that were pulled for a source, by token."""
        rows = self._connection.execute(select(_file).where(_file.c.source_id == source_id))
        return {
            row.file_token: PulledFile(**{name: getattr(row, name) for name in PulledFile.__slots__})
            for row in rows
        }

    def remember(self, file: PulledFile) -> None:
        """Store how a file was pulled, in place of the last time."""
        self._connection.execute(
            delete(_file).where(_file.c.source_id == file.source_id, _file.c.file_token == file.file_token)
        )
        self._connection.execute(
            insert(_file).values(**{name: getattr(file, name) for name in PulledFile.__slots__})
        )
