"""Routes that tell how far long work is."""

from fastapi import APIRouter

from mpi.api.request.authentication import CallerDep, IndexDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.desk.jobs import JobOut
from mpi.api.schemas.parameters import NoQueryDep, NumberDep
from mpi.api.schemas.problem import describe_problems
from mpi.service.jobs.job_state import JobView, get_job, list_jobs

router = APIRouter(tags=["jobs"], route_class=ModelReloadRoute)


@router.get(
    "/v1/jobs",
    operation_id="list_jobs",
    response_model=list[JobOut],
    summary="List long work",
    responses=describe_problems(),
)
def get_jobs(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[JobView]:
    """List the latest 50 jobs that the caller may watch, newest first."""
    return list_jobs(index, viewer)


@router.get(
    "/v1/jobs/{number}",
    operation_id="get_job",
    response_model=JobOut,
    summary="Read how far long work is",
    responses=describe_problems(404),
)
def get_one_job(index: IndexDep, viewer: CallerDep, number: NumberDep, _: NoQueryDep) -> JobView:
    """Return one job and how far it is.

    A job is ``interrupted`` if the process that did it is gone. The call that began it carries it on.
    """
    return get_job(index, viewer, number)
