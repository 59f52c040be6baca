"""Saved filters of the review queue, kept per account or client."""

from collections.abc import Mapping
from dataclasses import asdict, fields

from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.review.queue_search import Filters, check_filters
from mpi.storage.unit_of_work.database import Lock

MAX_NAME_LENGTH = 64
"""Most characters in the name of a saved view."""
MAX_VIEWS = 50
"""Most saved views of one account or client."""


def list_saved_views(index: Index, viewer: Viewer) -> Mapping[str, Filters]:
    """Return the viewer's saved review-queue filters by name.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    with index.database.read(viewer) as unit:
        filters_by_name = unit.saved_views.views_of(viewer.client)
    field_names = {field.name for field in fields(Filters)}
    return {
        name: Filters(
            **{field_name: value for field_name, value in filters.items() if field_name in field_names}
        )
        for name, filters in filters_by_name.items()
    }


def save_view(index: Index, viewer: Viewer, name: str, filters: Filters) -> None:
    """Store a review-queue filter under a name, replacing one of that name.

    A local ID or a child's name in the filter is not stored.

    Raises:
        InputError: the name is empty, too long or not one line; the viewer has ``MAX_VIEWS`` views already;
            or the filter is invalid.
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    check_filters(filters)
    if not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InputError(f"name: 1 to {MAX_NAME_LENGTH} characters on one line")
    with index.database.write(viewer, "saved-view", Lock.NONE) as unit:
        saved = unit.saved_views.views_of(viewer.client)
        if name not in saved and len(saved) >= MAX_VIEWS:
            raise InputError(f"name: at most {MAX_VIEWS} views; delete one first")
        # Local ID and name are personal data, and a saved view is not about one person.
        unit.saved_views.save(viewer.client, name, {**asdict(filters), "text": None, "child": None})


def delete_view(index: Index, viewer: Viewer, name: str) -> None:
    """Delete a saved review-queue filter by name.

    Raises:
        NotFoundError: the viewer has no saved view of that name.
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    with index.database.write(viewer, "saved-view", Lock.NONE) as unit:
        if not unit.saved_views.delete(viewer.client, name):
            raise NotFoundError("there is no saved view of that name")
