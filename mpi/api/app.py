"""FastAPI application around one open index."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from mpi import __version__
from mpi.api.middleware.fast_path_dispatch import FastPathDispatcher
from mpi.api.middleware.metrics import Metrics
from mpi.api.middleware.request_middleware import RequestMiddleware
from mpi.api.openapi import DocumentedAPI
from mpi.api.pages import page_route
from mpi.api.pages.desk import sign_in, view_as
from mpi.api.pages.routes import router as pages
from mpi.api.pages.session import authentication
from mpi.api.request import problems
from mpi.api.routes import (
    agreements,
    consents,
    crosswalk,
    decisions,
    explanations,
    expunge_requests,
    freezes,
    golden,
    health,
    legal,
    loads,
    persons,
    proposals,
    quality,
    questions,
    records,
    saved_views,
    sources,
    tasks,
)
from mpi.api.routes.desk import links
from mpi.domain.errors import InputError
from mpi.service.agreements.notices import NoticeWorker
from mpi.service.core.index import Index
from mpi.service.quality.publication import FigurePublisher
from mpi.service.records.deferred_search import DeferredSearchWorker

MAX_THREADS = 12
"""Threads that handle requests.

Fewer than the store's 15 connections, so that no thread waits for one.
"""

_DESCRIPTION = """\
Tells that two records are the same child. Send a record with `PUT` and get one stable enterprise ID.

Every call needs the key of a client, as `Authorization: Bearer <key>` or `X-API-Key: <key>`, and may name a
purpose of use. Each answer about a person is on the ledger of disclosures before it leaves. Errors are
`application/problem+json` (RFC 9457). See docs/api.md.
"""
_TAGS = [
    {"name": "records", "description": "What the sources say."},
    {"name": "persons", "description": "Who that is."},
    {"name": "decisions", "description": "What people decide, and take back."},
    {"name": "recluster", "description": "What would change, before it does."},
    {"name": "crosswalk", "description": "Local IDs to enterprise IDs, and their changes."},
    {"name": "review", "description": "What waits for a steward."},
    {"name": "agreements", "description": "What may be disclosed to whom, why and until when."},
    {"name": "legal", "description": "What courts ask for, and what counsel lets out."},
    {"name": "quality", "description": "How good the index and its stewards are."},
]


def create_app(index: Index, *, open_pages: bool = False) -> FastAPI:
    """Create the web application that serves a master person index.

    Args:
        index: the open index.
        open_pages: whether the pages can be used without signing in; for a test index only.

    Raises:
        InputError: open pages of an index that is not a test index.
    """
    if open_pages and not index.settings.is_test:
        raise InputError("pages without signing in are for a test index with synthetic records only")
    # FastAPI's own documentation pages would load scripts from another host.
    app = DocumentedAPI(
        title="Master Person Index", version=__version__, description=_DESCRIPTION, openapi_tags=_TAGS,
        docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=_lifespan,
    )  # fmt: skip
    app.state.index = index
    app.state.matchers = {}
    app.state.metrics = metrics = Metrics()
    problems.install_error_handlers(app)
    page_route.install(app)
    # Routes are matched in order, so the most frequent ones come first.
    fast_path_routers = (crosswalk.look_up_router, persons.look_up_router, records.upsert_router)
    for router in fast_path_routers:
        app.include_router(router)
    for module in (
        records, loads, sources, persons, golden, explanations, decisions, proposals, crosswalk, tasks,
        quality, questions, freezes, consents, expunge_requests, saved_views, agreements, legal, links,
        health,
    ):  # fmt: skip
        app.include_router(module.router)
    authentication.install(app, open_pages=open_pages)
    app.include_router(pages)
    if open_pages:
        app.include_router(view_as.router)
    else:
        sign_in.install(app)
    app.add_middleware(RequestMiddleware, metrics=metrics, dispatcher=FastPathDispatcher(fast_path_routers))
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the background workers with the application, and stop them."""
    to_thread.current_default_thread_limiter().total_tokens = MAX_THREADS
    workers = (
        DeferredSearchWorker(lambda: app.state.index),
        FigurePublisher(lambda: app.state.index),
        NoticeWorker(lambda: app.state.index),
    )
    for worker in workers:
        worker.start()
    yield
    for worker in workers:
        worker.stop()
