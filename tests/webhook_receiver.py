"""Receiver of webhooks for tests: an HTTP server on loopback that records what it gets."""

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

from mpi.client.webhooks import WebhookSignatureError, verify_webhook
from mpi.service.webhooks.worker import WebhookWorker
from tests.index import with_settings

LOOPBACK = (ip_network("127.0.0.0/8"),)


@dataclass
class RecordingReceiver:
    """What a receiver got, and what it answers: ``statuses`` holds the status of each answer.

    ``answers`` holds (status, headers, body) of the next answers; after them, it answers 204, or 400 to a
    message that ``secret`` did not sign.
    """

    url: str = ""
    requests: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    secret: str | None = None

    @property
    def messages(self):
        """Content of each request, oldest first."""
        return [json.loads(body) for _, body in self.requests]

    @property
    def ids(self):
        """IDs of the messages, oldest first."""
        return [headers["webhook-id"] for headers, _ in self.requests]

    @property
    def events(self):
        """Events of all messages, in order."""
        return [event for message in self.messages for event in message["data"].get("events", ())]

    def fail(self, times, status=500, **headers):
        """Answer the next requests with an error."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers += [(status, headers, b"")] * times


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers["content-length"]))
        receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status, headers, content = (
            receiver.answers.pop(0) if receiver.answers else self.choose(receiver, body)
        )
        receiver.statuses.append(status)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def choose(self, receiver, body):
        """Return an answer that depends on the signature, if the receiver has a secret."""
        try:
            if receiver.secret is not None:
                verify_webhook(body, self.headers, receiver.secret)
        except WebhookSignatureError:
            return 400, {}, b""
        return 204, {}, b""

    def log_message(self, *_):
        pass


@contextmanager
def receiving():
    """Serve on loopback and yield the receiver."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.receiver = RecordingReceiver(f"http://127.0.0.1:{server.server_port}/hook")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def allow_loopback(index):
    """Return the index with leave to send webhooks to this machine."""
    return with_settings(index, webhook_networks=LOOPBACK)


def deliver_due(index):
    """Deliver what is due in this process, which then ends."""
    WebhookWorker(lambda: index).deliver_due()
