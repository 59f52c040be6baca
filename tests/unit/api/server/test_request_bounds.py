"""What one connection may send, over real sockets, with each parser that uvicorn knows."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from itertools import repeat
from pathlib import Path

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.server.serve import listen
from mpi.api.server.server_config import MAX_HEADER_BYTES
from tests.index import make_child, open_test_index
from tests.unit.api.live import PLAIN, serving

PROTOCOLS = {
    "httptools": "mpi.api.server.httptools_protocol:BoundedHttpToolsProtocol",
    "h11": "mpi.api.server.h11_protocol:BoundedH11Protocol",
}
TIMEOUT_S = 0.5
WAIT_S = 60
"""Longest wait for what a busy machine does late."""
TRICKLE = 600
"""Parts that come slowly: many more than the server waits for."""
HUGE_BYTES = 100_000_000
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
FORM = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture(scope="module", params=PROTOCOLS)
def url(request, index):
    with serving(create_app(index), TIMEOUT_S, PROTOCOLS[request.param]) as url:
        yield url


def connect(url):
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=WAIT_S)


def read_to_end(connection):
    """Read what a server sends until it closes the connection."""
    answer = b""
    while chunk := connection.recv(65_536):
        answer += chunk
    return answer


def read_answer(connection):
    """Read one whole answer; its head and body may come in several parts."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += receive(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    size = int(re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)[1])
    while len(body) < size:
        body += receive(connection)
    assert len(body) == size
    return head


def receive(connection):
    chunk = connection.recv(65_536)
    assert chunk, "the server closed the connection in the middle of an answer"
    return chunk


def send_while_open(connection, parts, pause_s=0.0):
    """Send parts until they end or the server answers or closes; return the answer and the bytes sent."""
    answer, sent = b"", 0
    try:
        for part in parts:
            readable, _, _ = select.select([connection], [], [], pause_s)
            if readable:
                break
            connection.sendall(part)
            sent += len(part)
        answer = read_to_end(connection)
    except ConnectionError:
        pass
    return answer, sent


def problem_of(answer):
    """Return status and problem type of a raw answer, after checking its form."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    problem = json.loads(body)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert int(headers["content-length"]) == len(body)
    assert problem["instance"] == f"urn:uuid:{headers['x-request-id']}"
    assert problem["status"] == int(status_line.split()[1])
    return problem["status"], problem["type"]


def pad(size):
    """Return a request of a certain size, most of it one header."""
    start, end = REQUEST + b"X-Long: ", b"\r\n\r\n"
    return start + b"a" * (size - len(start) - len(end)) + end


def test_headers_up_to_the_limit_are_read_and_longer_ones_refused(url):
    with connect(url) as connection:
        connection.sendall(pad(MAX_HEADER_BYTES))
        assert read_answer(connection).startswith(b"HTTP/1.1 200 ")
    with connect(url) as connection:
        connection.sendall(pad(MAX_HEADER_BYTES + 1))
        assert problem_of(read_to_end(connection)) == (431, "urn:mpi:problem:headers-too-large")


def test_a_huge_header_is_refused_at_its_beginning(url):
    megabyte = b"a" * 1_000_000
    with connect(url) as connection:
        connection.sendall(REQUEST + b"X-Long: ")
        answer, sent = send_while_open(connection, repeat(megabyte, HUGE_BYTES // len(megabyte)), 0.05)
    assert problem_of(answer) == (431, "urn:mpi:problem:headers-too-large")
    assert sent < HUGE_BYTES / 10


def test_many_small_headers_are_refused_too(url):
    with connect(url) as connection:
        connection.sendall(REQUEST)
        answer, _ = send_while_open(connection, repeat(b"X-Short: a\r\n" * 1_000, 1_000), 0.01)
    assert problem_of(answer)[0] == 431


def test_endless_trailers_of_a_body_are_refused(url):
    with connect(url) as connection:
        connection.sendall(FORM + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
        answer, sent = send_while_open(connection, repeat(b"X-Short: a\r\n" * 1_000, 1_000), 0.01)
    assert problem_of(answer) == (431, "urn:mpi:problem:headers-too-large")
    assert sent < 1_000_000


def test_headers_that_come_slowly_are_refused_before_they_end(url):
    with connect(url) as connection:
        connection.sendall(REQUEST)
        answer, sent = send_while_open(connection, repeat(b"X-Short: a\r\n", TRICKLE), TIMEOUT_S / 5)
    assert problem_of(answer) == (408, "urn:mpi:problem:request-timeout")
    assert sent < TRICKLE * len(b"X-Short: a\r\n")


def test_slow_headers_of_a_second_request_are_refused_too(url):
    with connect(url) as connection:
        connection.sendall(REQUEST + b"\r\n")
        assert read_answer(connection).startswith(b"HTTP/1.1 200 ")
        answer, _ = send_while_open(connection, repeat(b"G", 100), TIMEOUT_S / 5)
    assert answer.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 "))


def test_empty_lines_do_not_keep_a_connection_open(url):
    with connect(url) as connection:
        _, sent = send_while_open(connection, repeat(b"\r\n", TRICKLE), TIMEOUT_S / 5)
    assert sent < TRICKLE * len(b"\r\n")


def test_a_connection_without_a_request_is_closed_without_an_answer(url):
    start = time.monotonic()
    with connect(url) as connection:
        assert read_to_end(connection) == b""
    assert time.monotonic() - start > TIMEOUT_S / 2


def test_a_body_that_comes_byte_by_byte_is_refused(url):
    with connect(url) as connection:
        connection.sendall(FORM + b"Content-Length: 5000\r\n\r\n")
        answer, sent = send_while_open(connection, repeat(b"a", TRICKLE), TIMEOUT_S / 5)
    assert problem_of(answer) == (408, "urn:mpi:problem:request-timeout")
    assert sent < TRICKLE


def test_a_body_that_goes_on_may_take_longer_than_the_time_out(url, key):
    def send_lines():
        for number in range(6):
            line = {"source": "D01", **make_child(f"slow-{number}", first_name=f"Slow{number}")}
            yield json.dumps(line).encode() + b"\n"
            time.sleep(TIMEOUT_S / 2)

    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx.post(
        f"{url}/v1/records:bulk", content=send_lines(), headers=headers, timeout=WAIT_S, verify=PLAIN
    )
    assert answer.status_code == 200
    assert len(answer.text.splitlines()) == 6


def test_a_connection_is_used_again_after_a_pause_longer_than_the_time_out(url):
    with connect(url) as connection:
        for _ in range(2):
            connection.sendall(REQUEST + b"\r\n")
            assert read_answer(connection).startswith(b"HTTP/1.1 200 ")
            time.sleep(1.5 * TIMEOUT_S)


def test_others_are_answered_while_slow_connections_wait(url):
    slow_connections = [connect(url) for _ in range(200)]
    try:
        for connection in slow_connections:
            connection.sendall(REQUEST)
        start = time.monotonic()
        assert httpx.get(f"{url}/healthz", timeout=WAIT_S, verify=PLAIN).status_code == 200
        # One after the other, they would time out in 100 seconds.
        assert time.monotonic() - start < WAIT_S
    finally:
        for connection in slow_connections:
            connection.close()


@pytest.mark.slow
def test_a_server_process_takes_no_memory_for_a_huge_header(tmp_path):
    with open_test_index(tmp_path, "D01"), listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"MPI_HOME": str(tmp_path), "MPI_MODEL": str(tmp_path / "tiny")}
    command = [sys.executable, "-m", "mpi", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        _await_server(url)
        status = Path(f"/proc/{process.pid}/status")
        # Begins the peak of the memory anew; see proc_pid_clear_refs(5).
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
        before = _read_peak_kib(status)
        with connect(url) as connection:
            connection.sendall(REQUEST + b"X-Long: ")
            try:
                for _ in range(100):
                    connection.sendall(b"a" * (HUGE_BYTES // 100))
            except ConnectionError:
                pass
        assert _read_peak_kib(status) - before < 20_000
        assert httpx.get(f"{url}/healthz", verify=PLAIN).status_code == 200
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def _read_peak_kib(status):
    """Return the peak of the resident memory of a process."""
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line)


def _await_server(url):
    deadline = time.monotonic() + 300
    while True:
        try:
            httpx.get(f"{url}/healthz", verify=PLAIN)
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
