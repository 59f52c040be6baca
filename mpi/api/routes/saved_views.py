"""Routes for saved filters of the review queue."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, permit
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.api.schemas.saved_views import (
    ForgetViewBody,
    SavedViewOut,
    SaveViewBody,
)
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.review.queue import Filters
from mpi.service.review.saved_views import delete_view, list_saved_views, save_view

router = APIRouter(tags=["review"])
_ANY_STATE = "any"


@router.get(
    "/v1/review-views",
    operation_id="list_saved_views",
    response_model=list[SavedViewOut],
    summary="List saved filters of the review queue",
    responses=describe_problems(),
)
def get_views(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, object]]:
    """List the caller's saved filters of the review queue.

    Each holds what `GET /v1/review-questions` takes. Ordered by name.
    """
    return _list_views(index, viewer)


@router.post(
    "/v1/review-views",
    operation_id="save_view",
    response_model=list[SavedViewOut],
    summary="Save a filter of the review queue",
    responses=describe_problems(413),
    dependencies=[permit(Action.TASK_READ)],
    openapi_extra=describe_body(SaveViewBody),
)
def post_view(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[SaveViewBody, Depends(SaveViewBody.read)],
) -> list[dict[str, object]]:
    """Save a filter of the review queue under a name.

    A filter of that name is replaced. A local ID is not stored. Returns all saved filters.
    """
    save_view(index, viewer, body.name, _build_filters(body))
    return _list_views(index, viewer)


@router.post(
    "/v1/review-views:forget",
    operation_id="forget_view",
    response_model=list[SavedViewOut],
    summary="Delete a saved filter",
    responses=describe_problems(404, 413),
    dependencies=[ActionPath, permit(Action.TASK_READ)],
    openapi_extra=describe_body(ForgetViewBody),
)
def post_forget(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[ForgetViewBody, Depends(ForgetViewBody.read)],
) -> list[dict[str, object]]:
    """Delete a saved filter of the review queue, and list the rest."""
    delete_view(index, viewer, body.name)
    return _list_views(index, viewer)


def _build_filters(body: SaveViewBody) -> Filters:
    """Build review-queue filters from the members of a request body."""
    state = body.state or Filters().state
    return Filters(
        kind=body.kind,
        state=None if state == _ANY_STATE else state,
        source=body.source,
        mine=body.mine,
        due=body.due,
        burst=body.burst,
    )


def _list_views(index: Index, viewer: Viewer) -> list[dict[str, object]]:
    """Return the caller's saved review-queue filters as plain values."""
    filters_by_name: Mapping[str, Filters] = list_saved_views(index, viewer)
    return [
        {
            "name": name,
            "kind": filters.kind,
            "state": filters.state or _ANY_STATE,
            "source": filters.source,
            "mine": filters.mine,
            "due": filters.due,
            "burst": filters.burst,
        }
        for name, filters in sorted(filters_by_name.items())
    ]
