"""Removal of files that were sent and forgotten."""

import logging
from datetime import timedelta

from mpi.domain.errors import MpiError
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.service.loads.sent_files.upload import remove_stale_folders

_log = logging.getLogger("mpi.loads")
INTERVAL = timedelta(minutes=10)
"""Time between two looks of a server."""


def remove_forgotten_files(index: Index) -> None:
    """Remove the files that nobody has loaded for an hour."""
    try:
        remove_stale_folders(index, make_operator())
    except (MpiError, OSError) as error:
        _log.warning("forgotten files could not be removed: %s", type(error).__name__)
