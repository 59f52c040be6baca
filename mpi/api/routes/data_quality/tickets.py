"""Route that lists the tickets of a source."""

from fastapi import APIRouter

from mpi.api.request.authentication import CallerDep, IndexDep, permit_any
from mpi.api.schemas.data_quality.tickets import TicketOut
from mpi.api.schemas.parameters import NoQueryDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.service.data_quality.issues import READERS
from mpi.service.data_quality.tickets import Ticket, list_tickets

router = APIRouter(tags=["quality"])


@router.get(
    "/v1/sources/{source}/tickets",
    operation_id="list_tickets",
    response_model=list[TicketOut],
    summary="List the tickets of a source",
    responses=describe_problems(404),
    dependencies=[permit_any(READERS)],
)
def get_tickets(index: IndexDep, viewer: CallerDep, source: SourceDep, _: NoQueryDep) -> list[Ticket]:
    """List what the source was asked to correct, newest first, with how many records still have it."""
    return list_tickets(index, viewer, source)
