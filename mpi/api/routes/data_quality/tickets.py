"""Routes that list, open and close the tickets of a source."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, permit_any
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.data_quality.tickets import CloseTicketBody, TicketBody, TicketOut
from mpi.api.schemas.parameters import NoQueryDep, NumberDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action
from mpi.service.data_quality.issues import READERS
from mpi.service.data_quality.tickets import NewTicket, Ticket, close_ticket, list_tickets, open_ticket

router = APIRouter(tags=["quality"])
_TICKETS = "/v1/sources/{source}/tickets"
_post = partial(make_post_route, router)


@router.get(
    "/v1/sources/{source}/tickets",
    operation_id="list_tickets",
    response_model=list[TicketOut],
    summary="List the tickets of a source",
    responses=describe_problems(404),
    dependencies=[permit_any(READERS)],
)
def get_tickets(index: IndexDep, viewer: CallerDep, source: SourceDep, _: NoQueryDep) -> list[Ticket]:
    """List what the source was asked to correct, newest first.

    Each ticket tells how many records still have the issue.
    """
    return list_tickets(index, viewer, source)


@_post(
    _TICKETS, "open_ticket", Action.SOURCE_ADMIN, "Ask a source to correct an issue", TicketBody, TicketOut
)
def post_ticket(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    _: NoQueryDep,
    body: Annotated[TicketBody, Depends(TicketBody.read)],
) -> Ticket:
    """Open a ticket about one kind of issue of the source.

    It closes by itself with the load after which no active record has the issue. 409 if such a ticket is
    open.
    """
    return open_ticket(index, viewer, source, NewTicket(body.field, body.kind, body.owner, body.due_on))


@_post(
    f"{_TICKETS}/{{number}}:close",
    "close_ticket",
    Action.SOURCE_ADMIN,
    "Close a ticket",
    CloseTicketBody,
    TicketOut,
)
def post_closure(
    index: IndexDep,
    viewer: CallerDep,
    source: SourceDep,
    number: NumberDep,
    _: NoQueryDep,
    _body: Annotated[CloseTicketBody, Depends(CloseTicketBody.read)],
) -> Ticket:
    """Close a ticket although the issue is still there.

    409 if it is closed already.
    """
    return close_ticket(index, viewer, source, number)
