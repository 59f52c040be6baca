"""Several processes that answer on one port, each with the index opened anew: the store's survive no fork."""

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from mpi.api.app import create_app
from mpi.api.server.connection_balancer import Dealer
from mpi.api.server.resumption import keep_resuming
from mpi.api.server.scheduler_slice import wake_soon
from mpi.api.server.serve import GRACE_S, listen, log_to_stderr
from mpi.bootstrap import open_index
from mpi.config import Settings

_SILENT_S = 30
"""A worker that says nothing to its supervisor for so many seconds is replaced."""


def serve_with(host: str, port: int, workers: int) -> None:
    """Serve the index of the environment from several processes until interrupted.

    Each connection is dealt to the worker that has fewest. A worker that dies is replaced; calls under way at
    the end are finished first. Each worker counts its own calls for ``/metrics``.

    Args:
        host: a loopback address or ``localhost``.
        port: 0 for any that is free.
        workers: how many processes.

    Raises:
        InputError: another host, or a port that cannot be had.
    """
    dealer = Dealer(listen(host, port), workers)
    wake_soon()
    config = uvicorn.Config(
        "mpi.api.server.workers:application", factory=True, workers=workers, loop="mpi.api.server.connection_balancer:DealtLoop",
        access_log=False, log_config=None, server_header=False, timeout_graceful_shutdown=GRACE_S,
        timeout_worker_healthcheck=_SILENT_S,
    )  # fmt: skip
    dealer.start()
    Multiprocess(config, sockets=[dealer.door]).run()


def application() -> FastAPI:
    """The application of one worker, around the index that the environment names."""
    log_to_stderr()
    wake_soon()
    app = create_app(open_index(Settings()))
    keep_resuming(app)
    return app
