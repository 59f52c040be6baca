"""Lists too long for one call, kept under a token.

The client asks for the result by its token. Each such call works on the next items of the list and stores how
far it came, so every process can go on, and a killed one loses nothing. What is stored is encrypted like
other kept answers. It holds the items that are still to do, and of the others IDs and scores alone: what the
answer tells of a child is read when the answer is made.

A list is kept for ``LIFETIME`` after the last call about it. An expunge deletes all lists, for one may name
the child.
"""

import secrets
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.steps.idempotent_answers import BATCH_PREFIX, StoredAnswer
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

LIFETIME = timedelta(minutes=30)
"""Time after the last call about a list for which its token is valid."""
MAX_BATCHES = 20
"""Most lists of one client at a time."""
_DIGEST = "identity-batch"
_TOKEN_BYTES = 24
_MAX_TOKEN_LENGTH = 64


class TooManyBatchesError(ConflictError):
    """Error: the client has too many unfinished lists."""

    code = "too-many-lists"


class BatchKind(StrEnum):
    """What is asked about each item of a list."""

    FIND = "find"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class Batch:
    """A list of searches or IDs, and how far it is answered.

    Args:
        kind: what is asked about each item.
        items: the items still to do, in order, as plain values.
        answers: what is known of the items that are done, in order, as plain values.
    """

    kind: BatchKind
    items: tuple[Any, ...]
    answers: tuple[Any, ...] = field(default=())

    @property
    def is_complete(self) -> bool:
        """Whether nothing is still to do."""
        return not self.items

    def add_answer(self, answer: object) -> "Batch":
        """Return the list with its next item answered."""
        return replace(self, items=self.items[1:], answers=(*self.answers, answer))


def begin_batch(index: Index, viewer: Viewer, batch: Batch) -> str:
    """Store a list, and return the token to go on with.

    Raises:
        TooManyBatchesError: the client has ``MAX_BATCHES`` lists.
        StoreError: the store cannot be used.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with index.database.write(viewer, "identity-batch") as unit:
        _delete_old(unit)
        if unit.idempotent_answers.count_prefixed(viewer.client, BATCH_PREFIX) >= MAX_BATCHES:
            raise TooManyBatchesError(
                f"this client has {MAX_BATCHES} lists whose tokens are valid: wait until they have expired, "
                f"{LIFETIME.total_seconds() / 60:.0f} minutes after the last call"
            )
        _save(unit, viewer, token, batch)
    return token


def load_batch(index: Index, viewer: Viewer, token: str) -> Batch:
    """Return the list of a token.

    Raises:
        NotFoundError: the client has no such token, or it has expired.
    """
    with index.database.read(viewer) as unit:
        batch = _find(unit, viewer, token)
    if batch is None:
        raise NotFoundError("there is no list of searches under this token, or the token has expired")
    return batch


def save_progress(index: Index, viewer: Viewer, token: str, earlier: Batch, batch: Batch) -> None:
    """Store how far a list came, unless another call came further meanwhile.

    Args:
        index: the open index.
        viewer: who asks.
        token: the token of the list.
        earlier: the list as this call loaded it.
        batch: the list now.

    Raises:
        StoreError: the store cannot be used.
    """
    with index.database.write(viewer, "identity-batch") as unit:
        stored = _find(unit, viewer, token)
        if stored is not None and len(stored.items) == len(earlier.items):
            unit.idempotent_answers.delete(viewer.client, BATCH_PREFIX + token)
            _save(unit, viewer, token, batch)


def _find(unit: ReadUnit, viewer: Viewer, token: str) -> Batch | None:
    if not token.isascii() or not token.isprintable() or len(token) > _MAX_TOKEN_LENGTH:
        return None
    stored = unit.idempotent_answers.get(viewer.client, BATCH_PREFIX + token)
    # A client could choose such a text as an idempotency key.
    if stored is None or stored.digest != _DIGEST:
        return None
    content = orjson.loads(stored.answer)
    if content.pop("at") < clock.format_timestamp(clock.now() - LIFETIME):
        return None
    return Batch(BatchKind(content["kind"]), tuple(content["items"]), tuple(content["answers"]))


def _save(unit: WriteUnit, viewer: Viewer, token: str, batch: Batch) -> None:
    now = clock.format_timestamp(clock.now())
    content = orjson.dumps({**asdict(batch), "at": now})
    unit.idempotent_answers.save(viewer.client, BATCH_PREFIX + token, now, StoredAnswer(_DIGEST, (), content))


def _delete_old(unit: WriteUnit) -> None:
    """Delete the lists of all clients whose tokens have expired."""
    before = clock.format_timestamp(clock.now() - LIFETIME)
    unit.idempotent_answers.delete_prefixed(BATCH_PREFIX, before)
