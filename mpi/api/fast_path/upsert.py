"""Fast path of a record upsert.

The whole request takes one change of thread and no response model. FastAPI would authenticate in one thread,
read the request in another, and answer in a third.
"""

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mpi.api.fast_path.look_up import json_response, read_api_key
from mpi.api.middleware.fast_path_dispatch import FastPathRoute
from mpi.api.request.authentication import add_idempotency_key
from mpi.api.request.client_address import note_caller
from mpi.api.request.problems import TooLargeError
from mpi.api.request.record_address import address_from_path
from mpi.api.request.record_body import parse_json_object, read_raw_body
from mpi.domain.errors import ModelMovedError, RecordError
from mpi.domain.viewer import Action, require_permission
from mpi.service.access.client_authentication import authenticate
from mpi.service.core.index import Index
from mpi.service.records import upsert
from mpi.service.records.upsert_result import UpsertResult


class UpsertRoute(FastPathRoute):
    """API route of a record upsert that can bypass FastAPI for speed."""

    async def try_fast_path(self, request: Request) -> Response | None:
        """Upsert the record of a request, bypassing FastAPI, in one thread.

        Returns:
            None if FastAPI must answer the request; nothing was done then.
        """
        if not _is_fast_path_request(request):
            return None
        try:
            body = await read_raw_body(request)
            return await run_in_threadpool(_upsert_record, request, body)
        except (TooLargeError, ModelMovedError):
            # Nothing was done yet. FastAPI's path checks permission before it reports a large body, and it
            # reloads the model.
            return None


def _is_fast_path_request(request: Request) -> bool:
    """Return whether a request has no query and so can bypass FastAPI."""
    return not request.scope["query_string"]


def _upsert_record(request: Request, body: bytes) -> Response:
    """Authenticate the caller and upsert the record, as ``put_record`` does."""
    index: Index = request.app.state.index
    headers = request.headers
    viewer = authenticate(index, read_api_key(headers), headers.get("purpose-of-use"))
    note_caller(request.scope, viewer.client)
    require_permission(viewer, Action.RECORD_WRITE)
    viewer = add_idempotency_key(viewer, headers.get("idempotency-key"), request, body)
    address = address_from_path(request.scope["raw_path"])
    require_permission(viewer, Action.RECORD_WRITE, address.source)
    record = parse_json_object(body)
    require_matching_local_id(record, address.local_id)
    return json_response(_to_plain_values(upsert.upsert(index, viewer, address.source, record)))


def require_matching_local_id(record: dict[str, object], local_id: str) -> None:
    """Put the path's local ID into a record, unless it has another.

    Raises:
        RecordError: the record's local ID differs from the path's.
    """
    if record.setdefault("local_id", local_id) != local_id:
        raise RecordError("local_id", "conflict", "differs from the one in the path")


def _to_plain_values(resolved: UpsertResult) -> dict[str, object]:
    """Convert an upsert's result to plain values for the JSON answer.

    They are the members of ``ResolvedOut``, in order.
    """
    return {
        "source": resolved.source,
        "local_id": resolved.local_id,
        "enterprise_id": resolved.enterprise_id,
        "outcome": resolved.outcome,
        "record": resolved.record,
        "provisional": resolved.provisional,
        "pending": resolved.pending,
        "tasks": resolved.tasks,
        "issues": resolved.issues,
    }
