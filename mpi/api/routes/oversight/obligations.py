"""Route of who owes what to whom."""

from fastapi import APIRouter

from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.schemas.obligations import ObligationOut, OverviewOut, UnownedOut
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action
from mpi.service.responsibilities.obligations import read_obligations

router = APIRouter(tags=["agreements"])


@router.get(
    "/v1/obligations",
    operation_id="list_obligations",
    response_model=OverviewOut,
    summary="List who owes what to whom",
    responses=describe_problems(422),
    dependencies=[permit(Action.AGREEMENT_ADMIN)],
)
def get_obligations(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> OverviewOut:
    """Return what is owed to whom, the longest overdue first.

    It covers agreements, points of contact, tickets, feeds and the queue. It holds no record and no
    number of records.
    """
    overview = read_obligations(index, viewer)
    return OverviewOut(
        day=overview.day,
        obligations=[ObligationOut.model_validate(each) for each in overview.obligations],
        without_owner=[UnownedOut(kind=kind, subject=subject) for kind, subject in overview.without_owner],
    )
