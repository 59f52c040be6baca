"""Following: a process that answers goes on answering when the index moves to another model."""

import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mpi.bootstrap import load_matcher
from mpi.config import Settings
from mpi.domain.errors import ModelMovedError
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index, Matcher

_reload_lock = threading.Lock()


class ModelReloadRoute(APIRoute):
    """A route that answers with the model that the index has moved to, where it has."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, called once more after the move; nothing was done the first time."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except ModelMovedError:
                await run_in_threadpool(reload_model, request.app)
                return await handle(request)

        return handler


def reload_model(app: FastAPI) -> Index:
    """Take the model in force, and answer with it from now on.

    Raises:
        ModelError: it cannot be found or compiled here.
        ModelMovedError: the model of that name that is here is another one.
    """
    with _reload_lock:
        index: Index = app.state.index
        with index.database.read(make_operator()) as unit:
            active_config = unit.configs.active()
        if active_config is None or index.matcher.runs(active_config):
            return index
        ref = active_config.model
        matchers: dict[str, Matcher] = app.state.matchers
        if ref not in matchers or not matchers[ref].runs(active_config):
            settings = Settings(home=index.home, model=None, database_url=None, secret_file=None)
            matchers[ref] = load_matcher(settings, ref)
        if not matchers[ref].runs(active_config):
            raise ModelMovedError(f"model {ref} is not here as the index runs on it: restore its folder")
        app.state.index = replace(index, matcher=matchers[ref])
        return app.state.index  # type: ignore[no-any-return]


def cache_model(app: FastAPI, matcher: Matcher) -> None:
    """Keep a model at hand that the index is about to move to, so that nobody waits for it to be loaded."""
    app.state.matchers[matcher.model.ref] = matcher
