"""The calls of the vendors' tutorial run as written, and are answered as the page shows."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mpi.api.app import create_app
from mpi.sandbox.sandbox_index import open_sandbox
from mpi.sandbox.scenarios import SCENARIOS
from mpi.sandbox.server import open_gateway
from tests.unit.api.live import serving

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCKS = re.findall(
    r"^```(bash|text)\n(.*?)^```$", (DOCS / "tutorials" / "vendor.md").read_text(), re.MULTILINE | re.DOTALL
)
ENTERPRISE_ID = re.compile(r"\b\w{4}-\w{4}-\w{4}\b")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the calls are for curl, which is not here")
def test_the_calls_are_answered_as_shown():
    with (
        open_sandbox() as sandbox,
        open_gateway(sandbox, create_app(sandbox.index, open_pages=True), delay_s=0.05) as gateway,
        serving(gateway) as url,
    ):
        environment = os.environ | {"MPI": url, "KEY": sandbox.key}
        for (kind, block), (next_kind, expected) in zip(BLOCKS[::2], BLOCKS[1::2], strict=True):
            assert (kind, next_kind) == ("bash", "text")
            script = block.replace("sleep 10", "sleep 1")
            process = subprocess.run(
                ["bash", "-c", script],
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            assert plain(process.stdout) == plain(expected), block


def test_every_scenario_is_in_the_reference():
    page = (DOCS / "reference" / "sandbox.md").read_text()
    for scenario in SCENARIOS:
        assert f"\n| `{scenario.code}` |" in page
        assert scenario.name is None or f"\n| `{scenario.name}` |" in page


def plain(text):
    return ENTERPRISE_ID.sub("ID", text.strip())
