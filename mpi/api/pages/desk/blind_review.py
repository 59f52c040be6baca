"""Page of blind review: judge a pair without its match weight."""

from fastapi import APIRouter
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.child_labels import name_systems
from mpi.api.pages.rendering.record_comparison import list_side_by_side
from mpi.api.pages.rendering.record_values import format_record
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.sampling.blind_review import answer_blind_pair, get_next_blind_pair

router = APIRouter(include_in_schema=False, route_class=PageRoute)
OPTIONS = (("same", "s"), ("different", "d"), ("unsure", "u"))
"""Verdicts on a pair, with their keyboard shortcuts."""


@router.get("/blind")
def next_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the next record pair that the steward judges blind."""
    view = get_next_blind_pair(index, visit.viewer)
    if view is None:
        return render_page("blind.html", visit=visit, view=None, told=None)
    # The use case left confidential values out.
    rows = list_side_by_side([format_record(record.values, confidential=False) for record in view.records])
    systems = name_systems(index, visit.viewer)
    return render_page(
        "blind.html", visit=visit, view=view, told=None, rows=rows, options=OPTIONS, systems=systems
    )


@router.post("/blind/{number}")
def answer(index: IndexDep, visit: VisitDep, number: int, form: FormDep) -> Response:
    """Save the steward's verdict on a blind pair; show its match weight."""
    verdict = form.text("verdict")
    outcome = answer_blind_pair(index, visit.viewer, number, verdict)
    return render_page("blind.html", visit=visit, view=None, told=outcome, verdict=verdict)
