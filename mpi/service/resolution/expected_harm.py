"""Expected harm: what it may cost a child that a question waits, by which the queue is ordered. Pure.

``harm = chance × stake``, in millionths. The chance is that what the index says now is wrong: of a pair in
doubt, which is not linked, the probability that the two are one child. The stake is 1 and what adds to it: a
child in care, whose school must be found this week, or without a home; a child of an age to go to school;
each further system that holds one of the two persons and acts on what it is told.

Flags are no evidence (law 8): they order what people look at, and nothing else reads this figure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from mpi.domain.weight import compute_probability

MILLIONTHS = 1_000_000
IN_CARE_STAKE = 4.0
HOMELESS_STAKE = 2.0
SCHOOL_AGE_STAKE = 1.0
OTHER_AGE_STAKES = {"younger": 0.5, "unknown": 0.5, "older": 0.0}
FURTHER_SOURCE_STAKE = 0.5
MAX_SOURCES_STAKE = 2.0
SCHOOL_AGE = range(5, 19)

ERROR_CHANCES: Mapping[str, float] = {
    "overlay": 0.9,
    "conflict": 0.5,
    "claim": 0.5,
    "approval": 0.5,
    "recheck": 0.2,
    "multiple": 0.1,
}
"""Chance that what the index says now is wrong, by kind of task, where no weight tells it."""


@dataclass(frozen=True, slots=True)
class Stake:
    """What is at stake for one child, or for the two of a question.

    Args:
        in_care: whether a placement is open, or a flag of foster care in force.
        homeless: whether a flag says so.
        age: years at the time of its latest statement; None where that is not known.
    """

    in_care: bool = False
    homeless: bool = False
    age: int | None = None

    def combine(self, other: Self) -> "Stake":
        """The more that is at stake of the two."""
        return Stake(
            self.in_care or other.in_care,
            self.homeless or other.homeless,
            max(self.age, other.age, key=_weigh_age),
        )


@dataclass(frozen=True, slots=True)
class Harm:
    """Expected harm in millionths.

    Args:
        total: of all that is known.
        without_flags: as far as neither a flag, nor a placement, nor another record than those asked about tells:
            the order for readers to whom these may not show.
    """

    total: int
    without_flags: int


def estimate_harm(chance: float, stake: Stake, sources: int) -> Harm:
    """The expected harm of a question that waits.

    Args:
        chance: that what the index says now is wrong, 0 to 1.
        stake: of the children that it is about.
        sources: how many sources hold the persons that it is about.
    """
    age = _weigh_age(stake.age)
    known = IN_CARE_STAKE * stake.in_care + HOMELESS_STAKE * stake.homeless
    holding = min(MAX_SOURCES_STAKE, FURTHER_SOURCE_STAKE * max(0, sources - 1))
    return Harm(
        round(chance * (1 + age + known + holding) * MILLIONTHS),
        round(chance * (1 + age) * MILLIONTHS),
    )


def estimate_error_chance(kind: str, bits: float) -> float:
    """The chance that what the index says now is wrong: by the weight of a pair, else by the kind of task."""
    return ERROR_CHANCES[kind] if kind in ERROR_CHANCES else compute_probability(bits)


def _weigh_age(age: int | None) -> float:
    if age is None:
        return OTHER_AGE_STAKES["unknown"]
    if age in SCHOOL_AGE:
        return SCHOOL_AGE_STAKE
    return OTHER_AGE_STAKES["younger" if age < SCHOOL_AGE.start else "older"]
