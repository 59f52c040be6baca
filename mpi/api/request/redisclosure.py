"""Response header of answers that may not be passed on.

FERPA asks a school to tell a recipient so (34 CFR 99.33(d)). An agreement may ask the same of any party.
"""

from starlette.types import Scope

from mpi.domain.viewer import Viewer
from mpi.service.core.disclosure import state_redisclosure

HEADER = b"redisclosure"
_STATEMENT = "mpi.redisclosure"


def state_terms(scope: Scope, viewer: Viewer) -> None:
    """Note in a request whether its answer may be passed on.

    Args:
        scope: the ASGI scope of the request.
        viewer: the caller who is about to be answered.
    """
    statement = state_redisclosure(viewer)
    if statement is not None:
        scope[_STATEMENT] = statement.encode()


def read_statement(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Return the header that states it, if any."""
    statement = scope.get(_STATEMENT)
    return [] if statement is None else [(HEADER, statement)]
