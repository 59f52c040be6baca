"""Routes that explain links, non-links and the history of a person."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.explanations import (
    BuiltOut,
    ExplanationBody,
    ExplanationOut,
    PersonExplanationOut,
)
from mpi.api.schemas.parameters import EidDep, NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.domain.viewer import Action
from mpi.service.explanations.pair_explanation import Explanation, explain_pair
from mpi.service.explanations.person_explanation import PersonExplanation, explain_person
from mpi.service.explanations.person_history import HistoryStep, describe_history

router = APIRouter(tags=["persons"], route_class=ModelReloadRoute)


@router.post(
    "/v1/explanations",
    operation_id="explain_pair",
    response_model=ExplanationOut,
    summary="Explain why two records are one person, or are not",
    responses=describe_problems(404, 409, 413, 422),
    dependencies=[permit(Action.RECORD_READ)],
    openapi_extra=describe_body(ExplanationBody),
)
def post_explanation(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[ExplanationBody, Depends(ExplanationBody.read)],
) -> Explanation:
    """Explain why two records are one person, or are not.

    The answer has one sentence, the weight of each comparison, opposing evidence, and what would change the
    result. It holds no values of the records.
    """
    return explain_pair(index, viewer, body.left, body.right)


@router.get(
    "/v1/persons/{eid}/explanation",
    operation_id="explain_person",
    response_model=PersonExplanationOut,
    summary="Explain why the records of a person are one person",
    responses=describe_problems(404),
)
def get_explanation(index: IndexDep, viewer: CallerDep, eid: EidDep, _: NoQueryDep) -> PersonExplanation:
    """Explain why the records of a person are one person.

    Returns the strongest links and the decisions between those of its records that the caller may see.
    """
    return explain_person(index, viewer, eid)


@router.get(
    "/v1/persons/{eid}/built",
    operation_id="trace_golden_record",
    response_model=list[BuiltOut],
    summary="Read the history of a person in plain sentences",
    responses=describe_problems(404),
)
def get_built(index: IndexDep, viewer: CallerDep, eid: EidDep, _: NoQueryDep) -> tuple[HistoryStep, ...]:
    """Return the history of a person in plain sentences, oldest first."""
    return describe_history(index, viewer, eid)
