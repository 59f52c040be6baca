"""Routes that list, add, change and end clients of the API."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.request.model_reload import ModelReloadRoute
from mpi.api.routes.post_route import make_post_route
from mpi.api.schemas.administration.clients import (
    ClientDetailOut,
    ClientKeyOut,
    ClientNameDep,
    ClientOut,
    EndBody,
    ExpiryBody,
    NewClientBody,
    RotationBody,
)
from mpi.api.schemas.parameters import NoQueryDep
from mpi.api.schemas.problem import describe_problems
from mpi.domain.viewer import Action, Viewer
from mpi.service.access import clients
from mpi.service.access.clients import ClientDetail, ClientView
from mpi.service.core.index import Index

router = APIRouter(tags=["administration"], route_class=ModelReloadRoute)
_CLIENT = "/v1/clients/{client}"
_post = partial(make_post_route, router)


@router.get(
    "/v1/clients",
    operation_id="list_clients",
    response_model=list[ClientOut],
    summary="List the clients of the API",
    responses=describe_problems(),
    dependencies=[permit(Action.CLIENT_ADMIN)],
)
def get_clients(index: IndexDep, viewer: CallerDep, _: NoQueryDep) -> list[ClientView]:
    """List every client by name, also those that were ended."""
    return clients.list_clients(index, viewer)


@_post("/v1/clients", "add_client", Action.CLIENT_ADMIN, "Add a client", NewClientBody, ClientKeyOut)
def post_client(
    index: IndexDep,
    viewer: CallerDep,
    _: NoQueryDep,
    body: Annotated[NewClientBody, Depends(NewClientBody.read)],
) -> dict[str, Any]:
    """Add a client with no more rights than the caller has.

    Its key is shown this once.
    """
    key = clients.add_client(index, viewer, body.name, body.scopes, body.sources, body.agreement, body.party)
    return _show_key(index, viewer, body.name, key)


@router.get(
    _CLIENT,
    operation_id="get_client",
    response_model=ClientDetailOut,
    summary="Show a client",
    responses=describe_problems(404),
    dependencies=[permit(Action.CLIENT_ADMIN)],
)
def get_client(index: IndexDep, viewer: CallerDep, client: ClientNameDep, _: NoQueryDep) -> ClientDetail:
    """Show one client with its latest changes, without its key."""
    return clients.find_client(index, viewer, client)


@_post(
    f"{_CLIENT}:rotate",
    "rotate_client_key",
    Action.CLIENT_ADMIN,
    "Replace a client's key",
    RotationBody,
    ClientKeyOut,
)
def post_rotation(
    index: IndexDep,
    viewer: CallerDep,
    client: ClientNameDep,
    _: NoQueryDep,
    body: Annotated[RotationBody, Depends(RotationBody.read)],
) -> dict[str, Any]:
    """Give a client another key, which is shown this once.

    The caller needs every right of the client, since the key gives them.
    """
    key = clients.rotate_key(index, viewer, client, body.overlap_days, body.version)
    return _show_key(index, viewer, client, key)


@_post(
    f"{_CLIENT}:expire",
    "set_client_expiry",
    Action.CLIENT_ADMIN,
    "Set when a client's key expires",
    ExpiryBody,
    ClientOut,
)
def post_expiry(
    index: IndexDep,
    viewer: CallerDep,
    client: ClientNameDep,
    _: NoQueryDep,
    body: Annotated[ExpiryBody, Depends(ExpiryBody.read)],
) -> ClientView:
    """Set the first day on which the key is refused, or none."""
    clients.set_expiry(index, viewer, client, body.expires_on, body.version)
    return clients.find_client(index, viewer, client).client


@_post(f"{_CLIENT}:end", "end_client", Action.CLIENT_ADMIN, "End a client", EndBody, ClientOut)
def post_end(
    index: IndexDep,
    viewer: CallerDep,
    client: ClientNameDep,
    _: NoQueryDep,
    _body: Annotated[EndBody, Depends(EndBody.read)],
) -> ClientView:
    """Revoke a client's key.

    The client's next call is refused, and its name is never given again.
    """
    clients.revoke_client(index, viewer, client)
    return clients.find_client(index, viewer, client).client


def _show_key(index: Index, viewer: Viewer, name: str, key: str) -> dict[str, Any]:
    """Return a client with the key that is shown once."""
    return {"client": clients.find_client(index, viewer, name).client, "api_key": key}
