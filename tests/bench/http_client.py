"""Small HTTP client over a kept-open connection, so that the load generator costs little."""

import json
import socket
import statistics
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

_CHUNK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request as bytes, ready to send."""

    data: bytes


class HttpClient:
    """One connection to a server on loopback.

    Args:
        port: port of the server.
        key: API key.
    """

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self._socket = self._connect()

    def put(self, source: str, record: dict[str, object]) -> Call:
        """Build an upsert."""
        body = json.dumps(record).encode()
        path = f"/v1/sources/{quote(source)}/records/{quote(str(record['local_id']), safe='')}"
        return Call(self._head("PUT", path, len(body)) + body)

    def delete(self, source: str, local_id: str) -> Call:
        """Build a withdrawal."""
        return Call(
            self._head("DELETE", f"/v1/sources/{quote(source)}/records/{quote(local_id, safe='')}", 0)
        )

    def get(self, path: str) -> Call:
        """Build a read."""
        return Call(self._head("GET", path, 0))

    def post(self, path: str, values: object, content_type: str) -> Call:
        """Build a call with a body of JSON."""
        body = json.dumps(values).encode()
        return Call(self._head("POST", path, len(body), content_type) + body)

    def _head(self, method: str, path: str, size: int, content_type: str = "application/json") -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Authorization: Bearer {self._key}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {size}\r\n\r\n"
        ).encode()

    def send(self, call: Call) -> dict[str, object]:
        """Send a call and return its JSON answer.

        Raises:
            RuntimeError: the status is neither 200 nor 201.
        """
        self._socket.sendall(call.data)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._receive()
        head = answer[:end].decode("latin-1").lower()
        size = int(head.partition("content-length:")[2].split("\r\n")[0])
        while len(answer) < end + 4 + size:
            answer += self._receive()
        status = int(head.split(" ", 2)[1])
        if status not in (200, 201):
            raise RuntimeError(f"answered {status}")
        return dict(json.loads(answer[end + 4 :]))

    def _receive(self) -> bytes:
        chunk = self._socket.recv(_CHUNK_BYTES)
        if not chunk:
            raise RuntimeError("the server closed the connection")
        return chunk

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), timeout=120)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def reconnect(self) -> None:
        """Open a new connection: the server closes one that has sent nothing for some seconds."""
        self._socket.close()
        self._socket = self._connect()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def time_calls(client: HttpClient, calls: Iterable[Call]) -> list[float]:
    """Return the milliseconds of each call, one after the other."""
    client.reconnect()
    durations = []
    for call in calls:
        began = time.perf_counter()
        client.send(call)
        durations.append((time.perf_counter() - began) * 1000)
    return durations


def summarize(durations: Sequence[float]) -> dict[str, float]:
    """Return median and 99th percentile in milliseconds, and the number of calls."""
    percentiles = statistics.quantiles(durations, n=100)
    return {
        "p50_ms": round(statistics.median(durations), 2),
        "p99_ms": round(percentiles[98], 2),
        "calls": len(durations),
    }


def run_concurrently(
    clients: Sequence[HttpClient], shares: Sequence[Iterator[Call]], seconds: float
) -> dict[str, float]:
    """Call from one thread per connection; return calls per second and the generator's share of a core."""
    durations: list[list[float]] = [[] for _ in clients]
    for client in clients:
        client.reconnect()
    deadline = time.perf_counter() + seconds

    def work(number: int) -> None:
        for call in shares[number]:
            began = time.perf_counter()
            if began > deadline:
                return
            clients[number].send(call)
            durations[number].append((time.perf_counter() - began) * 1000)

    began, processor_before = time.perf_counter(), time.process_time()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(clients))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    all_durations = [ms for each in durations for ms in each]
    return {
        "per_second": round(len(all_durations) / elapsed, 1),
        **summarize(all_durations),
        "generator_cores": round((time.process_time() - processor_before) / elapsed, 2),
    }
