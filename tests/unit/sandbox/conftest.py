"""Sandbox on loopback, with a steward who is quick."""

from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from mpi.api.app import create_app
from mpi.client import Client, RetryPolicy
from mpi.sandbox.sandbox_index import Sandbox, open_sandbox
from mpi.sandbox.server import open_gateway
from tests.unit.api.live import PLAIN, serving

DELAY_S = 0.05


@dataclass
class LiveSandbox:
    """A served sandbox: its address and key."""

    sandbox: Sandbox
    url: str

    @property
    def key(self):
        return self.sandbox.key

    @contextmanager
    def client(self, retry=None):
        """Yield a client as a vendor's program uses it."""
        with Client(self.url, self.key, retry=retry or RetryPolicy(first_pause_s=0.01), tls=PLAIN) as client:
            yield client

    @contextmanager
    def calls(self):
        """Yield an HTTP client without habits of its own."""
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=30, verify=PLAIN) as client:
            yield client

    def results(self):
        """Return result and reason by scenario."""
        with self.calls() as call:
            items = call.get("/sandbox/report").raise_for_status().json()
        return {item["scenario"]: (item["result"], item["reason"]) for item in items}


@contextmanager
def served_sandbox():
    with (
        open_sandbox() as sandbox,
        open_gateway(
            sandbox, create_app(sandbox.index, open_pages=True), delay_s=DELAY_S, retry_after_s=1
        ) as gateway,
        serving(gateway) as url,
    ):
        yield LiveSandbox(sandbox, url)


@pytest.fixture(scope="module")
def live():
    with served_sandbox() as sandbox:
        yield sandbox
