"""Readiness of a serving process: its database and room on disks."""

import shutil

from mpi.domain.errors import ConflictError, StoreError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.database import sqlite_path

_ANONYMOUS = Viewer("nobody")


def require_ready(index: Index) -> None:
    """Check that the database answers with this process's model, and has room.

    Raises:
        StoreError: the database does not answer, has another model, or its disk is nearly full; the message
            says what to do.
    """
    require_free_space(index)
    try:
        with index.database.read(_ANONYMOUS) as unit:
            index.config_id(unit)
    except ConflictError as error:
        raise StoreError(str(error)) from error


def require_free_space(index: Index) -> None:
    """Check that the disks of the index are not nearly full.

    They are those of the home folder and of an SQLite database.

    The disk of a PostgreSQL server is not seen from here.

    Raises:
        StoreError: a disk has less free space than the settings ask for, or cannot be read.
    """
    database = sqlite_path(index.database.url)
    folders = {index.home} if database is None else {index.home, database.parent}
    try:
        free = min(shutil.disk_usage(folder).free for folder in folders)
    except OSError as error:
        raise StoreError(f"the disk of the index cannot be read: {error.strerror}") from None
    limit = index.settings.min_free_bytes
    if free < limit:
        raise StoreError(
            f"the disk of the index is nearly full: less than {limit // 1_000_000} MB are free "
            "(MPI_MIN_FREE_MB); make room before it stops taking records"
        )
