"""Look-ups: whose key it is and what it asks, in one snapshot; the ledger is left to the caller."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mpi.domain.viewer import Viewer
from mpi.service.clients import authenticated, viewer_of
from mpi.service.context import Index
from mpi.service.setup import key_hash
from mpi.storage.repositories.clients import Client
from mpi.storage.repositories.disclosures import Disclosure
from mpi.storage.unit import ReadUnit

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
    if key:
        with index.database.glance(_NOBODY) as unit:

            def who(client: Client) -> Viewer:
                unit.viewer = viewer_of(client, purpose)
                return unit.viewer

            found = ask.at_a_glance(unit, key_hash(key), who)
            if found is not None:
                return *found, unit.viewer
    with index.database.read(_NOBODY) as unit:
        unit.viewer = authenticated(unit, key, purpose)
        answer, line = ask.in_full(unit)
        return answer, line, unit.viewer
