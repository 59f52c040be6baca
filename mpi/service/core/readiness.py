"""Readiness check of a serving process."""

from mpi.domain.errors import ConflictError, StoreError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index

_ANONYMOUS = Viewer("nobody")


def require_ready(index: Index) -> None:
    """Check that the database answers and has this process's match model.

    Raises:
        StoreError: the database does not answer or has another model; the message says what to do.
    """
    try:
        with index.database.read(_ANONYMOUS) as unit:
            index.config_id(unit)
    except ConflictError as error:
        raise StoreError(str(error)) from error
