"""Readiness: whether this process can serve calls now."""

from mpi.domain.errors import ConflictError, StoreError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index

_ANONYMOUS = Viewer("nobody")


def require_ready(index: Index) -> None:
    """Pass if the database answers and is still on the model that this process has compiled.

    Raises:
        StoreError: it is not so; the message says what to do.
    """
    try:
        with index.database.read(_ANONYMOUS) as unit:
            index.config_id(unit)
    except ConflictError as moved:
        raise StoreError(str(moved)) from moved
