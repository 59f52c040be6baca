"""Questions that wait, counted as the queue lists them: a burst from one load is one question."""

from collections.abc import Sequence
from datetime import datetime

from mpi.domain import clock
from mpi.service.review.open_questions import MIN_BURST_QUESTIONS
from mpi.storage.repositories.review.figures import Waiting
from mpi.storage.repositories.review.task_queue import Wanted
from mpi.storage.unit_of_work.unit import ReadUnit


def count_waiting_questions(unit: ReadUnit, now: datetime, cuts: Sequence[int]) -> list[Waiting]:
    """Questions that are asked at a moment, by kind and age.

    Args:
        unit: the transaction of a viewer who sees every source.
        now: the moment.
        cuts: commit numbers, ascending; a question opened after the first n of them has age n.
    """
    counts = {
        (row.kind, row.age): row.questions for row in unit.figures.waiting(now.date().isoformat(), cuts)
    }
    search = Wanted(None, unit.viewer.client, clock.iso(now))
    for burst in unit.queue.bursts(search, MIN_BURST_QUESTIONS):
        group = burst.kind, sum(burst.opened_commit > commit for commit in cuts)
        # One load brought them, so that they are of one age, but for those that changed since.
        counts[group] = max(counts.get(group, 0) - burst.questions, 0) + 1
    return [Waiting(kind, age, questions) for (kind, age), questions in sorted(counts.items())]
