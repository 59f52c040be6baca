"""Rate of webhooks to a receiver on this machine, and what is left after kills (``scripts/bench-webhooks``).

The receiver runs in this process. It checks each signature and keeps a crosswalk by the events that it gets.
The worker is the command ``mpi webhook deliver``. It is killed while it delivers, and while records are
written and the receiver drops connections; then every receiver must have every message, in order, and the
same crosswalk as the export.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mpi.client.webhooks import verify_webhook
from mpi.service.access.clients import add_client
from mpi.service.core.index import Index
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.records.upsert import upsert
from mpi.service.webhooks.subscriptions import register_webhook, resume_webhook
from tests.bench.environment import machine, step
from tests.index import OPERATOR, crosswalk, many_children, open_test_index
from tests.postgres import start_postgres
from tests.webhook_receiver import LOOPBACK, allow_loopback

CLIENT = "follower"
DROPPED = 0.002
"""Share of requests after whose receipt the receiver closes the connection in place of an answer."""
TIMEOUT_S = 600
_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass
class Follower:
    """A receiver of one webhook, and what it knows by its messages.

    Args:
        secret: secret of the webhook.
        ids: cursor of each message by its ID, in the order of their first receipt.
        crosswalk: enterprise ID of each record.
        repeated: messages that came again.
    """

    secret: str = ""
    ids: dict[str, int] = field(default_factory=dict)
    crosswalk: dict[tuple[str, str], str] = field(default_factory=dict)
    repeated: int = 0

    def take(self, headers: dict[str, str], body: bytes) -> None:
        """Verify a message and apply its events, if it is new."""
        message = verify_webhook(body, headers, self.secret)
        if headers["webhook-id"] in self.ids:
            self.repeated += 1
            return
        self.ids[headers["webhook-id"]] = message["data"]["cursor"]
        for event in message["data"]["events"]:
            self.crosswalk[event["source"], event["local_id"]] = event["after"]


class ReceivingServer:
    """Server of all followers, in a thread of its own; ``/N`` is the path of the follower N."""

    def __init__(self, followers: int) -> None:
        self.followers = [Follower() for _ in range(followers)]
        self.requests = 0
        self.first_at = self.last_at = 0.0
        self.dropped_share = 0.0
        self.faults: list[str] = []
        self._chance = random.Random(1)
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def serving(self):
        """Serve on loopback and yield the base URL."""
        server = self._loop.run_until_complete(asyncio.start_server(self._answer, "127.0.0.1", 0))
        thread = threading.Thread(target=self._loop.run_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.run_until_complete(self._close(server))
            self._loop.close()

    def start_over(self) -> None:
        """Forget what came so far, before a replay."""
        self.requests, self.first_at = 0, 0.0
        self.followers = [Follower(follower.secret) for follower in self.followers]

    async def _close(self, server: asyncio.Server) -> None:
        """End the server and its connections."""
        server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await asyncio.sleep(0)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = (line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers["content-length"]))
                self._take(head[0], headers, body)
                if self._chance.random() < self.dropped_share:
                    return
                writer.write(_ANSWER)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def _take(self, first_line: str, headers: dict[str, str], body: bytes) -> None:
        self.last_at = time.perf_counter()
        self.first_at = self.first_at or self.last_at
        self.requests += 1
        try:
            self.followers[int(first_line.split()[1][1:])].take(headers, body)
        except Exception as error:  # noqa: BLE001 - a fault of the index, which the report names
            self.faults.append(f"a message was refused: {error}")


@dataclass(frozen=True)
class Site:
    """An index with webhooks to a server.

    Args:
        index: the index, open in this process.
        environment: variables of the worker.
        server: the receiving server.
        codes: codes of the webhooks.
    """

    index: Index
    environment: dict[str, str]
    server: ReceivingServer
    codes: tuple[str, ...]


@contextmanager
def open_site(home: Path, database_url: str | None, webhooks: int):
    """Open a new index, a server and the webhooks, and yield the site."""
    server = ReceivingServer(webhooks)
    with open_test_index(home, "sis", database_url=database_url) as opened, server.serving() as url:
        index = allow_loopback(opened)
        add_client(index, OPERATOR, CLIENT, ["crosswalk.read"], None)
        codes = []
        for number, follower in enumerate(server.followers):
            registered = register_webhook(index, OPERATOR, f"{url}/{number}", client=CLIENT)
            follower.secret = registered.secret
            codes.append(registered.webhook.code)
        environment = os.environ | {
            "MPI_HOME": str(home),
            "MPI_MODEL": str(home / "tiny"),
            "MPI_WEBHOOK_NETWORKS": str(LOOPBACK[0]),
            **({} if database_url is None else {"MPI_DATABASE_URL": database_url}),
        }
        yield Site(index, environment, server, tuple(codes))


def write_records(index: Index, count: int, start: int = 0) -> None:
    """Send records one by one, so that each is a commit of its own."""
    for child in many_children(count, start):
        upsert(index, OPERATOR, "sis", child)


@contextmanager
def delivering(site: Site):
    """Run the worker and yield its process; kill it at the end."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "mpi", "webhook", "deliver"], env=site.environment, stderr=subprocess.DEVNULL
    )
    try:
        yield worker
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()


def wait_until(condition) -> bool:
    """Wait until a condition holds; return whether it did in time."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def measure_rate(site: Site, commits: int) -> dict[str, object]:
    """Return the messages a second of one worker to receivers that are up."""
    server, expected = site.server, commits * len(site.codes)
    with delivering(site):
        wait_until(lambda: server.requests >= expected)
    seconds = server.last_at - server.first_at
    return {
        "messages": server.requests,
        "seconds": round(seconds, 2),
        "per_s": round(server.requests / seconds),
    }


def kill_often(site: Site, kills: int, later_records: int, seed: int) -> dict[str, object]:
    """Replay all, kill the worker while it delivers beside a writer, and report what is missing."""
    server, chance = site.server, random.Random(seed)
    server.start_over()
    server.dropped_share = DROPPED
    for code in site.codes:
        resume_webhook(site.index, OPERATOR, code, after=0)
    existing = len(_read_commits(site.index))
    writer = threading.Thread(target=write_records, args=(site.index, later_records, existing))
    writer.start()
    share = (existing + later_records) * len(site.codes) // (kills + 1)
    done = 0
    for number in range(kills):
        before = server.requests
        wanted = before + chance.randint(1, max(share, 1))
        with delivering(site):
            done += wait_until(lambda wanted=wanted: server.requests >= wanted)
        step(f"kill {number + 1} of {kills} after {server.requests - before} messages")
    writer.join()
    commits = _read_commits(site.index)
    with delivering(site):
        wait_until(lambda: all(len(follower.ids) >= len(commits) for follower in server.followers))
    return {"kills_while_delivering": done, "records": existing + later_records, **_compare(site, commits)}


def _read_commits(index: Index) -> list[int]:
    """Return every commit of the feed, in order."""
    commits: dict[int, None] = {}
    cursor = 0
    while (page := read_change_feed(index, OPERATOR, cursor, 1000)).events:
        commits |= dict.fromkeys(event.commit for event in page.events)
        cursor = page.cursor
    return list(commits)


def _compare(site: Site, commits: list[int]) -> dict[str, object]:
    """Compare what the receivers know with the feed and the export."""
    exported = crosswalk(site.index)
    faults = list(site.server.faults)
    for number, follower in enumerate(site.server.followers):
        received = list(follower.ids.values())
        if received != commits:
            missing = len(set(commits) - set(received))
            faults.append(f"receiver {number}: {missing} of {len(commits)} missing, or out of order")
        if follower.crosswalk != exported:
            faults.append(f"receiver {number}: its crosswalk is not the export's")
    return {
        "messages": sum(len(follower.ids) for follower in site.server.followers),
        "sent_again": sum(follower.repeated for follower in site.server.followers),
        "faults": faults,
    }


def main() -> None:
    """Measure and kill, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--records", type=int, default=2_000, help="records, each a commit of its own")
    parser.add_argument("--webhooks", type=int, default=4)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-webhooks-"))) / "home"
        url = None
        if options.store == "postgresql":
            postgres = stack.enter_context(start_postgres())
            url = postgres.url(postgres.new_schema())
        site = stack.enter_context(open_site(home, url, options.webhooks))
        step(f"writing {options.records} records")
        write_records(site.index, options.records)
        step("measuring the rate")
        rate = measure_rate(site, options.records)
        report = kill_often(site, options.kills, options.records // 10, options.seed)
    print(json.dumps({"machine": machine(), "store": options.store, "webhooks": options.webhooks,
                      "rate": rate, "kills": report}))  # fmt: skip
    sys.exit(bool(report["faults"]))


if __name__ == "__main__":
    main()
