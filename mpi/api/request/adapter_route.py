"""Routes of a published standard, with errors in the standard's form."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.request.refusals import REFUSALS, record_denied_call
from mpi.domain.errors import MpiError


class AdapterRoute(ModelReloadRoute, ABC):
    """Route whose errors are answered in the form of a standard."""

    @abstractmethod
    def build_error(self, request: Request, error: MpiError) -> Response:
        """Build the answer to an error."""

    @abstractmethod
    def build_parameter_error(self, request: Request, error: RequestValidationError) -> Response:
        """Build the answer to wrong parameters, without any sent value."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return a request handler that answers errors; a refusal is recorded first."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return self.build_parameter_error(request, error)
            except MpiError as error:
                return self.build_error(request, await _record_refusal(request, error))

        return handler


async def _record_refusal(request: Request, error: MpiError) -> MpiError:
    """Record that the policy refused a call; return the error to answer."""
    if isinstance(error, REFUSALS):
        try:
            await run_in_threadpool(record_denied_call, request.app.state.index, error)
        except MpiError as failure:
            return failure
    return error
