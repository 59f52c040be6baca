"""Route of a source's scorecard."""

from fastapi import APIRouter

from mpi.api.request.authentication import CallerDep, IndexDep, permit_any
from mpi.api.schemas.data_quality.scorecards import ScorecardOut
from mpi.api.schemas.parameters import NoQueryDep, SourceDep
from mpi.api.schemas.problem import describe_problems
from mpi.service.data_quality.issues import READERS
from mpi.service.data_quality.scorecard import Scorecard
from mpi.service.quality.consistency import read_whole_scorecard

router = APIRouter(tags=["quality"])


@router.get(
    "/v1/sources/{source}/scorecard",
    operation_id="get_scorecard",
    response_model=ScorecardOut,
    summary="Read the scorecard of a source",
    responses=describe_problems(404),
    dependencies=[permit_any(READERS)],
)
def get_scorecard(index: IndexDep, viewer: CallerDep, source: SourceDep, _: NoQueryDep) -> Scorecard:
    """Return how complete, valid, timely and distinct a source's records are.

    They are measured at the time of the call. For the data owner and the sender of the source. A source of
    many records is measured on a random draw. How often linked records of other agencies agree is a published
    figure of an earlier day, for who may see both sides.
    """
    return read_whole_scorecard(index, viewer, source)
