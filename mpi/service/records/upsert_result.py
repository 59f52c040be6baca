"""Answers to the storing and the withdrawal of one record, as values."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from mpi.domain.record import QualityIssue
from mpi.service.persons.step_effects import PastDisclosure


class Outcome(StrEnum):
    """Effect of storing a record on its identity, such as moved."""

    CREATED = "created"
    LINKED = "linked"
    MOVED = "moved"
    UNCHANGED = "unchanged"
    HISTORY = "history"
    REVIEW = "review"
    HELD = "held"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """Answer to the storing of one record.

    Args:
        source: code of the record's source.
        local_id: the record's local ID.
        enterprise_id: the person's ID; None for a record that takes no part, or that was dropped.
        outcome: what the upsert meant for the record's identity.
        record: what it meant for the record itself (``created``, ``updated``, ``unchanged``, …).
        provisional: whether the record may still get another ID: by a steward's answer, or as it is pending.
        tasks: keys of the review tasks about the record.
        issues: quality issues of the values sent.
        pending: whether the ID waits for the worker, since many records share a blocking key. An event with
            the cause ``settled`` tells that it is final; the caller need not do anything.
    """

    source: str
    local_id: str
    enterprise_id: str | None
    outcome: Outcome
    record: str
    provisional: bool = False
    tasks: tuple[str, ...] = ()
    issues: tuple[QualityIssue, ...] = field(default=())
    pending: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the answer to a stored record as plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class WithdrawalResult(UpsertResult):
    """Answer to the withdrawal of one record.

    Args:
        disclosed: number of disclosures due to links that the withdrawal removes; None if the viewer may not
            know others' disclosures.
        disclosures: the latest of them, newest first. Empty if the viewer may not read the ledger, and in the
            answer to a repeated call.
    """

    disclosed: int | None = None
    disclosures: tuple[PastDisclosure, ...] = ()


def restore_result(stored_answer: Mapping[str, Any]) -> UpsertResult:
    """Restore the answer to an upsert from its stored form."""
    issues = tuple(QualityIssue(**issue) for issue in stored_answer["issues"])
    values = {
        **stored_answer,
        "outcome": Outcome(stored_answer["outcome"]),
        "tasks": tuple(stored_answer["tasks"]),
        "issues": issues,
    }
    return UpsertResult(**values)
