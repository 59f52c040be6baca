"""Routes of a district's students in care, and of a caseworker's children."""

from typing import Annotated

from fastapi import APIRouter, Query

from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.rosters.lists import ChildrenQuery, ChildRosterOut, StudentRosterOut, StudentsQuery
from mpi.domain.viewer import Action
from mpi.service.rosters.children import ChildRoster, read_children
from mpi.service.rosters.students import StudentRoster, read_students

router = APIRouter(tags=["rosters"], route_class=ModelReloadRoute)


@router.get(
    "/v1/students-in-care",
    operation_id="list_students_in_care",
    response_model=StudentRosterOut,
    summary="List a district's own students who are in care today",
    responses=describe_problems(422),
    dependencies=[permit(Action.ROSTER_READ)],
)
def get_students(
    index: IndexDep, viewer: CallerDep, query: Annotated[StudentsQuery, Query()]
) -> StudentRoster:
    """Return a page of the caller's own students in care.

    The newest stay comes first. A student is listed if a record of a source that is named to the caller says
    "enrolled", and a record of child welfare, of the same child, says "in care", both today. Every student of
    the page is on the ledger.
    """
    return read_students(index, viewer, query.show, query.first, query.limit)


@router.get(
    "/v1/children-in-care",
    operation_id="list_children_in_care",
    response_model=ChildRosterOut,
    summary="List a caseworker's children with their schools",
    responses=describe_problems(422),
    dependencies=[permit(Action.CASELOAD_READ)],
)
def get_children(index: IndexDep, viewer: CallerDep, query: Annotated[ChildrenQuery, Query()]) -> ChildRoster:
    """Return a caseworker's children with their schools.

    A child without a school has the reason in `missing`. A child is listed if the caseload names the
    caseworker and the child-welfare record says "in care" today. Every record that the list was read from is
    on the ledger.
    """
    return read_children(index, viewer, query.caseworker)
