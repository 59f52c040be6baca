"""Routes for research projects: open, look up, end."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, WriterDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.policy.research import (
    ProjectCodeDep,
    ResearchEndBody,
    ResearchOverviewOut,
    ResearchProjectBody,
    ResearchProjectOut,
)
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.research.overview import show_overview
from mpi.service.rights import research_ids

router = APIRouter(tags=["rights"], route_class=ModelReloadRoute)
_post = partial(make_post_route, router)


def _describe_project(index: Index, viewer: Viewer, code: str) -> dict[str, Any]:
    return next(each for each in research_ids.list_projects(index, viewer) if each["code"] == code)


@router.get(
    "/v1/research-projects",
    operation_id="list_research_projects",
    response_model=list[ResearchProjectOut],
    summary="List the research projects, oldest first",
    responses=describe_problems(),
    dependencies=[permit(Action.CROSSWALK_EXPORT)],
)
def get_projects(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[dict[str, Any]]:
    """List the projects that last, and those that ended."""
    return research_ids.list_projects(index, viewer)


@router.get(
    "/v1/research-projects/{code}",
    operation_id="get_research_project",
    response_model=ResearchOverviewOut,
    summary="Look up a research project with its terms, extracts and certificate",
    responses=describe_problems(404),
    dependencies=[permit(Action.CROSSWALK_EXPORT)],
)
def get_project(index: IndexDep, viewer: CallerDep, code: ProjectCodeDep, _: NoQueryDep) -> dict[str, Any]:
    """Return a project's terms, its extracts and their days of destruction."""
    return show_overview(index, viewer, code).as_dict()


@_post(
    "/v1/research-projects",
    "create_research_project",
    Action.CROSSWALK_EXPORT,
    "Open a research project with IDs of its own",
    ResearchProjectBody,
    ResearchProjectOut,
)
def post_project(
    index: IndexDep,
    viewer: WriterDep,
    _: NoQueryDep,
    body: Annotated[ResearchProjectBody, Depends(ResearchProjectBody.read)],
) -> dict[str, Any]:
    """Open a project, whose IDs join with no other project's."""
    research_ids.open_project(index, viewer, body.code, body.title, body.opened_by)
    return _describe_project(index, viewer, body.code)


@_post(
    "/v1/research-projects/{code}:end",
    "end_research_project",
    Action.CROSSWALK_EXPORT,
    "End a research project and destroy its key",
    ResearchEndBody,
    ResearchProjectOut,
)
def post_project_end(
    index: IndexDep,
    viewer: WriterDep,
    code: ProjectCodeDep,
    _: NoQueryDep,
    body: Annotated[ResearchEndBody, Depends(ResearchEndBody.read)],
) -> dict[str, Any]:
    """End a project. Nobody makes or checks its IDs afterwards."""
    research_ids.end_project(index, viewer, code, body.ended_by)
    return _describe_project(index, viewer, code)
