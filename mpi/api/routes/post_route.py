"""Decorator of routes that change cases, incidents, holds, runs or projects."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from mpi.api.request.authentication import ActionPath, permit
from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action

_PROBLEMS = (404, 409, 413, 422)


def make_post_route(
    router: APIRouter,
    path: str,
    operation_id: str,
    actions: Action | Sequence[Action],
    summary: str,
    body: type[JsonBody],
    answer: type[BaseModel],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the decorator of a route that changes something.

    Args:
        router: the router that gets the route.
        path: its path; with a colon for an action on one case, hold, run or project.
        operation_id: its name in the OpenAPI document and in generated clients.
        actions: what the caller must be permitted, all of it.
        summary: its summary in the OpenAPI document.
        body: model of the request body.
        answer: model of the answer.
    """
    return router.post(
        path,
        operation_id=operation_id,
        response_model=answer,
        summary=summary,
        responses=describe_problems(*_PROBLEMS),
        dependencies=[
            *([ActionPath] if ":" in path else []),
            *(permit(each) for each in ((actions,) if isinstance(actions, Action) else actions)),
        ],
        openapi_extra=describe_body(body),
    )
