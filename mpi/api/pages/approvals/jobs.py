"""Pages of long work.

They show what runs, how far it is, and what to do if it stopped.
"""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.background_jobs import start_job
from mpi.api.routes.proposals import load_matcher_of_ref
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index, Matcher
from mpi.service.jobs.job_runner import CARRIED_ON
from mpi.service.jobs.job_state import JobKind, get_job, get_options, list_jobs
from mpi.service.notices.colleagues import look_up_full_names
from mpi.service.recluster import proposals

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_RESULT_PATHS = {
    JobKind.PROPOSE: "/runs/{}?done=proposed",
    JobKind.APPLY: "/runs/{}?done=applied",
    JobKind.ROLL_BACK: "/runs/{}?done=rolled_back",
    JobKind.UNDO_LOAD: "/loads/{}?done=load_undone",
    JobKind.LOAD: "/loads/{}",
}
"""Path of the page of what long work made, by kind."""


@router.get("/jobs")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show the latest long work, newest first."""
    jobs = list_jobs(index, visit.viewer)
    full_names = look_up_full_names(index, visit.viewer, [job.by for job in jobs])
    return render_page("job_list.html", visit=visit, jobs=jobs, full_names=full_names)


@router.get("/jobs/{number}")
def show(index: IndexDep, visit: VisitDep, number: int) -> Response:
    """Show how far one piece of long work is."""
    job = get_job(index, visit.viewer, number)
    full_names = look_up_full_names(index, visit.viewer, [job.by])
    return render_page("job.html", visit=visit, job=job, full_names=full_names)


@router.post("/jobs/{number}")
def carry_on(request: Request, index: IndexDep, visit: VisitDep, number: int, _form: FormDep) -> Response:
    """Carry on work that was interrupted or failed, as a new job."""
    kind, target, detail = get_options(index, visit.viewer, number)
    job, result = start_work(request, index, visit.viewer, kind, target, **{**detail, CARRIED_ON: True})
    return redirect_to_work(kind, job, result)


def start_work(
    request: Request,
    index: Index,
    viewer: Viewer,
    kind: JobKind,
    target: int | None = None,
    is_quick: bool = True,
    **detail: object,
) -> tuple[int, int | None]:
    """Begin long work on behalf of a page; see ``start_job``."""

    def load_matcher() -> Matcher:
        if kind is JobKind.PROPOSE:
            model = detail.get("model")
            return load_matcher_of_ref(index, model if isinstance(model, str) else None)
        if kind not in {JobKind.APPLY, JobKind.ROLL_BACK} or target is None:
            return index.matcher
        proposal = proposals.get_proposal(index, viewer, target)
        return load_matcher_of_ref(index, proposal.model if kind is JobKind.APPLY else proposal.model_before)

    return start_job(request.app, index, viewer, kind, target, load_matcher, is_quick, **detail)


def redirect_to_work(kind: JobKind, job: int, result: int | None) -> Response:
    """Redirect to the result of long work.

    While the work runs, redirect to its page.
    """
    path = f"/jobs/{job}" if result is None else _RESULT_PATHS[kind].format(result)
    return RedirectResponse(path, HTTPStatus.SEE_OTHER)
