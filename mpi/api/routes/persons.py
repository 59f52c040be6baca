"""Routes to search for persons, and to read one with its lineage."""

from fastapi import APIRouter, Request, Response

from mpi.api.fast_path.look_up import LookUpRoute, json_response
from mpi.api.request.authentication import ActionPath, CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.request.record_body import RecordBodyDep
from mpi.api.schemas.openapi_parts import ETAG_ANSWER
from mpi.api.schemas.parameters import AsOfDep, ConditionalRead, EidDep, NoQueryDep
from mpi.api.schemas.persons import FoundOut, LineageStepOut, PersonOut
from mpi.api.schemas.problem import describe_problems
from mpi.api.schemas.records import CHILD, build_record_body
from mpi.domain.viewer import Action
from mpi.service.core.index import Index
from mpi.service.persons import lineage, persons
from mpi.service.persons.fast_look_up import look_up_person_fast
from mpi.service.persons.lineage import LineageStep
from mpi.service.persons.look_up import LookUpQuery
from mpi.service.persons.persons import PersonView
from mpi.service.persons.search import SearchResult, search_persons

router = APIRouter(tags=["persons"], route_class=ModelReloadRoute)


class _PersonRoute(LookUpRoute[PersonView]):
    """Route of a person, which can answer present-time requests without FastAPI."""

    def parse_query(self, request: Request, index: Index) -> LookUpQuery[PersonView] | None:
        """Return the look-up of a person by enterprise ID, as of now."""
        if request.scope["query_string"]:
            return None
        eid = request.path_params["eid"]
        return LookUpQuery(
            lambda unit, key, who: look_up_person_fast(unit, key, who, index, eid),
            lambda unit: persons.read_person(unit, index, eid),
        )

    def render(self, result: PersonView) -> Response:
        """Render a person in the shape of ``PersonOut``, with an ETag."""
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
    operation_id="search_persons",
    response_model=list[FoundOut],
    summary="Search for the persons that a record may belong to",
    responses=describe_problems(404, 413, 422, 429),
    dependencies=[ActionPath, permit(Action.PERSON_SEARCH)],
    openapi_extra=build_record_body(CHILD, "What is known of the person, as a canonical record."),
)
def post_search(
    index: IndexDep, viewer: CallerDep, _: NoQueryDep, record: RecordBodyDep
) -> list[SearchResult]:
    """Search for the persons that a record may belong to.

    Returns up to ten persons, best first, each explained by comparison and without values. Nothing is stored.
    Addresses, phones and e-mails that are withheld from the caller are not compared. A client has a limited
    number of searches.
    """
    return search_persons(index, viewer, record)


@look_up_router.get(
    "/v1/persons/{eid}",
    operation_id="get_person",
    response_model=PersonOut,
    summary="Look up an enterprise ID",
    responses=describe_problems(404) | ETAG_ANSWER,
    dependencies=[ConditionalRead],
)
def get_person(
    index: IndexDep, viewer: CallerDep, eid: EidDep, query: AsOfDep, response: Response
) -> PersonView:
    """Return the records and flags of an enterprise ID.

    The answer is as of now or a past moment. A retired ID answers with the IDs that hold its records. `ETag`
    names what was read, for the `If-Match` of a merge, split or move.
    """
    person = persons.look_up_person(index, viewer, eid, query.as_of)
    if person.etag:
        response.headers["ETag"] = f'"{person.etag}"'
    return person


@router.get(
    "/v1/persons/{eid}/lineage",
    operation_id="get_lineage",
    response_model=list[LineageStepOut],
    summary="Read the lineage of an enterprise ID",
    responses=describe_problems(404),
)
def get_lineage(index: IndexDep, viewer: CallerDep, eid: EidDep, _: NoQueryDep) -> tuple[LineageStep, ...]:
    """List every record that joined or left an enterprise ID, oldest first."""
    return lineage.look_up_lineage(index, viewer, eid)
