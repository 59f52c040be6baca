"""Routes for health probes and metrics, open without a key.

They disclose nothing about any person.
"""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from mpi.api.middleware.metrics import Metrics
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
def get_metrics(request: Request) -> Response:
    """Return request counts and latencies in Prometheus text format."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
