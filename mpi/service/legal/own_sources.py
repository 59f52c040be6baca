"""Sources about whose records a viewer may handle cases or consents."""

from mpi.domain.viewer import Action, Viewer, is_allowed_on
from mpi.service.core.index import Index
from mpi.storage.repositories.sources.sources import Source


def list_own_sources(index: Index, viewer: Viewer, *actions: Action) -> list[Source]:
    """Return the sources where a viewer may perform one of the actions.

    Args:
        index: the open index.
        viewer: who asks.
        actions: actions about records of the viewer's own party.
    """
    with index.database.read(viewer) as unit:
        return [
            source
            for source in unit.sources.all()
            if any(is_allowed_on(viewer, action, source.code) for action in actions)
        ]
