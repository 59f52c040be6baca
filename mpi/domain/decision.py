"""Decisions: what a person, a source or a boundary has said about groups of records (law 3)."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

CORRECTION = "correction"
"""Origin of the decisions that bind stewards' corrections, and kind of the steps that make them."""


class DecisionKind(StrEnum):
    """What was said."""

    SAME = "SAME"
    DIFFERENT = "DIFFERENT"
    UNSURE = "UNSURE"


class Authority(IntEnum):
    """Whose word outranks whose; higher wins. A hold keeps what is published until a person releases it."""

    HOLD = 0
    MIGRATION = 1
    SOURCE = 2
    STEWARD = 3
    BOUNDARY = 4


@dataclass(frozen=True, slots=True, order=True)
class Decision:
    """A decision in force, over records by their canonical keys.

    Args:
        id: its number in the registry; only for reporting, never for precedence.
        kind: SAME, DIFFERENT or UNSURE.
        authority: whose word it is.
        groups: SAME has one group; DIFFERENT two or more, pairwise apart.
    """

    id: int
    kind: DecisionKind
    authority: Authority
    groups: tuple[tuple[int, ...], ...]
