"""Route that replaces the caseload of a child-welfare source."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.parameters import NoQueryDep, SourceDep
from mpi.api.schemas.rosters.caseloads import CaseloadBody, CaseloadOut
from mpi.domain.viewer import Action
from mpi.service.rosters.caseload_intake import CaseloadReceipt, read_caseload_file, replace_caseload

router = APIRouter(tags=["rosters"])


@make_post_route(
    router,
    "/v1/sources/{source}/caseload",
    "replace_caseload",
    Action.LOAD,
    "Replace the caseload of a source",
    CaseloadBody,
    CaseloadOut,
)
def post_caseload(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[CaseloadBody, Depends(CaseloadBody.read)],
) -> CaseloadReceipt:
    """Replace the whole caseload of a child-welfare source.

    The same twice changes nothing. 409 if it leaves out most children who have a caseworker: confirm it if
    that is right.
    """
    return replace_caseload(index, viewer, source, read_caseload_file(body.csv), is_confirmed=body.confirm)
