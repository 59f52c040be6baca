"""Estimate of the review work that an index causes each week."""

import math
from dataclasses import dataclass

from mpi.domain.statistics.sampling import NORMAL_DEVIATE_95, Estimate


@dataclass(frozen=True, slots=True)
class ReviewWork:
    """Review work of the first load, and of each week after it.

    Args:
        questions: questions after the first load.
        records: records that were loaded.
        minutes: minutes for one answer, which is assumed.
        weekly_share: share of the records that are new or changed in a week, which is assumed.
        first_hours: hours to answer the questions of the first load.
        hours_a_week: hours a week after it; its interval is chance alone.
    """

    questions: int
    records: int
    minutes: float
    weekly_share: float
    first_hours: float
    hours_a_week: Estimate


def estimate_review_work(questions: int, records: int, minutes: float, weekly_share: float) -> ReviewWork:
    """Estimate hours of review from the questions of a first load.

    A record that is new or changed is compared like one of the first load, so it causes as many questions.

    Args:
        questions: open questions after the first load.
        records: records that were loaded.
        minutes: minutes for one answer.
        weekly_share: share of the records that are new or changed in a week.
    """
    hours = minutes / 60
    low, high = bound_count(questions)
    weekly = [count * weekly_share * hours for count in (questions, low, high)]
    return ReviewWork(questions, records, minutes, weekly_share, questions * hours, Estimate(*weekly))


def bound_count(count: int) -> tuple[float, float]:
    """Return the 95 % limits of a Poisson count, by Byar's approximation.

    Source: Breslow and Day 1987, Statistical Methods in Cancer Research, volume 2, page 69.
    """

    def approximate(number: int, deviate: float) -> float:
        return float(number * (1 - 1 / (9 * number) + deviate / (3 * math.sqrt(number))) ** 3)

    low = approximate(count, -NORMAL_DEVIATE_95) if count else 0.0
    return max(low, 0.0), approximate(count + 1, NORMAL_DEVIATE_95)
