"""The crosswalk, both ways, and the feed of its changes."""

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from mpi.api.fast_path.look_up import LookUpRoute, json_response
from mpi.api.request.access import CallerDep, IndexDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.crosswalk import AddressedOut, CrosswalkOut, EventPageOut
from mpi.api.schemas.parameters import CrosswalkDep, EventsDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.errors import InputError
from mpi.service.core.index import Index
from mpi.service.persons.change_feed import EventPage, events
from mpi.service.persons.fast_look_up import crosswalk_at_a_glance
from mpi.service.persons.look_up import Ask
from mpi.service.persons.persons import Addressed, CrosswalkEntry, crosswalk, crosswalk_in, records_of

router = APIRouter(tags=["crosswalk"], route_class=ModelReloadRoute)


class _CrosswalkRoute(LookUpRoute):
    def parse_query(self, request: Request, index: Index) -> Ask[CrosswalkEntry] | None:  # noqa: ARG002
        """A source and a local ID, once each and nothing else."""
        parameters = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        values = dict(parameters)
        if len(parameters) != len(values) or values.keys() != {"source", "local_id"}:
            return None
        source, local_id = values["source"], values["local_id"]
        return Ask(
            lambda unit, key, who: crosswalk_at_a_glance(unit, key, who, source, local_id),
            lambda unit: crosswalk_in(unit, source, local_id),
        )

    def render(self, result: CrosswalkEntry) -> Response:
        """As ``CrosswalkOut``."""
        return json_response(result)


look_up_router = APIRouter(tags=["crosswalk"], route_class=_CrosswalkRoute)


@look_up_router.get(
    "/v1/crosswalk",
    response_model=CrosswalkOut | AddressedOut,
    summary="From a record to its enterprise ID, or the other way",
    responses=describe_problems(404, 422),
)
def get_crosswalk(index: IndexDep, viewer: CallerDep, query: CrosswalkDep) -> CrosswalkEntry | Addressed:
    """Give `source` and `local_id`, or `enterprise_id`; with `as_of`, as it was then."""
    match query.source, query.local_id, query.enterprise_id:
        case None, None, str(eid):
            return records_of(index, viewer, eid, query.as_of)
        case str(source), str(local_id), None:
            return crosswalk(index, viewer, source, local_id, query.as_of)
        case _:
            raise InputError("give source and local_id, or enterprise_id alone")


@router.get(
    "/v1/events",
    response_model=EventPageOut,
    summary="Follow the changes of enterprise IDs",
    responses=describe_problems(409),
)
def get_events(index: IndexDep, viewer: CallerDep, query: EventsDep) -> EventPage:
    """Whole commits after a cursor, in order: read on with `after` set to the answer's `cursor`."""
    return events(index, viewer, query.after, query.limit)
