"""Limits on checks of placement letters, counted from the disclosure ledger.

A school that tries numbers could learn by guessing who is in care. So each person has a number of checks a
minute and a day, and each student a number a day, whoever asks under the same agreement. The count and the
new line are one transaction.
"""

from datetime import timedelta

from mpi.domain.errors import SearchLimitError
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.persons.search_limits import DAY, MINUTE, count_seconds_left, find_start
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit


def require_letters_left(unit: ReadUnit, index: Index) -> None:
    """Refuse a check where no check is left.

    The checks of this minute and of this day count.

    Call it before anything is looked up. ``disclose_letter`` checks again before the answer leaves.

    Raises:
        SearchLimitError: the viewer has to wait.
    """
    limits = index.settings.search_limits
    _require_answers_left(unit, MINUTE, limits.per_minute, "within a minute")
    _require_answers_left(unit, DAY, limits.letters_per_day, "within a day")


def disclose_letter(index: Index, viewer: Viewer, disclosure: Disclosure, student: int | None) -> None:
    """Write a check to the ledger, unless it exceeds a limit.

    Args:
        index: the open index.
        viewer: who is about to be answered.
        disclosure: the line of the check.
        student: record of the student by whom checks are counted; None to count the viewer's alone.

    Raises:
        SearchLimitError: the viewer has to wait; the answer must not leave.
        StoreError: the ledger cannot be written; the answer must not leave.
    """
    with index.database.ledger.write(viewer, "disclose", Lock.NONE) as unit:
        unit.disclosures.lock_client(viewer.client)
        require_letters_left(unit, index)
        if student is not None:
            # Colleagues who ask about one student are counted one after the other.
            unit.disclosures.lock_client(f"{Action.LOCAL_MATCH}:{student}")
            _require_student_left(unit, index, student)
        unit.disclosures.add(unit.counters.take("disclosure"), disclosure)


def _require_answers_left(unit: ReadUnit, period: timedelta, limit: int, within: str) -> None:
    viewer = unit.viewer
    first = unit.disclosures.time_of_answer(viewer.client, Action.LOCAL_MATCH, find_start(period), limit)
    if first is not None:
        raise SearchLimitError(
            f"you have checked {limit:,} placement letters {within}: wait, then check the next one",
            count_seconds_left(first, period),
        )


def _require_student_left(unit: ReadUnit, index: Index, student: int) -> None:
    limit = index.settings.search_limits.letters_per_child
    times = unit.disclosures.times_about_record(
        unit.viewer.agreement, Action.LOCAL_MATCH, find_start(DAY), student
    )
    if len(times) >= limit:
        raise SearchLimitError(
            f"placement letters were checked {limit:,} times for this student within a day: "
            "call child welfare about the letter, or wait",
            count_seconds_left(times[-limit], DAY),
        )
