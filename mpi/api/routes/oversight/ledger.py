"""Routes for questions to the disclosure ledger."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.policy.ledger import LedgerOut, LedgerQuery, LinkDisclosuresBody, LinkDisclosuresOut
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action
from mpi.service.access.ledger import LedgerFilter, read_ledger
from mpi.service.audit.link_disclosures import find_disclosures_of_link

router = APIRouter(tags=["ledger"], route_class=ModelReloadRoute)


@router.get(
    "/v1/ledger",
    operation_id="list_ledger_lines",
    response_model=LedgerOut,
    summary="List who was shown what, the latest first",
    responses=describe_problems(404, 422),
    dependencies=[permit(Action.LEDGER_READ)],
)
def get_ledger(index: IndexDep, viewer: CallerDep, query: Annotated[LedgerQuery, Query()]) -> dict[str, Any]:
    """Return a page of the ledger, perhaps of one child or client.

    The lines of one child name no other child. The reading has a line itself.
    """
    wanted = LedgerFilter(
        enterprise_id=query.enterprise_id,
        client=query.client,
        purpose=query.purpose,
        agreement=query.agreement,
        action=query.action,
        first_day=query.first_day,
        last_day=query.last_day,
    )
    page = read_ledger(index, viewer, wanted, before=query.before, refused_before=query.refused_before)
    return asdict(page)


@router.post(
    "/v1/ledger/link-disclosures",
    operation_id="list_link_disclosures",
    response_model=LinkDisclosuresOut,
    summary="List every answer that told of two records while they were linked",
    responses=describe_problems(404, 413, 422),
    dependencies=[permit(Action.LEDGER_READ)],
    openapi_extra=describe_body(LinkDisclosuresBody),
)
def post_link_disclosures(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[LinkDisclosuresBody, Depends(LinkDisclosuresBody.read)],
) -> dict[str, Any]:
    """List when both records were one person, and what was answered then."""
    return asdict(find_disclosures_of_link(index, viewer, body.left, body.right))
