"""Routes for health probes and metrics, open without a key.

They disclose nothing about any person.
"""

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.responses import Response

from mpi.api.middleware.metrics import Metrics
from mpi.api.request.authentication import IndexDep
from mpi.service.core.readiness import require_ready
from mpi.service.quality.model_fit import read_public_model_fit

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def get_health() -> dict[str, str]:
    """Report that the process is alive."""
    return {"status": "ok"}


@router.get("/readyz")
def get_readiness(index: IndexDep) -> dict[str, object]:
    """Report that the index is ready, and whether its model fits.

    Whether it fits is a published verdict. No number of records is shown.
    """
    require_ready(index)
    model_fit = read_public_model_fit(index)
    return {
        "status": "ready",
        "model": {"name": model_fit.model, "records": model_fit.verdict, "outgrown": model_fit.outgrown},
    }


@router.get("/metrics")
def get_metrics(request: Request) -> Response:
    """Return request counts and latencies in Prometheus text format."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
