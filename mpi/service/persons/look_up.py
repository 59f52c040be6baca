"""Look-ups: whose key it is and what it asks, in one snapshot; the ledger is left to the caller."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from mpi.domain.viewer import Viewer
from mpi.service.access.clients import authenticated, viewer_of
from mpi.service.access.setup import key_hash
from mpi.service.core.index import Index
from mpi.storage.repositories.access.clients import Client
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.unit import ReadUnit

_NOBODY = Viewer("nobody")
Answer = TypeVar("Answer")
WhoIs = Callable[[Client], Viewer]
"""The viewer that a client is for this call."""


@dataclass(frozen=True, slots=True)
class Ask(Generic[Answer]):
    """What a call asks.

    Args:
        at_a_glance: answers it by one statement, given the hash of the key; None where that does not suffice.
        in_full: answers it in a snapshot, under the policy of the unit's viewer.
    """

    at_a_glance: Callable[[ReadUnit, str, WhoIs], tuple[Answer, Disclosure] | None]
    in_full: Callable[[ReadUnit], tuple[Answer, Disclosure]]


class MoreToRead(Exception):  # noqa: N818 - what is the matter
    """One statement does not answer the call, or it is to be refused: it has to be read in full."""


def glance(
    index: Index, key: str | None, purpose: str | None, ask: Ask[Answer]
) -> tuple[Answer, Disclosure, Viewer]:
    """``look_up`` by one statement.

    Raises:
        MoreToRead: that does not suffice.
    """
    if not key:
        raise MoreToRead
    with index.database.read_autocommit(_NOBODY) as unit:

        def who(client: Client) -> Viewer:
            unit.viewer = viewer_of(client, purpose)
            return unit.viewer

        found = ask.at_a_glance(unit, key_hash(key), who)
        if found is None:
            raise MoreToRead
        return *found, unit.viewer


def look_up(
    index: Index, key: str | None, purpose: str | None, ask: Ask[Answer]
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
    with suppress(MoreToRead):
        return glance(index, key, purpose, ask)
    return in_full(index, key, purpose, ask)


def in_full(
    index: Index, key: str | None, purpose: str | None, ask: Ask[Answer]
) -> tuple[Answer, Disclosure, Viewer]:
    """``look_up`` by as many statements as it takes, in one snapshot."""
    with index.database.read(_NOBODY) as unit:
        unit.viewer = authenticated(unit, key, purpose)
        answer, line = ask.in_full(unit)
        return answer, line, unit.viewer
