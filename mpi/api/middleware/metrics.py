"""Prometheus metrics of HTTP requests, without personal data.

No metric depends on what the records say: anybody on this machine can read them at any moment.

A server of one process counts in memory. Where several workers serve, each counts in its own files of the
folder that ``PROMETHEUS_MULTIPROC_DIR`` names (see ``mpi.api.server.workers``), and any of them answers a
scrape with the sums.
"""

import os
from http import HTTPMethod

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable that names the folder of several workers' counts."""
LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency histogram, in seconds."""

_METHODS = frozenset(HTTPMethod)

# A second series for each count would tell only when the process first met its labels.
disable_created_metrics()


class Metrics:
    """Counters of requests and latencies by route."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mpi_http_requests", "Calls answered.", ("method", "route", "status"), registry=self._registry
        )
        self._durations = Histogram(
            "mpi_http_request_duration_seconds",
            "Time from the first byte of a call to the last of its answer.",
            ("route",),
            buckets=LATENCY_BUCKETS_S,
            registry=self._registry,
        )

    def record_call(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one API request and its latency.

        Args:
            method: HTTP method.
            route: template of the route's path.
            status: HTTP status of the response.
            seconds: duration in seconds.
        """
        # Each invented method would become a metric series that never ends.
        self._requests.labels(method if method in _METHODS else "OTHER", route, str(status)).inc()
        self._durations.labels(route).observe(seconds)

    def render(self) -> str:
        """Render the counters of all server processes in Prometheus text format."""
        if SHARED_FOLDER_VARIABLE not in os.environ:
            return generate_latest(self._registry).decode()
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry).decode()
