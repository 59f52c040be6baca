"""FastAPI dependencies: the open index, and an authenticated, permitted caller."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Header, Request, Security
from fastapi.params import Depends as Dependency
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from mpi.api.entity_tags import parse_state
from mpi.api.request.client_address import note_caller
from mpi.api.request.record_body import RawBodyDep
from mpi.api.request.redisclosure import state_terms
from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import (
    PURPOSES,
    Action,
    IdempotentCall,
    Viewer,
    require_any_permission,
    require_permission,
)
from mpi.service.access.client_authentication import authenticate
from mpi.service.core.index import Index
from mpi.service.gates.holds import require_whole_index

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="Bearer",
    description="The API key of a client, an access token of `/oauth/token`, or a trusted issuer's token.",
)
_api_key = APIKeyHeader(
    name="X-API-Key", auto_error=False, scheme_name="ApiKey", description="The API key of a client."
)


# Async, because FastAPI would run a plain function in the thread pool.
async def get_index(request: Request) -> Index:
    """Return the open master person index that the application serves."""
    index: Index = request.app.state.index
    return index


IndexDep = Annotated[Index, Depends(get_index)]


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials of a request before they are checked.

    Args:
        key: the API key or token, from ``Authorization`` or ``X-API-Key``.
        purpose: the purpose of use.
        break_glass_reason: reason of an emergency access.
    """

    key: str | None
    purpose: str | None
    break_glass_reason: str | None = None

    def authenticate(self, index: Index) -> Viewer:
        """Return the viewer that the request's credential belongs to now.

        Raises:
            NotAuthenticated: there is no credential, or it is unknown, expired or revoked.
            StoreError: the token issuer's keys cannot be read, or a use of emergency access cannot be written
                to the ledger.
        """
        return authenticate(index, self.key, self.purpose, self.break_glass_reason)


# Async, because FastAPI would run a plain function in the thread pool.
async def read_credentials(
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
    break_glass_reason: Annotated[
        str | None,
        Header(
            alias="Break-Glass-Reason",
            description="Why `emergency_breakglass` is needed; goes on the ledger. Name no child.",
            examples=["child missing since this morning"],
        ),
    ] = None,
) -> Credentials:
    """Read API key, purpose of use and reason from the request's headers."""
    return Credentials(bearer.credentials if bearer else api_key, purpose, break_glass_reason)


CredentialsDep = Annotated[Credentials, Depends(read_credentials)]


def authenticate_caller(request: Request, index: IndexDep, sent_credentials: CredentialsDep) -> Viewer:
    """Authenticate the caller of a request."""
    viewer = sent_credentials.authenticate(index)
    note_caller(request.scope, viewer.client)
    state_terms(request.scope, viewer)
    return viewer


CallerDep = Annotated[Viewer, Depends(authenticate_caller)]


def permit(*actions: Action) -> Dependency:
    """Return a dependency that lets a route's caller perform some actions.

    The dependency refuses callers without one of the permissions. List it under ``dependencies`` of the
    route: those run before the body is read. A source that the path names must be one that the caller may
    see. Name several actions at once: FastAPI reads the headers of a request again for each dependency.
    """

    # Async, because FastAPI would run a plain function in the thread pool.
    async def require_actions(request: Request, viewer: CallerDep) -> None:
        for action in actions:
            require_permission(viewer, action, request.path_params.get("source"))

    return Dependency(require_actions)


def permit_any(actions: Sequence[Action]) -> Dependency:
    """Return a dependency that permits one of several actions."""

    async def require_one_action(viewer: CallerDep) -> None:
        require_any_permission(viewer, actions)

    return Dependency(require_one_action)


async def _require_whole_index(viewer: CallerDep) -> None:
    """Require a caller who may re-cluster and see every source."""
    require_whole_index(viewer)


WholeIndex = Depends(_require_whole_index)
"""A route's dependency that permits only who may re-cluster."""


def authenticate_writer(
    request: Request,
    viewer: CallerDep,
    body: RawBodyDep,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description=(
                "Names the call: the same call again, within seven days, is not done twice and gets the same "
                "answer; another call under the same key is refused."
            ),
            examples=["5b0c2c1e"],
        ),
    ] = None,
) -> Viewer:
    """Return a write's authenticated caller, with the request's idempotency key."""
    return add_idempotency_key(viewer, key, request, body)


def add_idempotency_key(viewer: Viewer, key: str | None, request: Request, body: bytes) -> Viewer:
    """Return the viewer with the request's idempotency key, if it has one.

    The stored call covers method, path, query and body, so that another call under the same key is refused.
    """
    if key is None:
        return viewer
    call = b"\n".join(
        (request.method.encode(), request.scope["raw_path"], request.scope["query_string"], body)
    )
    return replace(viewer, idempotent_call=IdempotentCall(key, call))


WriterDep = Annotated[Viewer, Depends(authenticate_writer)]


def parse_if_match(
    if_match: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="Tags of the persons as they were read: if they have changed since, 412.",
            examples=['"3f0c"'],
        ),
    ] = None,
) -> tuple[str, ...] | None:
    """Parse the ETags of an ``If-Match`` header.

    What a tag says of the answer's bytes is left out: a change asks for the state alone.

    Returns:
        None if the header is missing.
    """
    if if_match is None:
        return None
    return tuple(parse_state(tag) for tag in if_match.split(","))


IfMatchDep = Annotated[tuple[str, ...] | None, Depends(parse_if_match)]


def require_unencoded_colon(request: Request) -> None:
    """Refuse a path whose colon before an action's name is percent-encoded.

    An encoded colon is part of a local ID and never begins an action.

    Raises:
        NotFoundError: the last path segment has no literal colon.
    """
    if b":" not in request.scope["raw_path"].rsplit(b"/", 1)[-1]:
        raise NotFoundError("no such path")


ActionPath = Depends(require_unencoded_colon)
