"""Short ways are tried before the application, which answers what they leave."""

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


def answered(method: str, path: str) -> tuple[int, str, str]:
    """Status and body of a call, and the route that it is measured under."""
    metrics = Metrics()
    shell = RequestMiddleware(_application, metrics, FastPathDispatcher([router, other]))
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": [(b"host", b"localhost")],
    }  # fmt: skip
    asyncio.run(shell(scope, receive, send))
    [measured] = [
        line for line in metrics.render().splitlines() if line.startswith("mpi_http_requests_total{")
    ]
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], body.decode(), measured.split('route="')[1].split('"')[0]


def test_a_short_way_answers_and_the_application_is_not_asked():
    assert answered("GET", "/things/one") == (200, "short one", "/things/{name}")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/things/left"), ("PUT", "/things/one"), ("GET", "/others/one"), ("GET", "/")],
)
def test_what_no_short_way_answers_the_application_does(method, path):
    assert answered(method, path)[:2] == (200, "long")


def test_what_a_short_way_refuses_is_a_problem():
    status, body, _ = answered("GET", "/things/missing")
    assert status == 404
    assert "there is no such thing" in body


def test_what_goes_wrong_on_a_short_way_says_nothing_of_itself():
    status, body, _ = answered("GET", "/things/broken")
    assert status == 500
    assert "ZeroDivision" not in body
