"""HTTP metrics in Prometheus text format, without personal data.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from http import HTTPMethod

from mpi.service.core.block_limits import BlockCounts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Media type of the Prometheus text format."""
LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency histogram, in seconds."""

_METHODS = frozenset(HTTPMethod)


class Metrics:
    """Counters of requests and latencies by route, for the event loop only."""

    def __init__(self) -> None:
        self._calls: Counter[tuple[str, str, int]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._count: Counter[str] = Counter()

    def record_call(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request and its latency.

        Args:
            method: HTTP method.
            route: template of the route's path.
            status: HTTP status of the response.
            seconds: duration in seconds.
        """
        # Each invented method would become a metric series that never ends.
        self._calls[method if method in _METHODS else "OTHER", route, status] += 1
        for bound in LATENCY_BUCKETS_S:
            if seconds <= bound:
                self._buckets[route, bound] += 1
        self._seconds[route] += seconds
        self._count[route] += 1

    def render(self) -> str:
        """Render all counters as Prometheus text."""
        return "\n".join(self._iterate_lines()) + "\n"

    def _iterate_lines(self) -> Iterator[str]:
        """Yield the lines of the Prometheus text."""
        yield "# HELP mpi_http_requests_total Calls answered."
        yield "# TYPE mpi_http_requests_total counter"
        for (method, route, status), count in sorted(self._calls.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            yield f"mpi_http_requests_total{{{labels}}} {count}"
        name = "mpi_http_request_duration_seconds"
        yield f"# HELP {name} Time from the first byte of a call to the last of its answer."
        yield f"# TYPE {name} histogram"
        for route, count in sorted(self._count.items()):
            for bound in LATENCY_BUCKETS_S:
                yield f'{name}_bucket{{route="{route}",le="{bound}"}} {self._buckets[route, bound]}'
            yield f'{name}_bucket{{route="{route}",le="+Inf"}} {count}'
            yield f'{name}_sum{{route="{route}"}} {self._seconds[route]:.6f}'
            yield f'{name}_count{{route="{route}"}} {count}'


def render_block_counts(counts: BlockCounts) -> str:
    """Render this process's counts of oversized blocks as Prometheus text."""
    return (
        "# HELP mpi_blocks_past_alarm_total Searched blocks with more records than the alarm size.\n"
        "# TYPE mpi_blocks_past_alarm_total counter\n"
        f"mpi_blocks_past_alarm_total {counts.past_alarm}\n"
        "# HELP mpi_requests_pending_total Requests left to the worker, as a block was past the hard size.\n"
        "# TYPE mpi_requests_pending_total counter\n"
        f"mpi_requests_pending_total {counts.past_hard}\n"
    )
