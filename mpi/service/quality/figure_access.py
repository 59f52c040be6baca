"""Who may read figures, and for whom they are named."""

from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission


def permit_figures(viewer: Viewer) -> None:
    """Refuse a viewer who may not read figures of the whole index.

    Raises:
        AccessDenied: the viewer may not read figures, or does not see every source.
    """
    require_permission(viewer, Action.QUALITY_READ)
    if viewer.sources is not None:
        raise AccessDenied(f"client {viewer.client!r} may not do this: it concerns every source")


def sees_every_question(viewer: Viewer) -> bool:
    """Return whether figures of questions are named for the viewer.

    The viewer may read every record and every question, and so could count them.
    """
    is_reader = is_allowed(viewer, Action.RECORD_READ) and is_allowed(viewer, Action.TASK_READ)
    return is_reader and viewer.sources is None
