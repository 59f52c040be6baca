"""Page of the index's health: readiness, versions, waiting work and disk."""

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.maintenance.health import LOW_DISK_SHARE, CheckState, read_health
from mpi.service.quality.model_fit import read_public_model_fit

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/health")
def show_health(index: IndexDep, visit: VisitDep) -> Response:
    """Show the health of the index, warnings first."""
    health = read_health(index, visit.viewer)
    return render_page(
        "health.html",
        visit=visit,
        health=health,
        warnings=[check for check in health.checks if check.state is CheckState.WARNING],
        fit=read_public_model_fit(index),
        low_disk=round(LOW_DISK_SHARE * 100),
    )
