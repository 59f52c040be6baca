"""Fast paths run before the application, which answers what they leave."""

import asyncio

import pytest
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from mpi.api.middleware.fast_path_dispatch import FastPathDispatcher, FastPathRoute
from mpi.api.middleware.metrics import Metrics
from mpi.api.middleware.request_middleware import RequestMiddleware
from mpi.domain.errors import NotFoundError


class _Route(FastPathRoute):
    async def try_fast_path(self, request: Request) -> Response | None:
        match request.path_params["name"]:
            case "left":
                return None
            case "missing":
                raise NotFoundError("there is no such thing")
            case "broken":
                raise ZeroDivisionError
            case name:
                return PlainTextResponse(f"short {name}")


router, other = APIRouter(route_class=_Route), APIRouter()


@router.get("/things/{name}")
def get_thing(name: str) -> str:
    return name


@other.get("/others/{name}")
def get_other(name: str) -> str:
    return name


async def _application(scope, receive, send):
    await PlainTextResponse("long")(scope, receive, send)


def call_dispatcher(method: str, path: str) -> tuple[int, str, str]:
    """Return status and body of a call, and the route of its metric."""
    metrics = Metrics()
    middleware = RequestMiddleware(_application, metrics, FastPathDispatcher([router, other]))
    messages = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        messages.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"host", b"localhost")],
    }  # fmt: skip
    asyncio.run(middleware(scope, receive, send))
    [metric_line] = [
        line for line in metrics.render().splitlines() if line.startswith("mpi_http_requests_total{")
    ]
    body = b"".join(message.get("body", b"") for message in messages)
    return messages[0]["status"], body.decode(), metric_line.split('route="')[1].split('"')[0]


def test_a_fast_path_answers_without_the_application():
    assert call_dispatcher("GET", "/things/one") == (200, "short one", "/things/{name}")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/things/left"), ("PUT", "/things/one"), ("GET", "/others/one"), ("GET", "/")],
)
def test_the_application_answers_what_no_fast_path_does(method, path):
    assert call_dispatcher(method, path)[:2] == (200, "long")


def test_a_refusal_of_a_fast_path_is_a_problem():
    status, body, _ = call_dispatcher("GET", "/things/missing")
    assert status == 404
    assert "there is no such thing" in body


def test_an_unexpected_error_on_a_fast_path_shows_no_details():
    status, body, _ = call_dispatcher("GET", "/things/broken")
    assert status == 500
    assert "ZeroDivision" not in body
