"""Work that came back to a person: refused steps, replies and answers.

A step that an approver or owner sent back, the reply to an escalation, and the answer that somebody gave to a
question that was passed on.
"""

from dataclasses import dataclass
from datetime import timedelta

from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.gates.sent_back import ADDRESSED, ADDRESSEE, REPLY, SENT_BACK, parse_step_key
from mpi.service.resolution.work_log_visibility import is_visible
from mpi.service.review.answer_outcome import ESCALATION_ANSWERED
from mpi.storage.repositories.review.task_work import QuestionAction
from mpi.storage.unit_of_work.units import ReadUnit

LISTED_FOR = timedelta(days=14)
"""Time for which work that came back is listed."""
MAX_LISTED = 50
"""Most entries of the list."""
_COMING_BACK = frozenset({SENT_BACK, REPLY, ESCALATION_ANSWERED})
_SETTLING = frozenset({"answer", "assign", "escalate", "defer", "ask"})
"""Acts after which the person has dealt with what came back."""


@dataclass(frozen=True, slots=True)
class ReturnedWork:
    """Entry of the list of work that came back to a person.

    Args:
        at: when it came back (ISO, UTC).
        by: who sent it back, replied or answered.
        action: ``sent-back``, ``reply`` or ``escalation-answered``.
        question: key of the question; None for a step that answered no question.
        step: number of the step that was sent back, or that the answer made.
        records: the records in question.
        reason: reason code of a refusal.
        note: free text for the person.
    """

    at: str
    by: str
    action: str
    question: str | None
    step: int | None
    records: tuple[RecordRef, ...]
    reason: str | None
    note: str | None


def list_returned_work(index: Index, viewer: Viewer) -> tuple[ReturnedWork, ...]:
    """List what came back to the viewer and is not yet dealt with, latest first.

    Raises:
        AccessDenied: the viewer may not read tasks.
    """
    require_permission(viewer, Action.TASK_READ)
    since = clock.format_timestamp(clock.now() - LISTED_FOR)
    with index.database.read(viewer) as unit:
        acts = [
            act
            for act in unit.task_work.actions_named(_COMING_BACK, since)
            if act.detail.get(ADDRESSEE) == viewer.client
            and is_visible(unit, act.detail)
            and not _is_settled(unit, act)
        ][:MAX_LISTED]
        labels = visible_labels(unit, {record for act in acts for record in act.detail["records"]})
    disclose(index, viewer, Action.TASK_READ, labels.keys(), ("source", "local_id", "reason"))
    return tuple(
        ReturnedWork(
            at=act.at,
            by=act.actor,
            action=act.action,
            question=None if parse_step_key(act.question) is not None else act.question,
            step=act.detail.get("sent_back", act.step),
            records=tuple(labels[record] for record in act.detail["records"]),
            reason=act.detail.get("reason"),
            note=act.note if act.action in ADDRESSED else None,
        )
        for act in acts
    )


def _is_settled(unit: ReadUnit, act: QuestionAction) -> bool:
    """Return whether the viewer has worked on the question since."""
    return any(
        later.id > act.id and later.actor == unit.viewer.client and later.action in _SETTLING
        for later in unit.task_work.actions_on(act.question)
    )
