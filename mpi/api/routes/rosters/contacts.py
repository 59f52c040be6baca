"""Route of the directory of points of contact."""

from typing import Annotated

from fastapi import APIRouter, Query

from mpi.api.request.authentication import CallerDep, IndexDep, permit_any
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.rosters.contacts import ContactOut, ContactsQuery
from mpi.service.directory.contact_file import read_contacts
from mpi.service.directory.contacts import CONTACT_READERS, Contact

router = APIRouter(tags=["rosters"])


@router.get(
    "/v1/contacts",
    operation_id="list_contacts",
    response_model=list[ContactOut],
    summary="List the points of contact",
    responses=describe_problems(422),
    dependencies=[permit_any(CONTACT_READERS)],
)
def get_contacts(
    index: IndexDep, viewer: CallerDep, query: Annotated[ContactsQuery, Query()]
) -> tuple[Contact, ...]:
    """Return whom to call, in the order of the file.

    The points of contact are those of the state, the districts, agencies and counties.
    """
    return read_contacts(index, viewer, query.level)
