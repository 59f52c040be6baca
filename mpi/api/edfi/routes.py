"""Routes of the Ed-Fi Identities API v2."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from mpi.api.edfi.creation import create_identity
from mpi.api.edfi.descriptions import (
    CREATED,
    FOUND,
    LISTED,
    RESULTS,
    describe_answers,
    describe_list,
    describe_request,
)
from mpi.api.edfi.lists import answer_find, answer_results, answer_search, get_identity
from mpi.api.edfi.outcomes import (
    respond_to_create,
    respond_to_get,
    respond_to_list,
    respond_to_results,
)
from mpi.api.edfi.problems import EdfiRoute
from mpi.api.edfi.schemas import (
    IdentityCreateRequest,
    IdentitySearchRequest,
    parse_searches,
    parse_traits,
    parse_unique_ids,
)
from mpi.api.request.authentication import CallerDep, IndexDep, WriterDep, permit
from mpi.api.request.record_body import RawBodyDep
from mpi.api.schemas.openapi_parts import EXAMPLE_EID
from mpi.api.schemas.parameters import NoQueryDep
from mpi.domain.viewer import Action

router = APIRouter(prefix="/identity/v2/identities", tags=["identities"], route_class=EdfiRoute)

_READS = [permit(Action.PERSON_READ, Action.RECORD_READ)]
_SEARCHES = [permit(Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ)]
_UniqueId = Annotated[str, Path(alias="id", description="A unique ID; case matters.", examples=[EXAMPLE_EID])]
_Token = Annotated[
    str,
    Path(alias="token", description="Token of a `Location`.", examples=["Zk3kq0c1Xv0Jm2cFQ0cMZ1rXo4lB1nXa"]),
]


@router.post(
    "",
    operation_id="create_identity",
    status_code=201,
    response_class=Response,
    summary="Get a unique ID for a student",
    responses=describe_answers(CREATED, 409, 413, 429, 501),
    dependencies=[permit(Action.RECORD_WRITE), *_SEARCHES],
    openapi_extra=describe_request(IdentityCreateRequest),
)
def post_identity(index: IndexDep, viewer: WriterDep, _: NoQueryDep, data: RawBodyDep) -> Response:
    """Store a student as a placeholder record, and answer the unique ID.

    The student's own record joins it later. A student whom the index already has, and would link, keeps the
    ID of before. Where a twin is near, `BirthOrder` is asked for.
    """
    request = parse_traits(data, IdentityCreateRequest)
    return respond_to_create(create_identity(index, viewer, request))


@router.post(
    "/find",
    operation_id="find_identities",
    response_class=Response,
    summary="Find students by unique IDs",
    responses=describe_answers(LISTED, 404, 413, 429),
    dependencies=_READS,
    openapi_extra=describe_list({"type": "string"}, [EXAMPLE_EID]),
)
def post_find(index: IndexDep, viewer: CallerDep, _: NoQueryDep, data: RawBodyDep) -> Response:
    """Answer none or one student for each unique ID, in order.

    A retired ID answers its survivor. A long list is answered with 202 and a `Location`.
    """
    return respond_to_list(answer_find(index, viewer, parse_unique_ids(data)))


@router.post(
    "/search",
    operation_id="search_identities",
    response_class=Response,
    summary="Search for students by what is known of them",
    responses=describe_answers(LISTED, 404, 413, 429),
    dependencies=_SEARCHES,
    openapi_extra=describe_list(IdentitySearchRequest, None),
)
def post_search(index: IndexDep, viewer: CallerDep, _: NoQueryDep, data: RawBodyDep) -> Response:
    """Answer the likely matches of each search, best first, in order.

    Each search counts as one person search. A long list is answered with 202 and a `Location`, and so is one
    that reaches the client's limit.
    """
    return respond_to_list(answer_search(index, viewer, parse_searches(data)))


@router.get(
    "/results/{token}",
    operation_id="get_identity_results",
    response_class=Response,
    summary="Get the answers to a long list",
    responses=describe_answers(RESULTS, 404, 429),
    dependencies=_READS,
)
def get_results(index: IndexDep, viewer: CallerDep, _: NoQueryDep, token: _Token) -> Response:
    """Work on a token's list, and answer it once it is complete.

    Until then the status is `Incomplete`, `Location` is this address, and `Retry-After` says when to ask
    again. A token is valid for 30 minutes after the last call.
    """
    return respond_to_results(answer_results(index, viewer, token))


@router.get(
    "/{id}",
    operation_id="get_identity",
    response_class=Response,
    summary="Get a student by unique ID",
    responses=describe_answers(FOUND, 404),
    dependencies=_READS,
)
def get_by_id(index: IndexDep, viewer: CallerDep, _: NoQueryDep, unique_id: _UniqueId) -> Response:
    """Answer the student of a unique ID, with a score of 100.

    A retired ID answers its survivor.
    """
    return respond_to_get(get_identity(index, viewer, unique_id))
