"""Look-ups: whose key it is and what it asks, in one snapshot; the ledger is left to the caller."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from mpi.domain.viewer import Viewer
from mpi.service.access.clients import authenticate_in, viewer_from_client
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.storage.repositories.access.clients import Client
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.unit import ReadUnit

_ANONYMOUS = Viewer("nobody")
Answer = TypeVar("Answer")
ViewerForClient = Callable[[Client], Viewer]
"""The viewer that a client is for this call."""


@dataclass(frozen=True, slots=True)
class LookUpQuery(Generic[Answer]):
    """What a call asks.

    Args:
        fast: answers it by one statement, given the hash of the key; None where that does not suffice.
        full: answers it in a snapshot, under the policy of the unit's viewer.
    """

    fast: Callable[[ReadUnit, str, ViewerForClient], tuple[Answer, Disclosure] | None]
    full: Callable[[ReadUnit], tuple[Answer, Disclosure]]


class FastPathMiss(Exception):  # noqa: N818 - what is the matter
    """One statement does not answer the call, or it is to be refused: it has to be read in full."""


def look_up_fast(
    index: Index, key: str | None, purpose: str | None, ask: LookUpQuery[Answer]
) -> tuple[Answer, Disclosure, Viewer]:
    """``look_up`` by one statement.

    Raises:
        MoreToRead: that does not suffice.
    """
    if not key:
        raise FastPathMiss
    with index.database.read_autocommit(_ANONYMOUS) as unit:

        def who(client: Client) -> Viewer:
            unit.viewer = viewer_from_client(client, purpose)
            return unit.viewer

        found = ask.fast(unit, hash_token(key), who)
        if found is None:
            raise FastPathMiss
        return *found, unit.viewer


def look_up(
    index: Index, key: str | None, purpose: str | None, ask: LookUpQuery[Answer]
) -> tuple[Answer, Disclosure, Viewer]:
    """Answer a client, and say what must be durably on the ledger before the answer leaves.

    Args:
        index: the open index.
        key: the API key as sent, if any; one that was revoked before this snapshot opens nothing.
        purpose: the purpose of use as sent, if any.
        ask: what is asked.

    Raises:
        NotAuthenticated: no key, or one that is not known.
        InputError: no such purpose of use.
    """
    with suppress(FastPathMiss):
        return look_up_fast(index, key, purpose, ask)
    return look_up_in_full(index, key, purpose, ask)


def look_up_in_full(
    index: Index, key: str | None, purpose: str | None, ask: LookUpQuery[Answer]
) -> tuple[Answer, Disclosure, Viewer]:
    """``look_up`` by as many statements as it takes, in one snapshot."""
    with index.database.read(_ANONYMOUS) as unit:
        unit.viewer = authenticate_in(unit, key, purpose)
        answer, line = ask.full(unit)
        return answer, line, unit.viewer
