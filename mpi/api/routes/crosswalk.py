"""Routes of the crosswalk and the feed of its changes."""

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from mpi.api.fast_path.look_up import LookUpRoute, json_response
from mpi.api.request.authentication import CallerDep, IndexDep
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.schemas.crosswalk import AddressedOut, CrosswalkOut, EventPageOut
from mpi.api.schemas.parameters import CrosswalkDep, EventsDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.errors import InputError
from mpi.service.core.index import Index
from mpi.service.persons.change_feed import ChangeEventPage, read_change_feed
from mpi.service.persons.fast_look_up import look_up_crosswalk_fast
from mpi.service.persons.look_up import LookUpQuery
from mpi.service.persons.persons import (
    CrosswalkEntry,
    PersonRecords,
    look_up_crosswalk,
    look_up_records,
    read_crosswalk,
)

router = APIRouter(tags=["crosswalk"], route_class=ModelReloadRoute)


class _CrosswalkRoute(LookUpRoute[CrosswalkEntry]):
    """Route of the crosswalk, which can answer local-ID queries without FastAPI."""

    def parse_query(self, request: Request, index: Index) -> LookUpQuery[CrosswalkEntry] | None:  # noqa: ARG002 - part of the interface of LookUpRoute
        """Return the look-up of one record; None unless exactly one is named."""
        parameters = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        values = dict(parameters)
        if len(parameters) != len(values) or values.keys() != {"source", "local_id"}:
            return None
        source, local_id = values["source"], values["local_id"]
        return LookUpQuery(
            lambda unit, key, who: look_up_crosswalk_fast(unit, key, who, source, local_id),
            lambda unit: read_crosswalk(unit, source, local_id),
        )

    def render(self, result: CrosswalkEntry) -> Response:
        """Render a record's enterprise ID in the shape of ``CrosswalkOut``."""
        return json_response(result)


look_up_router = APIRouter(tags=["crosswalk"], route_class=_CrosswalkRoute)


@look_up_router.get(
    "/v1/crosswalk",
    operation_id="find_persons",
    response_model=CrosswalkOut | AddressedOut,
    summary="Look up a record's enterprise ID, or an enterprise ID's records",
    responses=describe_problems(404, 422),
)
def get_crosswalk(index: IndexDep, viewer: CallerDep, query: CrosswalkDep) -> CrosswalkEntry | PersonRecords:
    """Look up a record's enterprise ID, or an enterprise ID's records.

    Give `source` and `local_id`, or `enterprise_id` alone. With `as_of`, the answer is as of that moment.
    """
    match query.source, query.local_id, query.enterprise_id:
        case None, None, str(eid):
            return look_up_records(index, viewer, eid, query.as_of)
        case str(source), str(local_id), None:
            return look_up_crosswalk(index, viewer, source, local_id, query.as_of)
        case _:
            raise InputError("give source and local_id, or enterprise_id alone")


@router.get(
    "/v1/events",
    operation_id="list_events",
    response_model=EventPageOut,
    summary="Follow the changes of enterprise IDs",
    responses=describe_problems(409),
)
def get_events(index: IndexDep, viewer: CallerDep, query: EventsDep) -> ChangeEventPage:
    """Return the changes of enterprise IDs after a cursor, in order.

    Commits are returned whole. Read on with `after` set to the answer's `cursor`.
    """
    return read_change_feed(index, viewer, query.after, query.limit)
