"""Page of a source's scorecard."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.data_quality.issues import list_issue_sources
from mpi.service.quality.consistency import read_whole_scorecard

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/scorecard")
def show_scorecard(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show the scorecard of one source, the first by default."""
    sources = list_issue_sources(index, visit.viewer)
    source = request.query_params.get("source") or (sources[0].code if sources else None)
    card = None if source is None else read_whole_scorecard(index, visit.viewer, source)
    return render_page("scorecard.html", visit=visit, sources=sources, source=source, card=card)
