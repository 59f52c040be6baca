"""Look-ups: whose key it is and what it asks, in one snapshot; the ledger is left to the caller."""

from collections.abc import Callable
from typing import TypeVar

from mpi.domain.viewer import Viewer
from mpi.service.clients import authenticated
from mpi.service.context import Index
from mpi.storage.repositories.disclosures import Disclosure
from mpi.storage.unit import ReadUnit

_NOBODY = Viewer("nobody")
Answer = TypeVar("Answer")


def look_up(
    index: Index,
    key: str | None,
    purpose: str | None,
    ask: Callable[[ReadUnit], tuple[Answer, Disclosure]],
) -> tuple[Answer, Disclosure, Viewer]:
    """Answer a client, and say what must be durably on the ledger before the answer leaves.

    Args:
        index: the open index.
        key: the API key as sent, if any; one that was revoked before this snapshot opens nothing.
        purpose: the purpose of use as sent, if any.
        ask: answers in the snapshot, under the policy of its viewer.

    Raises:
        NotAuthenticated: no key, or one that is not known.
        InputError: no such purpose of use.
    """
    with index.database.read(_NOBODY) as unit:
        unit.viewer = authenticated(unit, key, purpose)
        answer, line = ask(unit)
        return answer, line, unit.viewer
