"""Expected harm of an unanswered review task, which orders the review queue.

``harm = error chance × stake``, in millionths. The error chance is the probability that the index is wrong
about the task now. For an undecided pair, which is not linked, it is the probability that both records are
one child. The stake is 1 plus supplements: for a child in care, whose school must be found this week, or
without a home; for a child of school age; for each further source that holds one of the persons and acts
on it.

Flags are never evidence (law 8). They order what people review, and nothing else reads this figure.
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
"""Probability that the index is wrong, for tasks without a match weight."""


@dataclass(frozen=True, slots=True)
class Stake:
    """Circumstances of a child that raise the harm of a wrong link.

    Args:
        in_care: whether a placement is open or a foster-care flag is in force.
        homeless: whether a homelessness flag is in force.
        age: years at the time of the latest statement; None where unknown.
    """

    in_care: bool = False
    homeless: bool = False
    age: int | None = None

    def combine(self, other: Self) -> "Stake":
        """Return for each circumstance the graver one of two children."""
        return Stake(
            self.in_care or other.in_care,
            self.homeless or other.homeless,
            max(self.age, other.age, key=_weigh_age),
        )


@dataclass(frozen=True, slots=True)
class Harm:
    """Expected harm of leaving a review task unanswered, in millionths.

    Args:
        total: from everything that is known.
        without_flags: from the error chance and age alone: without flags, placements, and records other than
            those of the task. It orders the queue for readers who may not see those.
    """

    total: int
    without_flags: int


def estimate_harm(error_chance: float, stake: Stake, source_count: int) -> Harm:
    """Estimate the harm of leaving a review task unanswered.

    Args:
        error_chance: probability that the index is wrong now, 0 to 1.
        stake: of the children in question.
        source_count: number of sources that hold the persons in question.
    """
    age_stake = _weigh_age(stake.age)
    flag_stake = IN_CARE_STAKE * stake.in_care + HOMELESS_STAKE * stake.homeless
    source_stake = min(MAX_SOURCES_STAKE, FURTHER_SOURCE_STAKE * max(0, source_count - 1))
    return Harm(
        round(error_chance * (1 + age_stake + flag_stake + source_stake) * MILLIONTHS),
        round(error_chance * (1 + age_stake) * MILLIONTHS),
    )


def estimate_error_chance(kind: str, bits: float) -> float:
    """Estimate the probability that the index is wrong about a task's records.

    Args:
        kind: the task kind; kinds outside ``ERROR_CHANCES`` use the match weight.
        bits: match weight of the pair.
    """
    return ERROR_CHANCES[kind] if kind in ERROR_CHANCES else compute_probability(bits)


def _weigh_age(age: int | None) -> float:
    """Return what a child's age in years adds to the stake."""
    if age is None:
        return OTHER_AGE_STAKES["unknown"]
    if age in SCHOOL_AGE:
        return SCHOOL_AGE_STAKE
    return OTHER_AGE_STAKES["younger" if age < SCHOOL_AGE.start else "older"]
