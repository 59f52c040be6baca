"""Explanations: why, why not, what would change it, and how a person was built."""

from fastapi import APIRouter

from mpi.api.request.access import CallerDep, IndexDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.request.step_body import JsonBody, JsonBodyDep
from mpi.api.schemas.explain import EXPLAIN, BuiltOut, ExplanationOut, PersonExplanationOut
from mpi.api.schemas.parameters import EidDep, NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action, require_permission
from mpi.service.explanations.pair import Explanation, explain_pair
from mpi.service.explanations.person import PersonExplanation, explain_person
from mpi.service.explanations.person_history import HistoryStep, describe_history

router = APIRouter(tags=["persons"], route_class=ModelReloadRoute)


@router.post(
    "/v1/explanations",
    response_model=ExplanationOut,
    summary="Ask why two records are taken for one child's, or not",
    responses=describe_problems(404, 409, 413, 422),
    openapi_extra=EXPLAIN,
)
def post_explanation(index: IndexDep, viewer: CallerDep, _: NoQueryDep, members: JsonBodyDep) -> Explanation:
    """One sentence, what each comparison adds, what opposes, and what would change the answer; no values."""
    require_permission(viewer, Action.RECORD_READ)
    body = JsonBody(members, "left", "right")
    return explain_pair(index, viewer, body.record("left"), body.record("right"))


@router.get(
    "/v1/persons/{eid}/explanation",
    response_model=PersonExplanationOut,
    summary="Ask why the records of a person are one person",
    responses=describe_problems(404),
)
def get_explanation(index: IndexDep, viewer: CallerDep, eid: EidDep, _: NoQueryDep) -> PersonExplanation:
    """The strongest links and the decisions between those of its records that the caller may see."""
    return explain_person(index, viewer, eid)


@router.get(
    "/v1/persons/{eid}/built",
    response_model=list[BuiltOut],
    summary="Read in plain sentences how a person was built",
    responses=describe_problems(404),
)
def get_built(index: IndexDep, viewer: CallerDep, eid: EidDep, _: NoQueryDep) -> tuple[HistoryStep, ...]:
    """Step by step, the oldest first."""
    return describe_history(index, viewer, eid)
