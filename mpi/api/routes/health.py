"""Routes for health probes and metrics, open without a key.

They disclose nothing about any person.
"""

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse

from mpi.api.middleware.metrics import CONTENT_TYPE, Metrics, render_block_counts
from mpi.api.request.authentication import IndexDep
from mpi.service.core.readiness import require_ready

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def get_health() -> dict[str, str]:
    """Report that the process is alive."""
    return {"status": "ok"}


@router.get("/readyz")
def get_readiness(index: IndexDep) -> dict[str, str]:
    """Report that the index can be used now."""
    require_ready(index)
    return {"status": "ready"}


@router.get("/metrics")
async def get_metrics(request: Request) -> PlainTextResponse:
    """Return request counts and latencies in Prometheus text format."""
    metrics: Metrics = request.app.state.metrics
    counts = request.app.state.index.block_counts
    return PlainTextResponse(metrics.render() + render_block_counts(counts), media_type=CONTENT_TYPE)
