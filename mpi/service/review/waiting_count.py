"""Counts of open review questions by kind and age.

A burst counts as one question, as in the queue.
"""

from collections.abc import Sequence
from datetime import datetime

from mpi.domain import clock
from mpi.service.review.open_questions import MIN_BURST_QUESTIONS
from mpi.storage.repositories.review.desk_counts import WaitingCount
from mpi.storage.repositories.review.task_queue import TaskFilter
from mpi.storage.unit_of_work.units import ReadUnit


def count_waiting_questions(
    unit: ReadUnit, now: datetime, commit_cutoffs: Sequence[int]
) -> list[WaitingCount]:
    """Count the open review questions at a moment, by kind and age.

    Args:
        unit: the transaction of a viewer who sees every source.
        now: the moment to count at.
        commit_cutoffs: commit numbers, ascending. A question that was opened after the first n of them has
            age n, so 0 is the oldest.
    """
    counts = {
        (row.kind, row.age): row.questions
        for row in unit.figures.count_waiting(now.date().isoformat(), commit_cutoffs)
    }
    search = TaskFilter(None, unit.viewer.client, clock.format_timestamp(now))
    for burst in unit.queue.find_bursts(search, MIN_BURST_QUESTIONS):
        group = burst.kind, sum(burst.opened_commit > commit for commit in commit_cutoffs)
        # The questions of a burst come from one load and so have one age, except those changed since.
        counts[group] = max(counts.get(group, 0) - burst.questions, 0) + 1
    return [WaitingCount(kind, age, questions) for (kind, age), questions in sorted(counts.items())]
