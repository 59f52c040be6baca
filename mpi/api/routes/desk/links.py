"""Route that makes a short-lived link into the pages."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.desk.links import LinkBody, LinkOut
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.service.notices.desk_links import DeskLink, link_child, link_question

router = APIRouter(tags=["review"], route_class=ModelReloadRoute)


@router.post(
    "/v1/links",
    operation_id="link_records",
    response_model=LinkOut,
    summary="Make a link to the page of a child or question",
    responses=describe_problems(404, 413),
    dependencies=[permit(Action.CROSSWALK_READ)],
    openapi_extra=describe_body(LinkBody),
)
def post_link(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[LinkBody, Depends(LinkBody.read)],
) -> DeskLink:
    """Make a link to the page of a child or question.

    The link opens the page after the sign-in. It names nobody. It works for 15 minutes, and only for a person
    who may see the page. Name a record of the child by `source` and `local_id`, or a question by `question`.
    """
    if body.question is not None and body.source is None and body.local_id is None:
        return link_question(index, viewer, body.question)
    if body.question is None and body.source is not None and body.local_id is not None:
        return link_child(index, viewer, RecordRef(body.source, body.local_id))
    raise InputError("source: give source and local_id of a record, or question alone")
