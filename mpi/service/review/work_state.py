"""Work state of a review question, its claim and its history.

A claim is a lease: it expires by itself, and each act of its holder on the question renews it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ClaimedError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.resolution.work_log_visibility import keep_assignment_scopes, redact_work, select_doubts
from mpi.service.review.open_questions import OpenQuestion, find_opening_time, is_burst_key, require_question
from mpi.service.review.queue_search import find_burst
from mpi.service.sampling.practice import may_work_live
from mpi.storage.repositories.review.task_queue import Burst
from mpi.storage.repositories.review.task_work import OPEN, QuestionAction, QuestionWork
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

LEASE_DURATION = timedelta(minutes=20)
"""Time that a claim lasts after its holder's last act."""


@dataclass(frozen=True, slots=True)
class WorkTarget:
    """Review question, or burst of similar questions, that a person acts on.

    Args:
        key: key of the question or burst.
        item: the question or burst.
        records: numbers of its records; empty for a burst.
        snapshot: what the person sees of it, to be stored with the work state.
        work: its work state: who claimed it, whom it is assigned to, until when it is deferred.
    """

    key: str
    item: OpenQuestion | Burst
    records: tuple[int, ...]
    snapshot: Mapping[str, Any]
    work: QuestionWork


def load_target(unit: ReadUnit, key: str) -> WorkTarget:
    """Load the review question, or burst of questions, that a key names.

    Raises:
        NotFoundError: there is no open question or burst of that key that the viewer may see.
    """
    now = clock.format_timestamp(clock.now())
    if is_burst_key(key):
        burst = find_burst(unit, key)
        if burst is None:
            raise NotFoundError("there is no such question, or it is closed")
        work = unit.task_work.get([key]).get(key) or QuestionWork(key, OPEN, now)
        snapshot = {"kind": burst.kind, "reason": burst.pattern, "questions": burst.questions}
        return WorkTarget(
            key=key, item=burst, records=(), snapshot={**snapshot, **keep_assignment_scopes(work)}, work=work
        )
    question = require_question(unit, key)
    work = question.work or QuestionWork(question.key, OPEN, find_opening_time(unit, question))
    return WorkTarget(
        key=question.key, item=question, records=question.records, snapshot=question.to_snapshot(), work=work
    )


def claim_work(work: QuestionWork, viewer: Viewer) -> QuestionWork:
    """Return a question's work state with the viewer's new claim."""
    until = clock.format_timestamp(clock.now() + LEASE_DURATION)
    return replace(work, state=OPEN, asleep_until=None, claimed_by=viewer.client, lease_until=until)


def save_work(
    unit: WriteUnit,
    work: QuestionWork,
    *,
    action: str,
    records: Sequence[int],
    note: str | None,
    detail: Mapping[str, Any],
) -> None:
    """Store a review question's work state, with a line of its history.

    Args:
        unit: the transaction.
        work: the new work state.
        action: name of the act.
        records: numbers of the question's records that its maker saw.
        note: free text.
        detail: codes and numbers for the history.

    Raises:
        ClaimedError: somebody else has claimed the question.
    """
    now = clock.format_timestamp(clock.now())
    if not unit.task_work.save(work, unit.viewer.client, now):
        raise make_claimed_error(unit, unit.task_work.get([work.question])[work.question])
    record_action(unit, work.question, action, records, work.about, note=note, **detail)


def record_action(
    unit: WriteUnit,
    key: str,
    action: str,
    records: Sequence[int],
    about: Mapping[str, Any],
    step: int | None = None,
    note: str | None = None,
    **detail: object,
) -> int:
    """Add a line to a review question's history; return its number.

    Args:
        unit: the transaction.
        key: key of the question.
        action: name of the act.
        records: numbers of the question's records that its maker saw.
        about: notes of the question as its maker saw it, with its decisions and doubts.
        step: number of the step that the act made, if any.
        note: free text.
        detail: codes and numbers.
    """
    stored_detail: dict[str, object] = {
        **detail,
        "records": sorted(records),
        "decisions": about.get("decisions", {}),
        **select_doubts(about),
    }
    number = unit.counters.take("task_action")
    now = clock.format_timestamp(clock.now())
    unit.task_work.add_action(
        QuestionAction(
            id=number,
            question=key,
            at=now,
            actor=unit.viewer.client,
            action=action,
            detail=stored_detail,
            step=step,
            note=note,
        )
    )
    return number


def make_claimed_error(unit: ReadUnit, work: QuestionWork) -> ClaimedError:
    """Build the error that tells who claimed a review question, until when.

    Names are left out where the viewer may not see them.
    """
    visible_work = redact_work(unit, work)
    return ClaimedError(visible_work.claimed_by, visible_work.lease_until)


def permit_live_work(index: Index, viewer: Viewer) -> None:
    """Refuse a viewer who may not yet work on real review questions.

    Raises:
        AccessDenied: the viewer may not work on questions, or must practice first.
    """
    require_permission(viewer, Action.TASK_WORK)
    if not may_work_live(index, viewer):
        raise AccessDenied(
            "practice first: live questions open once enough of your practice answers are right"
        )
