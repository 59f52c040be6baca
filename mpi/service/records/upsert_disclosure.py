"""Ledger line of the answer to a stored record, before it leaves.

The answer tells its sender who the record's person is: its enterprise ID and whether it changed. On
PostgreSQL the line is part of the transaction that stores the record, and costs no second commit. On SQLite
the ledger has a file of its own, so the line follows the commit. Callers of the same moment share its
transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

from mpi.domain.viewer import Action, Viewer
from mpi.service.core.disclosure import build_disclosure, disclose
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import WriteUnit

ANSWER_FIELDS = ("enterprise_id", "outcome")
"""Fields of the line of an answer about one record."""
_TASK_FIELD = "tasks"
_OUTCOME_FIELDS = ("outcome",)
"""Fields of the line of an answer that names no record of the index."""

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class UndisclosedAnswer(Generic[Answer]):
    """An answer that may not leave before its ledger line is durable.

    Args:
        answer: the answer.
        record_ids: the records that it tells of; empty where it only tells that none is kept.
        is_written: whether the transaction of the answer wrote the line.
    """

    answer: Answer
    record_ids: frozenset[int] = frozenset()
    is_written: bool = False


def add_line_to_transaction(unit: WriteUnit, index: Index, record_ids: Collection[int]) -> bool:
    """Write an answer's line with the transaction, where the store can.

    Args:
        unit: the transaction that stores the record.
        index: the open index.
        record_ids: the records that the answer tells of.

    Returns:
        False on SQLite, where ``disclose_answer`` writes the line.
    """
    if not index.database.is_postgresql:
        return False
    unit.ledger_lines.append(build_disclosure(unit.viewer, Action.RECORD_WRITE, record_ids, ANSWER_FIELDS))
    return True


def disclose_answer(index: Index, viewer: Viewer, told: UndisclosedAnswer[Answer]) -> Answer:
    """Return an answer once the ledger has its line.

    Raises:
        StoreError: the ledger cannot be written; the record is stored, and sending it again changes nothing.
    """
    if not told.is_written:
        fields = ANSWER_FIELDS if told.record_ids else _OUTCOME_FIELDS
        further = (_TASK_FIELD,) if len(told.record_ids) > 1 else ()
        disclose(index, viewer, Action.RECORD_WRITE, told.record_ids, (*fields, *further))
    return told.answer
