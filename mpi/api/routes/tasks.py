"""Route that lists open review tasks."""

from fastapi import APIRouter

from mpi.api.request.authentication import CallerDep, IndexDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.parameters import TasksDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.tasks import TaskOut
from mpi.service.review.task_list import TaskView, list_review_tasks

router = APIRouter(tags=["review"], route_class=ModelReloadRoute)


@router.get(
    "/v1/review-tasks",
    operation_id="list_review_tasks",
    response_model=list[TaskOut],
    summary="List open review tasks",
    responses=describe_problems(),
)
def get_tasks(index: IndexDep, viewer: CallerDep, query: TasksDep) -> list[TaskView]:
    """List open review tasks, most urgent question first.

    No task about a record that is hidden from the caller is listed.
    """
    return list_review_tasks(index, viewer, query.limit)
