"""Answers per steward, and minutes per answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from mpi.storage.unit_of_work.units import ReadUnit

ANSWER_ACTION = "answer"
"""Name of the act in a question's history that answers the question."""
MAX_PAUSE = timedelta(minutes=15)
"""Longest time between two acts that counts as work."""
MIN_TIMED_ANSWERS = 20
"""Timed answers from which the minutes per answer count as measured."""
_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Throughput:
    """Review answers and working time of one person.

    Args:
        actor: name of the account or client.
        answers: number of answers.
        timed: answers that follow another act of the person within ``MAX_PAUSE``.
        hours: working hours: the sum of the times between acts no more than ``MAX_PAUSE`` apart.
        an_hour: timed answers per hour; None without a timed answer.
    """

    actor: str
    answers: int
    timed: int
    hours: float
    an_hour: float | None


def measure_throughput(unit: ReadUnit, since: str) -> tuple[Throughput, ...]:
    """Measure review answers and working time per person since a moment (UTC).

    Ordered by name.
    """
    rows = unit.figures.count_answers_by_actor(since, ANSWER_ACTION, MAX_PAUSE.total_seconds())
    return tuple(
        # An answer without another act shortly before is not timed: its duration is unknown.
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


def compute_minutes_per_answer(throughputs: Sequence[Throughput]) -> float | None:
    """Return the mean minutes per review answer over all people.

    Returns:
        None if fewer than ``MIN_TIMED_ANSWERS`` answers were timed.
    """
    timed = sum(throughput.timed for throughput in throughputs)
    return (
        60 * sum(throughput.hours for throughput in throughputs) / timed
        if timed >= MIN_TIMED_ANSWERS
        else None
    )
