"""Decisions that groups of records are or are not one person.

A person, a source or a legal boundary makes a decision. No automatic step contradicts one in force (law 3).
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

CORRECTION = "correction"
"""Origin of decisions that tie corrections to records, and kind of correction steps."""


class DecisionKind(StrEnum):
    """What a decision states: that record groups are one person, or not."""

    SAME = "SAME"
    DIFFERENT = "DIFFERENT"
    UNSURE = "UNSURE"


class Authority(IntEnum):
    """Rank of the author of a decision about records; higher prevails.

    A hold keeps what is published until a person releases it.
    """

    HOLD = 0
    MIGRATION = 1
    SOURCE = 2
    STEWARD = 3
    BOUNDARY = 4


@dataclass(frozen=True, slots=True, order=True)
class Decision:
    """Decision in force on whether records are of the same person.

    Args:
        id: number of the decision in the database; for reports only, never for precedence.
        kind: SAME, DIFFERENT or UNSURE.
        authority: rank of the author.
        groups: canonical keys. SAME has one group; DIFFERENT has two or more, each apart from every other.
    """

    id: int
    kind: DecisionKind
    authority: Authority
    groups: tuple[tuple[int, ...], ...]
