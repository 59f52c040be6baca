"""Names of worker processes, and whether one is still alive."""

import os
import secrets
import socket
from datetime import timedelta

from mpi.domain import clock

HEARTBEAT_TIMEOUT_S = 60.0
"""Seconds without a heartbeat after which a worker counts as dead."""
_TOKEN = secrets.token_hex(4)


def worker_name() -> str:
    """Return the name of this process: host, process number and random token."""
    return f"{socket.gethostname()}:{os.getpid()}:{_TOKEN}"


def is_worker_alive(worker: str, heartbeat: str) -> bool:
    """Return whether a worker process is alive.

    A worker on another host counts as alive while its heartbeat is recent.

    Args:
        worker: name from ``worker_name``; empty for none.
        heartbeat: time of its last heartbeat (ISO, UTC).
    """
    if not worker:
        return False
    silent_since = clock.format_timestamp(clock.now() - timedelta(seconds=HEARTBEAT_TIMEOUT_S))
    host, pid, token = worker.rsplit(":", 2)
    if heartbeat < silent_since:
        return False
    if host != socket.gethostname():
        return True
    return token == _TOKEN if int(pid) == os.getpid() else _process_exists(int(pid))


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
