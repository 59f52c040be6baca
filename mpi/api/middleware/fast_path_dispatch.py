"""Short ways: the shell tries them before FastAPI's own layers, which cost as much as a look-up reads.

A call of any form but the common one goes FastAPI's way, so that one set of rules decides what is refused
and how.
"""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope

from mpi.api.request.model_reload import ModelReloadRoute


class FastPathRoute(ModelReloadRoute):
    """A route with a short way; what it is documented as, and answers in any other form, is FastAPI's."""

    async def try_fast_path(self, request: Request) -> Response | None:
        """The answer; None where the call is not of the common form, and nothing was done."""
        raise NotImplementedError


class FastPathDispatcher:
    """The routes that have a short way.

    Args:
        routers: where they are, in the order of the application.
    """

    def __init__(self, routers: Sequence[APIRouter]) -> None:
        self._routes = [
            route for router in routers for route in router.routes if isinstance(route, FastPathRoute)
        ]

    async def dispatch(self, scope: Scope, receive: Receive) -> Response | None:
        """The answer to a call; None where it has to go FastAPI's way."""
        for route in self._routes:
            match, child_scope = route.matches(scope)
            if match is Match.FULL:
                scope.update(child_scope)
                return await route.try_fast_path(Request(scope, receive))
        return None
