"""Routes of local match, and of what an enrollment needs."""

from typing import Annotated

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.request_bodies import describe_body
from mpi.api.schemas.rosters.letters import EnrollmentStartOut, LocalMatchBody, LocalMatchOut, StudentBody
from mpi.domain.viewer import Action
from mpi.service.rosters.enroll_today import EnrollmentStart, read_enrollment_start
from mpi.service.rosters.local_match import LetterCheck, check_letter

router = APIRouter(tags=["rosters"], route_class=ModelReloadRoute)


@router.post(
    "/v1/local-match",
    operation_id="check_placement_letter",
    response_model=LocalMatchOut,
    summary="Ask whether an own student is the child of a placement letter",
    responses=describe_problems(413, 422, 429),
    dependencies=[permit(Action.LOCAL_MATCH)],
    openapi_extra=describe_body(LocalMatchBody),
)
def post_local_match(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[LocalMatchBody, Depends(LocalMatchBody.read)],
) -> LetterCheck:
    """Return whether the caller's own student is a placement letter's child.

    The answer is yes, no or waiting. Give the student, and the client number or the case number of the
    letter. An unknown number, the number of another child and a child who left care are all answered no. The
    answers of a caller are limited for each day, and for each student.
    """
    return check_letter(index, viewer, body.to_student(), body.to_letter())


@router.post(
    "/v1/enroll-today",
    operation_id="get_enrollment_start",
    response_model=EnrollmentStartOut,
    summary="Read what a school needs to enroll a confirmed student",
    responses=describe_problems(404, 413, 422),
    dependencies=[permit(Action.ENROLLMENT_READ)],
    openapi_extra=describe_body(StudentBody),
)
def post_enroll_today(
    index: IndexDep, viewer: CallerDep, _: NoQueryDep, body: Annotated[StudentBody, Depends(StudentBody.read)]
) -> EnrollmentStart:
    """Return last school, grade, records office and caseworker of a student.

    The caller must have had the answer yes for this student within a day, and it must hold still.
    """
    return read_enrollment_start(index, viewer, body.to_student())
