"""What every handler is given: the open index, and who is calling."""

from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from mpi.domain.viewer import PURPOSES, Viewer
from mpi.service.clients import authenticate
from mpi.service.context import Index

_bearer = HTTPBearer(auto_error=False, scheme_name="Bearer", description="The API key of a client.")
_api_key = APIKeyHeader(
    name="X-API-Key", auto_error=False, scheme_name="ApiKey", description="The API key of a client."
)


# Not a plain function: those run in the thread pool, and this one waits for nothing.
async def open_index(request: Request) -> Index:
    """The index that the application serves."""
    index: Index = request.app.state.index
    return index


IndexDep = Annotated[Index, Depends(open_index)]


def caller(
    index: IndexDep,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    api_key: Annotated[str | None, Security(_api_key)],
    purpose: Annotated[
        str | None,
        Header(
            alias="Purpose-Of-Use",
            description="Why the call is made; goes on the ledger.",
            examples=["school_stability"],
            json_schema_extra={"enum": list(PURPOSES)},
        ),
    ] = None,
) -> Viewer:
    """Who is calling, by either form of their key, and for what purpose."""
    return authenticate(index, bearer.credentials if bearer else api_key, purpose)


CallerDep = Annotated[Viewer, Depends(caller)]
