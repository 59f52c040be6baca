"""Traces of calls with OpenTelemetry, an optional extra.

A span has the method, the route's template, the status, the request ID and the client. OpenTelemetry's own
instrumentation of FastAPI would add path, query, address and user agent, and paths hold local IDs.
"""

from __future__ import annotations

import logging
import os
from http import HTTPMethod, HTTPStatus
from typing import TYPE_CHECKING

from starlette.datastructures import Headers

from mpi.api.request.client_address import find_caller
from mpi.api.request.problems import REQUEST_ID
from mpi.domain.errors import InputError

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SERVICE = "master-person-index"
"""Name of the service in traces, unless ``OTEL_SERVICE_NAME`` names it."""
STANDARD_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Variables of OpenTelemetry that name where traces are sent."""
_ABSENT = "traces need the optional extra otel, which is not installed: pip install '.[otel]' in a checkout"
_PARENT = "traceparent"
_METHODS = frozenset(HTTPMethod)
_log = logging.getLogger("mpi.api")


def trace_calls(app: ASGIApp, endpoint: str | None) -> ASGIApp:
    """Return an application that sends a span of each call.

    It is the same one where no traces are asked for.

    Args:
        app: the application.
        endpoint: base address of the collector (OTLP over HTTP), such as ``http://127.0.0.1:4318``; None for
            that of OpenTelemetry's own variables, if one is set.

    Raises:
        InputError: an address is given, and the optional extra is not installed.
    """
    if endpoint is None and not any(os.environ.get(name) for name in STANDARD_VARIABLES):
        return app
    try:
        tracer = _make_tracer(endpoint)
    except ImportError:
        if endpoint is not None:
            raise InputError(f"MPI_OTEL_ENDPOINT: {_ABSENT}") from None
        # Such variables are often set for all programs of a cluster.
        _log.warning(_ABSENT)
        return app
    return TracedApplication(app, tracer)


def _make_tracer(endpoint: str | None) -> Tracer:
    """Return a tracer that sends spans in the background.

    It drops those that it cannot send.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - an optional extra
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415 - an optional extra
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - an optional extra
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - an optional extra

    name = os.environ.get("OTEL_SERVICE_NAME") or SERVICE
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
    target = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=target)))
    return provider.get_tracer("mpi")


class TracedApplication:
    """ASGI application that makes a span of each call.

    Args:
        app: the application.
        tracer: makes the spans.
    """

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call within a span, which continues the caller's trace."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind  # noqa: PLC0415 - an optional extra
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - an optional extra
            TraceContextTextMapPropagator,
        )

        status = HTTPStatus.INTERNAL_SERVER_ERROR.value

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        # Only the caller's trace ID is read: its tracestate and baggage could hold anything.
        parent = {_PARENT: Headers(scope=scope).get(_PARENT, "")}
        with self._tracer.start_as_current_span(
            "call",
            context=TraceContextTextMapPropagator().extract(parent),
            kind=SpanKind.SERVER,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                await self._app(scope, receive, send_noted)
            finally:
                _describe_call(span, scope, status)


def _describe_call(span: Span, scope: Scope, status: int) -> None:
    """Put the facts of an answered call into its span."""
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - an optional extra

    method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
    route = getattr(scope.get("route"), "path", None)
    span.update_name(f"{method} {route}" if route else method)
    facts = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "mpi.request_id": scope.get(REQUEST_ID),
        "mpi.client": find_caller(scope),
    }
    span.set_attributes({name: value for name, value in facts.items() if value is not None})
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.set_status(StatusCode.ERROR)
