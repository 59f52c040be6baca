"""Throughput: how many questions each steward answers, and how long one takes, where that was measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from mpi.domain.small_cells import shown, suppress_cells
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
    rows = unit.figures.answers(since, ANSWER_ACTION, MAX_PAUSE.total_seconds())
    return tuple(
        # An answer that nothing came shortly before is not timed: how long it took is not known.
        Throughput(
            actor=row.actor,
            answers=row.answers,
            timed=row.timed,
            hours=hours,
            an_hour=row.timed / hours if row.timed and hours else None,
        )
        for row in rows
        for hours in (row.seconds / _SECONDS_PER_HOUR,)
    )


def suppress_throughputs(throughputs: Sequence[Throughput]) -> tuple[Throughput, ...]:
    """Without small counts of answers, and what they would follow from."""
    answers = suppress_cells({throughput.actor: throughput.answers or 0 for throughput in throughputs})
    return tuple(_suppress_throughput(throughput, answers[throughput.actor]) for throughput in throughputs)


def _suppress_throughput(throughput: Throughput, answers: int | None) -> Throughput:
    if answers is None:
        return replace(throughput, answers=None, timed=None, hours=None, an_hour=None)
    timed = shown(throughput.timed or 0)
    return replace(throughput, timed=timed, an_hour=None if timed is None else throughput.an_hour)


def compute_minutes_per_answer(throughputs: Sequence[Throughput]) -> float | None:
    """Minutes that an answer takes, over all people; None where too few were timed."""
    timed = sum(throughput.timed or 0 for throughput in throughputs)
    return (
        60 * sum(throughput.hours or 0.0 for throughput in throughputs) / timed
        if timed >= MIN_TIMED_ANSWERS
        else None
    )
