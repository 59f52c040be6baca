"""Throughput: how many questions each steward answers, and how long one takes, where that was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from mpi.domain.small_cells import shown, suppressed
from mpi.storage.unit_of_work.unit import ReadUnit

ANSWER_ACTION = "answer"
"""The action that answers a question."""
MAX_PAUSE = timedelta(minutes=15)
"""Two acts of one person further apart than this have something else between them."""
MIN_TIMED_ANSWERS = 20
"""Answers from which on their time is taken as measured."""
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Throughput:
    """What one person answered; a count, and what it would follow from, is None where it is not shown.

    Args:
        actor: who.
        answers: how many.
        timed: of these, those that another act came before by no more than ``MAX_PAUSE``.
        hours: at work: the time between acts that are no more than ``MAX_PAUSE`` apart.
        an_hour: timed answers an hour; None where none was timed.
    """

    actor: str
    answers: int | None
    timed: int | None
    hours: float | None
    an_hour: float | None


def measure_throughput(unit: ReadUnit, since: str) -> tuple[Throughput, ...]:
    """What each person answered from a moment (ISO, UTC) on, by name."""
    found = unit.figures.answers(since, ANSWER_ACTION, MAX_PAUSE.total_seconds())
    return tuple(
        # An answer that nothing came shortly before is not timed: how long it took is not known.
        Throughput(
            one.actor, one.answers, one.timed, hours, one.timed / hours if one.timed and hours else None
        )
        for one in found
        for hours in (one.seconds / _SECONDS_PER_HOUR,)
    )


def suppress_throughputs(people: Sequence[Throughput]) -> tuple[Throughput, ...]:
    """Without small counts of answers, and what they would follow from."""
    answers = suppressed({one.actor: one.answers or 0 for one in people})
    return tuple(_suppress_throughput(one, answers[one.actor]) for one in people)


def _suppress_throughput(one: Throughput, answers: int | None) -> Throughput:
    if answers is None:
        return replace(one, answers=None, timed=None, hours=None, an_hour=None)
    timed = shown(one.timed or 0)
    return replace(one, timed=timed, an_hour=None if timed is None else one.an_hour)


def compute_minutes_per_answer(people: Sequence[Throughput]) -> float | None:
    """Minutes that an answer takes, over all people; None where too few were timed."""
    timed = sum(one.timed or 0 for one in people)
    return 60 * sum(one.hours or 0.0 for one in people) / timed if timed >= MIN_TIMED_ANSWERS else None
