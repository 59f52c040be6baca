"""Look-ups of API clients: authentication and answer in one snapshot.

The caller writes the ledger entry before the answer leaves.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from mpi.domain.viewer import PURPOSES, Viewer
from mpi.service.access.client_authentication import authenticate_in, viewer_from_client
from mpi.service.access.credentials import read_credential
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.storage.repositories.access.clients import Client
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.units import ReadUnit

_ANONYMOUS = Viewer("nobody")
Answer = TypeVar("Answer")
ViewerForClient = Callable[[Client], Viewer]
"""Returns the viewer that a client is for the current call."""


@dataclass(frozen=True, slots=True)
class LookUpQuery(Generic[Answer]):
    """An API client's look-up, as a fast and a complete implementation.

    Args:
        fast: answers by one statement, given the hash of the API key; None where one statement does not
            suffice.
        full: answers in a snapshot, under the rights of the unit's viewer.
    """

    fast: Callable[[ReadUnit, str, ViewerForClient], tuple[Answer, Disclosure] | None]
    full: Callable[[ReadUnit], tuple[Answer, Disclosure]]


class FastPathMissError(Exception):
    """A single SQL statement cannot answer the look-up."""


def look_up_fast(
    index: Index, key: str | None, purpose: str | None, query: LookUpQuery[Answer]
) -> tuple[Answer, Disclosure, Viewer]:
    """Answer a client's look-up by a single SQL statement.

    Raises:
        FastPathMiss: one statement does not suffice, or the call is to be refused.
    """
    # A purpose that this index added is in the database.
    if not key or (purpose is not None and purpose not in PURPOSES):
        raise FastPathMissError
    with index.database.read_autocommit(_ANONYMOUS) as unit:

        def viewer_for(client: Client) -> Viewer:
            unit.viewer = viewer_from_client(index, unit, client, purpose)
            return unit.viewer

        result = query.fast(unit, hash_token(key), viewer_for)
        if result is None:
            raise FastPathMissError
        return *result, unit.viewer


def look_up(
    index: Index, key: str | None, purpose: str | None, query: LookUpQuery[Answer]
) -> tuple[Answer, Disclosure, Viewer]:
    """Answer a client's look-up and return its ledger entry.

    Args:
        index: the open index.
        key: the API key as sent, if any; a key revoked before this snapshot is refused.
        purpose: the purpose of use as sent, if any.
        query: the look-up.

    Returns:
        The answer, the ledger entry that must be durable before the answer leaves, and the viewer.

    Raises:
        NotAuthenticated: the key is missing, unknown or revoked.
    """
    with suppress(FastPathMissError):
        return look_up_fast(index, key, purpose, query)
    return look_up_in_full(index, key, purpose, query)


def look_up_in_full(
    index: Index, key: str | None, purpose: str | None, query: LookUpQuery[Answer]
) -> tuple[Answer, Disclosure, Viewer]:
    """Answer a client's look-up by several statements in one snapshot."""
    credential = read_credential(index, key)
    with index.database.read(_ANONYMOUS) as unit:
        unit.viewer = authenticate_in(index, unit, credential, purpose)
        answer, entry = query.full(unit)
        return answer, entry, unit.viewer
