"""Dispatch of frequent requests to handlers that bypass FastAPI.

FastAPI's layers cost as much as a look-up itself. Only requests of the common form take the fast path; every
other form goes through FastAPI, so that one set of rules decides what is refused and how.
"""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope

from mpi.api.request.model_reload import ModelReloadRoute


class FastPathRoute(ModelReloadRoute):
    """API route that can answer common requests without FastAPI, for speed.

    Its FastAPI handler documents the route and answers every other request.
    """

    async def try_fast_path(self, request: Request) -> Response | None:
        """Answer a request of the common form without FastAPI.

        Returns:
            None if the request is of another form; nothing was done then.
        """
        raise NotImplementedError


class FastPathDispatcher:
    """Dispatcher of requests to the API routes that can bypass FastAPI.

    Args:
        routers: routers of those routes, in the order of the application.
    """

    def __init__(self, routers: Sequence[APIRouter]) -> None:
        self._routes = [
            route for router in routers for route in router.routes if isinstance(route, FastPathRoute)
        ]

    async def dispatch(self, scope: Scope, receive: Receive) -> Response | None:
        """Answer a request without FastAPI; None if FastAPI must answer it."""
        for route in self._routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                scope.update(child_scope)
                return await route.try_fast_path(Request(scope, receive))
        return None
