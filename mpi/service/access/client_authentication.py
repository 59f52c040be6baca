"""Authentication of API clients by their credentials."""

from dataclasses import replace

from mpi.domain.viewer import Viewer
from mpi.policy.access_request import BREAK_GLASS
from mpi.service.access.break_glass import begin_use, find_break_glass_state
from mpi.service.access.credentials import (
    Credential,
    find_credential_client,
    read_credential,
    require_unexpired,
)
from mpi.service.access.viewers import Caller, make_viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.access.clients import Client
from mpi.storage.unit_of_work.units import ReadUnit

_ANONYMOUS = Viewer("nobody")


def authenticate(
    index: Index, key: str | None, purpose: str | None, break_glass_reason: str | None = None
) -> Viewer:
    """Return the viewer that a client's credential stands for.

    The credential and the last step of the client's agreement are read on each call, so that a revoked key
    or a suspended agreement ends at once.

    Args:
        index: the open index.
        key: the API key, access token or signed token as sent, if any.
        purpose: the purpose of use as sent, if any.
        break_glass_reason: reason of an emergency access as sent, if any.

    Raises:
        NotAuthenticated: the credential is missing, unknown, expired or revoked.
        StoreError: the token issuer's keys cannot be read, or a use of emergency access cannot be written to
            the ledger.
    """
    credential = read_credential(index, key)
    if purpose == BREAK_GLASS:
        return _authenticate_emergency(index, credential, break_glass_reason)
    with index.database.read_autocommit(_ANONYMOUS) as unit:
        return authenticate_in(index, unit, credential, purpose)


def _authenticate_emergency(index: Index, credential: Credential, reason: str | None) -> Viewer:
    """Return the viewer of an emergency access, once its beginning is recorded."""
    with index.database.read(_ANONYMOUS) as unit:
        client = find_credential_client(unit, credential)
        state = find_break_glass_state(index, unit, client.name, reason)
        viewer = make_viewer(index, unit, replace(_caller_of(client), break_glass=state), BREAK_GLASS)
    if viewer.actions and reason is not None:
        begin_use(index, viewer, reason)
    return viewer


def authenticate_in(index: Index, unit: ReadUnit, credential: Credential, purpose: str | None) -> Viewer:
    """Return the viewer that a credential stands for, within a transaction.

    Raises:
        NotAuthenticated: the credential is unknown, revoked or expired.
    """
    return viewer_from_client(index, unit, find_credential_client(unit, credential), purpose)


def viewer_from_client(index: Index, unit: ReadUnit, client: Client, purpose: str | None) -> Viewer:
    """Return the viewer (access rights) of an API client and its purpose.

    Raises:
        NotAuthenticated: the client's key has expired.
    """
    require_unexpired(client)
    return make_viewer(index, unit, _caller_of(client), purpose)


def _caller_of(client: Client) -> Caller:
    return Caller(
        client.name, client.actions, client.sources, client.agreement, client.terms_no, party=client.party
    )
