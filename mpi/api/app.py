"""FastAPI application around one open index."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from anyio import to_thread
from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from mpi import __version__
from mpi.api.edfi import routes as edfi
from mpi.api.fhir.availability import load_router as load_fhir_router
from mpi.api.middleware.fast_path_dispatch import FastPathDispatcher
from mpi.api.middleware.metrics import Metrics
from mpi.api.middleware.request_middleware import RequestMiddleware
from mpi.api.openapi import DocumentedAPI
from mpi.api.pages import page_route
from mpi.api.pages.desk import first_account, second_factor, sessions, sign_in, single_sign_on, view_as
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
from mpi.api.routes.administration import clients
from mpi.api.routes.data_quality import issues, scorecards, tickets
from mpi.api.routes.desk import jobs, links
from mpi.api.routes.oversight import incidents, ledger, obligations
from mpi.api.routes.reports import child_reports
from mpi.api.routes.rights import cases as rights_cases
from mpi.api.routes.rights import legal, research, retention
from mpi.api.routes.rosters import caseloads, contacts, items, letters, lists
from mpi.api.routes.sign_in import token_endpoint
from mpi.api.routes.subscriptions import webhooks
from mpi.domain.errors import InputError
from mpi.service.agreements import notices
from mpi.service.audit.incident_notices import log_incident_notices
from mpi.service.core.index import Index, IndexSettings
from mpi.service.loads.sent_files import sweep
from mpi.service.processes.repeating_thread import RepeatingThread
from mpi.service.quality.publication import FigurePublisher
from mpi.service.records.deferred_search import DeferredSearchWorker
from mpi.service.webhooks.worker import WebhookWorker

MAX_THREADS = 12
"""Threads that handle requests.

Fewer than the store's 15 connections, so that no thread waits for one.
"""

_DESCRIPTION = """\
Tells that two records are the same child. Send a record with `PUT` and get one stable enterprise ID.

Every call needs the key of a client, as `Authorization: Bearer <key>` or `X-API-Key: <key>`, or a token in
its place, and may name a purpose of use. Each answer about a person is on the ledger of disclosures before
it leaves. Errors are `application/problem+json` (RFC 9457). See docs/api.md.
"""
_TAGS = [
    {"name": "records", "description": "What the sources say."},
    {"name": "persons", "description": "Who that is."},
    {"name": "decisions", "description": "What people decide, and take back."},
    {"name": "recluster", "description": "What would change, before it does."},
    {"name": "jobs", "description": "How far long work is."},
    {"name": "crosswalk", "description": "Local IDs to enterprise IDs, and their changes."},
    {"name": "webhooks", "description": "Addresses to which changes are sent."},
    {"name": "rosters", "description": "Which children are in care, for who cares for them."},
    {"name": "review", "description": "What waits for a steward."},
    {"name": "agreements", "description": "What may be disclosed to whom, why and until when."},
    {"name": "legal", "description": "What courts ask for, and what counsel lets out."},
    {"name": "rights", "description": "What persons may inspect and amend, and what is kept how long."},
    {"name": "identities", "description": "Ed-Fi Identities API v2: unique IDs of students."},
    {"name": "fhir", "description": "FHIR R4: match a Patient, translate patient identifiers."},
    {"name": "administration", "description": "Who may call the API."},
    {"name": "quality", "description": "How good the index and its stewards are."},
]

_API_MODULES = (
    records, loads, sources, persons, golden, explanations, decisions, proposals, jobs, crosswalk, tasks,
    quality, issues, scorecards, questions, freezes, consents, expunge_requests, saved_views, agreements,
    legal, rights_cases, retention, research, ledger, incidents, links, webhooks, clients, lists, contacts,
    edfi, letters, health, token_endpoint, tickets, obligations, caseloads, items,
    child_reports,
)  # fmt: skip
_SIGN_IN_MODULES = (sign_in, single_sign_on, sessions, second_factor, first_account)
_FAST_PATH_ROUTERS = (crosswalk.look_up_router, persons.look_up_router, records.upsert_router)


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
        servers=[{"url": "/", "description": "The server that gave this document."}],
        docs_url=None, redoc_url=None, redirect_slashes=False, lifespan=_lifespan,
        routes=_list_routes(open_pages=open_pages),
    )  # fmt: skip
    app.state.index = index
    app.state.matchers = {}
    app.state.metrics = metrics = Metrics()
    problems.install_error_handlers(app)
    page_route.install(app)
    authentication.install(app, open_pages=open_pages)
    if not open_pages:
        sign_in.install(app)
        single_sign_on.install(app)
    # The document of the API is made without an index.
    settings: IndexSettings | None = getattr(index, "settings", None)
    app.add_middleware(
        RequestMiddleware,
        metrics=metrics,
        dispatcher=FastPathDispatcher(_FAST_PATH_ROUTERS),
        host_names=frozenset() if settings is None else settings.host_names,
        guess_limits=None if settings is None else settings.guess_limits,
        issuer=None if settings is None else settings.token_issuer,
    )
    return app


@cache
def _list_routes(*, open_pages: bool) -> list[BaseRoute]:
    """Return the routes of an application, which hold nothing of an index.

    All applications of a process share them: at its first request, FastAPI takes half a second to learn the
    parameters of each.
    """
    if open_pages:
        return [*_list_common_routes(), *_include(view_as.router)]
    return [*_list_common_routes(), *_include(*(module.router for module in _SIGN_IN_MODULES))]


@cache
def _list_common_routes() -> list[BaseRoute]:
    """Return the routes of every application, in the order of matching."""
    api = (module.router for module in _API_MODULES)
    return _include(*_FAST_PATH_ROUTERS, *api, load_fhir_router(), pages)


def _include(*routers: APIRouter) -> list[BaseRoute]:
    parent = APIRouter()
    for router in routers:
        parent.include_router(router)
    return parent.routes


def _log_notices(index: Index) -> None:
    """Log warnings of what is due: agreements and incidents."""
    notices.log_due_notices(index)
    log_incident_notices(index)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the background workers with the application, and stop them."""
    to_thread.current_default_thread_limiter().total_tokens = MAX_THREADS
    workers: list[DeferredSearchWorker | FigurePublisher | RepeatingThread | WebhookWorker] = [
        DeferredSearchWorker(lambda: app.state.index),
        FigurePublisher(lambda: app.state.index),
        RepeatingThread("uploads", lambda: sweep.remove_forgotten_files(app.state.index), sweep.INTERVAL),
        RepeatingThread("notices", lambda: _log_notices(app.state.index), notices.INTERVAL),
    ]
    if app.state.index.settings.delivers_webhooks:
        workers.append(WebhookWorker(lambda: app.state.index))
    for worker in workers:
        worker.start()
    yield
    for worker in workers:
        worker.stop()
