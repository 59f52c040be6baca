import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mpi.api.server.serve import listen, serve
from mpi.domain.errors import InputError
from tests.index import open_test_index
from tests.unit.api.live import PLAIN, await_status

EVERYWHERE = "0.0.0.0"  # noqa: S104 - it must be refused


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.168.1.5", "example.org", "", "127.0.0.1.example"])
def test_the_server_listens_on_loopback_only(index, host):
    with pytest.raises(InputError, match="localhost only"):
        serve(index, host, 0)


def test_a_taken_port_gives_one_error_line():
    with listen("localhost", 0) as listener:
        listener.listen()
        with pytest.raises(InputError, match="cannot listen on port"):
            listen("127.0.0.1", listener.getsockname()[1])


@pytest.mark.slow
def test_the_server_runs_until_interrupted(tmp_path):
    with open_test_index(tmp_path, "D01"), listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    program = (
        "from mpi.config import Settings\nfrom mpi.bootstrap import open_index\n"
        f"from mpi.api.server.serve import serve\nserve(open_index(Settings()), '127.0.0.1', {port})"
    )
    environment = os.environ | {"MPI_HOME": str(tmp_path), "MPI_MODEL": str(tmp_path / "tiny")}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment, stderr=subprocess.PIPE)
    try:
        assert await_status(f"http://127.0.0.1:{port}/readyz?name=Xanthippe") == 200
    finally:
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=60)
    assert b"GET /readyz 200" in log
    assert b"Xanthippe" not in log


@pytest.mark.slow
def test_garbage_collection_skips_what_a_server_keeps(tmp_path):
    with open_test_index(tmp_path, "D01"):
        pass
    program = (
        "import gc\nfrom mpi.api.server.workers import application\napp = application()\n"
        "print(gc.get_freeze_count() > 10 * len(gc.get_objects()))"
    )
    environment = os.environ | {"MPI_HOME": str(tmp_path), "MPI_MODEL": str(tmp_path / "tiny")}
    assert subprocess.check_output([sys.executable, "-c", program], env=environment) == b"True\n"


@pytest.mark.slow
def test_several_workers_share_one_port_until_interrupted(tmp_path):
    with open_test_index(tmp_path, "D01"), listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {
        "MPI_HOME": str(tmp_path),
        "MPI_MODEL": str(tmp_path / "tiny"),
        "TMPDIR": str(temporary),
    }
    command = [sys.executable, "-m", "mpi", "serve", "--port", str(port), "--workers", "2"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    try:
        assert await_status(f"http://127.0.0.1:{port}/readyz") == 200
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: await_status(f"http://127.0.0.1:{port}/readyz"), range(40)))
        assert set(answers) == {200}
        # A worker counts a call after its answer has left.
        deadline = time.monotonic() + 60
        while (count := _count_calls(port)) < len(answers) + 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert count == len(answers) + 1
        assert [folder.stat().st_mode & 0o777 for folder in temporary.glob("mpi-metrics-*")] == [0o700]
    finally:
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert log.count(b"GET /readyz 200") == 41
    assert not list(temporary.glob("mpi-metrics-*"))


@pytest.mark.slow
def test_note_of_serving_comes_once_connections_are_accepted(tmp_path):
    with open_test_index(tmp_path, "D01"), listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    environment = os.environ | {"MPI_HOME": str(tmp_path), "MPI_MODEL": str(tmp_path / "tiny")}
    command = [sys.executable, "-m", "mpi", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        note = next(line for line in process.stderr if "serving on" in line)
        assert f"port {port};" in note
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=30, verify=PLAIN).status_code == 200
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 0  # a service manager ends it


def _count_calls(port: int) -> int:
    """Return the calls of /readyz that all workers together counted."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", verify=PLAIN).text
    counts = [
        line.split()[-1]
        for line in text.splitlines()
        if line.startswith("mpi_http_requests_total{") and "/readyz" in line
    ]
    return int(sum(map(float, counts)))
