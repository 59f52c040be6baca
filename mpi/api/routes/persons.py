"""Persons: search for one, look one up, its history."""

from fastapi import APIRouter, Request, Response

from mpi.api.fast_path.look_up import LookUpRoute, json_response
from mpi.api.request.access import ActionPath, CallerDep, IndexDep
from mpi.api.request.body import RecordBodyDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.parameters import AsOfDep, EidDep, NoQueryDep
from mpi.api.schemas.persons import FoundOut, LineageStepOut, PersonOut
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.records import CHILD, build_record_body
from mpi.service.core.index import Index
from mpi.service.persons import persons
from mpi.service.persons.fast_look_up import person_at_a_glance
from mpi.service.persons.look_up import Ask
from mpi.service.persons.persons import LineageStep, PersonView
from mpi.service.persons.search import Found, search

router = APIRouter(tags=["persons"], route_class=ModelReloadRoute)


class _PersonRoute(LookUpRoute):
    def parse_query(self, request: Request, index: Index) -> Ask[PersonView] | None:
        """An enterprise ID, now."""
        if request.scope["query_string"]:
            return None
        eid = request.path_params["eid"]
        return Ask(
            lambda unit, key, who: person_at_a_glance(unit, key, who, index, eid),
            lambda unit: persons.person_in(unit, index, eid),
        )

    def render(self, result: PersonView) -> Response:
        """As ``PersonOut``."""
        view = {
            "enterprise_id": result.enterprise_id,
            "status": result.status,
            "now": result.now,
            "records": result.records,
            "flags": result.flags,
            "since": result.since,
        }
        return json_response(view, {"ETag": f'"{result.etag}"'})


look_up_router = APIRouter(tags=["persons"], route_class=_PersonRoute)


@router.post(
    "/v1/persons:search",
    response_model=list[FoundOut],
    summary="Ask who a record might be, storing nothing",
    responses=describe_problems(404, 413, 422),
    dependencies=[ActionPath],
    openapi_extra=build_record_body(CHILD, "What is known of the person, as a canonical record."),
)
def post_search(index: IndexDep, viewer: CallerDep, _: NoQueryDep, record: RecordBodyDep) -> list[Found]:
    """Up to ten persons, best first, explained by comparison and without values."""
    return search(index, viewer, record)


@look_up_router.get(
    "/v1/persons/{eid}",
    response_model=PersonOut,
    summary="Look up an enterprise ID",
    responses=describe_problems(404),
)
def get_person(
    index: IndexDep, viewer: CallerDep, eid: EidDep, query: AsOfDep, response: Response
) -> PersonView:
    """Its records and flags, now or at a past moment. A retired ID answers with who took over.

    `ETag` names what was read, for the `If-Match` of a merge, split or move.
    """
    person = persons.person(index, viewer, eid, query.as_of)
    if person.etag:
        response.headers["ETag"] = f'"{person.etag}"'
    return person


@router.get(
    "/v1/persons/{eid}/lineage",
    response_model=list[LineageStepOut],
    summary="Read how an enterprise ID came to hold what it holds",
    responses=describe_problems(404),
)
def get_lineage(index: IndexDep, viewer: CallerDep, eid: EidDep, _: NoQueryDep) -> tuple[LineageStep, ...]:
    """Every record that came or left, oldest first."""
    return persons.lineage(index, viewer, eid)
