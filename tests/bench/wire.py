"""A client of a few lines over a kept-open connection: the generator must cost little beside the server."""

import json
import socket
import statistics
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

_PIECE = 65536


@dataclass(frozen=True, slots=True)
class Call:
    """One request, ready to send."""

    data: bytes


class Wire:
    """One connection to a server on loopback.

    Args:
        port: of the server.
        key: API key.
    """

    def __init__(self, port: int, key: str) -> None:
        self._port, self._key = port, key
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def put(self, source: str, record: dict[str, object]) -> Call:
        """An upsert."""
        body = json.dumps(record).encode()
        path = f"/v1/sources/{quote(source)}/records/{quote(str(record['local_id']), safe='')}"
        return Call(self._head("PUT", path, len(body)) + body)

    def get(self, path: str) -> Call:
        """A read."""
        return Call(self._head("GET", path, 0))

    def _head(self, method: str, path: str, size: int) -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n"
            f"Authorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        ).encode()

    def send(self, call: Call) -> dict[str, object]:
        """Send a call and read its answer.

        Raises:
            RuntimeError: it was not answered 200 or 201.
        """
        self._socket.sendall(call.data)
        answer = b""
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._piece()
        head = answer[:end].decode("latin-1").lower()
        size = int(head.partition("content-length:")[2].split("\r\n")[0])
        while len(answer) < end + 4 + size:
            answer += self._piece()
        status = int(head.split(" ", 2)[1])
        if status not in (200, 201):
            raise RuntimeError(f"answered {status}")
        return dict(json.loads(answer[end + 4 :]))

    def _piece(self) -> bytes:
        piece = self._socket.recv(_PIECE)
        if not piece:
            raise RuntimeError("the server closed the connection")
        return piece

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def timed(wire: Wire, calls: Iterable[Call]) -> list[float]:
    """Milliseconds of each call, one after the other."""
    took = []
    for call in calls:
        began = time.perf_counter()
        wire.send(call)
        took.append((time.perf_counter() - began) * 1000)
    return took


def summary(took: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile in milliseconds, and how many calls they are of."""
    cuts = statistics.quantiles(took, n=100)
    return {"p50_ms": round(statistics.median(took), 2), "p99_ms": round(cuts[98], 2), "calls": len(took)}


def at_once(wires: Sequence[Wire], shares: Sequence[Iterator[Call]], seconds: float) -> dict[str, float]:
    """Calls a second with a thread for each connection, and the share of a core that this took itself."""
    took: list[list[float]] = [[] for _ in wires]
    until = time.perf_counter() + seconds

    def work(number: int) -> None:
        for call in shares[number]:
            began = time.perf_counter()
            if began > until:
                return
            wires[number].send(call)
            took[number].append((time.perf_counter() - began) * 1000)

    began, spent = time.perf_counter(), time.process_time()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(wires))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - began
    every = [ms for each in took for ms in each]
    return {
        "per_second": round(len(every) / elapsed, 1),
        **summary(every),
        "generator_cores": round((time.process_time() - spent) / elapsed, 2),
    }
