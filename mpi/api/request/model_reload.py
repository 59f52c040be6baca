"""Reload of the matching model or token keys that are in force.

A running server process goes on answering with the new ones.
"""

import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mpi.composition.models import load_matcher
from mpi.config import Settings
from mpi.domain.errors import ModelMovedError
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index, Matcher

_reload_lock = threading.Lock()


class ModelReloadRoute(APIRoute):
    """API route that reloads the matching model and retries if it changed."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return a request handler that retries once after a model reload.

        The retry is safe, because the first call changed nothing.
        """
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except ModelMovedError:
                await run_in_threadpool(reload_model, request.app)
                return await handle(request)

        return handler


def reload_model(app: FastAPI) -> Index:
    """Load the model and token keys in force, to serve with them.

    Raises:
        ModelError: the model cannot be found or compiled here.
        StoreError: a token key cannot be read here.
        ModelMovedError: the model of that name in this home folder is a different one.
    """
    with _reload_lock:
        index: Index = app.state.index
        with index.database.read(make_operator()) as unit:
            active_config = unit.configs.active_config()
        if active_config is None or index.runs(active_config):
            return index
        ref = active_config.model
        matchers: dict[str, Matcher] = app.state.matchers
        if ref not in matchers or not matchers[ref].runs(active_config):
            settings = Settings(home=index.home, model=None, database_url=None, secret_file=None)
            matchers[ref] = load_matcher(settings, ref, keyed_hash=index.keyed_hash)
        if not matchers[ref].runs(active_config):
            raise ModelMovedError(f"the folder of model {ref} differs from the model in force: restore it")
        reloaded = replace(index, matcher=matchers[ref]).with_token_keys(active_config.token_keys)
        app.state.index = reloaded
        return reloaded


def cache_model(app: FastAPI, matcher: Matcher) -> None:
    """Keep in memory a matching model that is about to be activated.

    So no request waits for it to be loaded.
    """
    app.state.matchers[matcher.model.ref] = matcher
