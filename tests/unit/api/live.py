"""Live server on loopback, as callers meet it: raw paths, and bodies in chunks."""

import asyncio
import socket
import ssl
import threading
import time
from contextlib import contextmanager

import httpx
import uvicorn

from mpi.api.server.serve import listen
from mpi.api.server.server_config import ServerConfig
from mpi.domain.viewer import Action, make_operator
from mpi.policy.agreement import HOUSE
from mpi.service.access.setup import hash_token
from mpi.storage.repositories.access.clients import Client

TIMEOUT_S = 30
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""TLS context of clients that speak without TLS: httpx would read all certificates for each client."""


class PromptServer(uvicorn.Server):
    """A server that looks often whether to stop; uvicorn does ten times a second."""

    async def main_loop(self) -> None:
        """Wait until the server is told to stop."""
        while not await self.on_tick(0):
            await asyncio.sleep(0.01)


def add_key(index, name: str, actions=frozenset(Action), sources=None) -> str:
    """Add a client and return its key."""
    key = f"mpi_test_{name}"
    with index.database.write(make_operator(), "client-add") as unit:
        client = Client(name, frozenset(actions), None if sources is None else frozenset(sources), HOUSE)
        unit.clients.add(unit.counters.take("client"), client, hash_token(key), unit.commit_no)
    return key


@contextmanager
def serving(app, request_timeout_s: float = 10, protocol: str | None = None, tls=None):
    """Serve the application and yield its base URL; ``protocol`` is the import path of another class."""
    listener = listen("127.0.0.1", 0)
    config = ServerConfig(app, request_timeout_s=request_timeout_s, grace_s=1, tls=tls)
    config.http = protocol or config.http
    server = PromptServer(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    deadline = time.monotonic() + TIMEOUT_S
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.005)
    try:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(TIMEOUT_S)
        listener.close()


@contextmanager
def calling(app, key: str | None):
    """Serve the application and yield a client that has a key."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    with serving(app) as url, httpx.Client(base_url=url, headers=headers, timeout=30, verify=PLAIN) as client:
        yield client


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    """Return the problem of an answer, after checking it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:mpi:problem:{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    return body


def send_raw(url: str, data: bytes) -> bytes:
    """Send bytes unchanged and read the answer to its end."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    return answer


def await_status(url: str) -> int:
    """Return the status of an address, once a server answers there."""
    deadline = time.monotonic() + 300
    while True:
        try:
            return httpx.get(url, timeout=60, verify=PLAIN).status_code
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def problem_of_route(answer: httpx.Response, path: str, status: int, code: str) -> dict[str, object]:
    """Return the problem of a route's answer, after checking it; Ed-Fi and FHIR have codes of their own."""
    if path.startswith("/fhir/"):
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/fhir+json"
        [issue] = answer.json()["issue"]
        assert issue["code"] == {401: "login", 403: "forbidden"}[status]
        return {"detail": issue["diagnostics"]}
    if not path.startswith("/identity/v2"):
        return problem(answer, status, code)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (
        body["type"]
        == {
            401: "urn:ed-fi:api:security:authentication",
            403: "urn:ed-fi:api:security:authorization",
        }[status]
    )
    return body
