"""Idempotency keys: a repeated call gets the first call's answer.

The answer is stored in the transaction that performs the step, so that no crash can fall between the two. Of
the call itself, only a keyed hash is stored.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any, cast

import orjson

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, ReusedKeyError
from mpi.domain.viewer import Action
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.storage.repositories.steps.idempotent_answers import StoredAnswer
from mpi.storage.unit_of_work.units import WriteUnit

RETENTION = timedelta(days=7)
MAX_KEY_LENGTH = 200
_FURTHER_FIELDS = ("tasks", "disclosures")
"""Fields of the ledger's line of a repeated answer that has them."""


def find_stored_answer(
    unit: WriteUnit, index: Index, shown_fields: tuple[str, ...] = (), action: Action = Action.DECIDE
) -> dict[str, Any] | None:
    """Return the stored answer of a repeated call with an idempotency key.

    Args:
        unit: the transaction of the call; on a repeated call it only writes the ledger entry.
        index: the open index.
        shown_fields: fields of the answer for the ledger; empty where the answer shows only what the call
            sent.
        action: kind of request, for the ledger.

    Returns:
        The answer; None where the call is new or has no idempotency key.

    Raises:
        InputError: the key is empty or too long.
        ReusedKeyError: another call used the key before.
        ConflictError: the answer shows a record that the viewer may no longer see.
    """
    call = unit.viewer.idempotent_call
    if call is None:
        return None
    if not 0 < len(call.key) <= MAX_KEY_LENGTH:
        raise InputError(f"an Idempotency-Key has 1 to {MAX_KEY_LENGTH} characters")
    stored = unit.idempotent_answers.get(unit.viewer.client, call.key)
    if stored is None:
        return None
    if stored.digest != _call_digest(unit, index):
        raise ReusedKeyError("this Idempotency-Key came before with another call: take a new one")
    labels = unit.records.labels(stored.record_ids)
    if any(
        record_id not in labels or not unit.viewer.may_see(labels[record_id].source)
        for record_id in stored.record_ids
    ):
        if shown_fields:
            # It tells that a record was sealed or destroyed since.
            disclose(index, unit.viewer, action, stored.record_ids, ("outcome",))
        raise ConflictError("it was done before, and what it was answered can no longer be shown")
    answer = cast("dict[str, Any]", orjson.loads(stored.answer))
    if shown_fields:
        fields = (*shown_fields, *(name for name in _FURTHER_FIELDS if answer.get(name)))
        disclose(index, unit.viewer, action, stored.record_ids, fields)
    return answer


def store_answer(unit: WriteUnit, index: Index, answer: object, record_ids: Collection[int]) -> None:
    """Store a call's answer under its idempotency key, if it has one.

    Args:
        unit: the transaction of the call.
        index: the open index.
        answer: plain values or a dataclass of them.
        record_ids: the records that the answer shows.
    """
    call = unit.viewer.idempotent_call
    if call is None:
        return
    now = clock.now()
    unit.idempotent_answers.delete_before(clock.format_timestamp(now - RETENTION))
    stored = StoredAnswer(_call_digest(unit, index), tuple(sorted(record_ids)), orjson.dumps(answer))
    unit.idempotent_answers.save(unit.viewer.client, call.key, clock.format_timestamp(now), stored)


def _call_digest(unit: WriteUnit, index: Index) -> str:
    call = unit.viewer.idempotent_call
    return "" if call is None else index.keyed_hash.to_token("once", call.request.hex())
