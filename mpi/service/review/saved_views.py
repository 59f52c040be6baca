"""Saved filters of the review queue, personal or shared.

A personal filter belongs to an account or client. A shared view names a source and an account. So only those
are shown it who see every source that its author sees, and who may filter by its flag.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import count
from typing import Any

from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.review.queue_search import Filters, check_filters
from mpi.service.review.queue_triage import list_flags
from mpi.storage.repositories.review.saved_views import StoredView
from mpi.storage.unit_of_work.database import Lock

MAX_NAME_LENGTH = 64
"""Most characters in the name of a saved view."""
MAX_VIEWS = 50
"""Most saved views of one account or client."""
MAX_SHARED = 200
"""Most shared views that are listed, the first by name."""


@dataclass(frozen=True, slots=True)
class SharedView:
    """A view that another person shares.

    Args:
        name: its name.
        owner: account or client of the person.
        filters: its filters.
    """

    name: str
    owner: str
    filters: Filters


def list_saved_views(index: Index, viewer: Viewer) -> Mapping[str, Filters]:
    """Return the viewer's saved review-queue filters by name.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    with index.database.read(viewer) as unit:
        filters_by_name = unit.saved_views.views_of(viewer.client)
    return {name: _to_filters(filters) for name, filters in filters_by_name.items()}


def list_shared_views(index: Index, viewer: Viewer) -> list[SharedView]:
    """List the views that other people share with the viewer, by name.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    with index.database.read(viewer) as unit:
        views: list[SharedView] = []
        flags: set[str | None] = set()
        for offset in count(0, MAX_SHARED):
            stored = unit.saved_views.shared_views(MAX_SHARED, offset)
            flags = flags or ({None, *list_flags(unit)} if stored else set())
            views += [view for view in _select_seen(viewer, stored) if view.filters.flag in flags]
            if len(stored) < MAX_SHARED or len(views) >= MAX_SHARED:
                break
    return views[:MAX_SHARED]


def _select_seen(viewer: Viewer, stored: Iterable[StoredView]) -> Iterator[SharedView]:
    """Yield the views of others whose sources a viewer sees."""
    for view in stored:
        if view.actor != viewer.client and _sees_sources(viewer, view.sources):
            yield SharedView(view.name, view.actor, _to_filters(view.filters))


def _to_filters(stored: Mapping[str, Any]) -> Filters:
    """Return stored filters, without those of another version."""
    names = {field.name for field in fields(Filters)}
    return Filters(**{name: value for name, value in stored.items() if name in names})


def _sees_sources(viewer: Viewer, sources: frozenset[str] | None) -> bool:
    """Return whether a viewer may see some sources; None stands for all."""
    return viewer.sources is None or (sources is not None and sources <= viewer.sources)


def save_view(index: Index, viewer: Viewer, name: str, filters: Filters, *, shared: bool = False) -> None:
    """Store a review-queue filter under a name, replacing one of that name.

    A local ID or a child's name in the filter is not stored.

    Args:
        index: the open index.
        viewer: whose view it is.
        name: name of the view.
        filters: the filter.
        shared: whether those see it who see all sources that the viewer sees.

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
        stored = {**asdict(filters), "text": None, "child": None}
        unit.saved_views.save(viewer.client, name, stored, viewer.sources if shared else ())


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
