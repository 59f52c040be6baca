"""Counts in the menu of what waits for the viewer.

A count is at most ``MAX_COUNTED`` and one more.
"""

from dataclasses import dataclass
from itertools import count

from mpi.domain.viewer import Action, Viewer, is_allowed, is_source_owner
from mpi.service.core.index import Index
from mpi.service.notices.due_incidents import OFFICER_ACTIONS, count_waiting_incidents
from mpi.service.notices.returned_answers import find_returned_answers
from mpi.service.notices.sent_corrections import RECIPIENT_ACTIONS, find_readable_corrections
from mpi.service.notices.visible_steps import find_visible_steps
from mpi.service.review.queue_search import Filters, build_task_filter, count_items
from mpi.storage.unit_of_work.units import ReadUnit

MAX_COUNTED = 99
"""Highest count that is told; one more stands for any greater number."""


@dataclass(frozen=True, slots=True)
class MenuCounts:
    """How much waits for the viewer, who may see all of it.

    Args:
        questions: open questions that the viewer has claimed or is assigned.
        approvals: steps of others that wait for the viewer's approval or consent.
        answers: answers that came back and are unread.
        corrections: corrections of wrong links that the viewer has not acknowledged.
        incidents: wrong links that wait for the viewer: to be sent, closed, or called after.
    """

    questions: int = 0
    approvals: int = 0
    answers: int = 0
    corrections: int = 0
    incidents: int = 0


def count_for_menu(index: Index, viewer: Viewer) -> MenuCounts:
    """Count what waits for the viewer.

    Nothing that is hidden from the viewer is counted, and nothing hidden takes the place of what is seen.
    """
    reads_questions = is_allowed(viewer, Action.TASK_READ)
    is_recipient = any(is_allowed(viewer, action) for action in RECIPIENT_ACTIONS)
    handles_incidents = all(is_allowed(viewer, action) for action in OFFICER_ACTIONS)
    if not any((reads_questions, is_recipient, handles_incidents, is_allowed(viewer, Action.CONSENT))):
        return MenuCounts()
    with index.database.read(viewer) as unit:
        return MenuCounts(
            questions=_count_questions(unit) if reads_questions else 0,
            approvals=_count_approvals(unit),
            answers=len(find_returned_answers(unit)) if reads_questions else 0,
            corrections=_count_corrections(unit) if is_recipient else 0,
            incidents=min(count_waiting_incidents(unit, index), MAX_COUNTED + 1) if handles_incidents else 0,
        )


def _count_questions(unit: ReadUnit) -> int:
    """Count the viewer's own questions, as the start page lists them."""
    filters = Filters(state=None, mine=True)
    search = build_task_filter(unit, filters)
    return 0 if search is None else min(count_items(unit, search, filters, 0), MAX_COUNTED + 1)


def _count_corrections(unit: ReadUnit) -> int:
    """Count the corrections that the viewer may read and has not acknowledged."""
    if not unit.incidents.count_waiting(unit.viewer.client):
        return 0
    waiting = [each for each in find_readable_corrections(unit) if each.sent.is_waiting]
    return min(len(waiting), MAX_COUNTED + 1)


def _count_approvals(unit: ReadUnit) -> int:
    """Count the steps that wait for the viewer.

    The page of waiting steps lists the same steps.
    """
    viewer, limit = unit.viewer, MAX_COUNTED + 1
    steps: set[int] = set()
    if is_allowed(viewer, Action.APPROVE):
        steps.update(_find_approvals(unit, limit))
    if is_allowed(viewer, Action.CONSENT):
        owned = {source.id for source in unit.sources.all() if is_source_owner(viewer, source.code)}
        steps.update(unit.activity_log.steps_for_owner(viewer.client, owned, limit) if owned else ())
    return min(len(steps), limit)


def _find_approvals(unit: ReadUnit, limit: int) -> set[int]:
    """Return steps that wait for the viewer's approval and are visible.

    Steps that the viewer may not see take no place among the first ones.
    """
    visible: set[int] = set()
    for offset in count(0, limit):
        steps = unit.activity_log.steps_for_approver(unit.viewer.client, limit, offset)
        visible.update(find_visible_steps(unit, steps))
        if len(steps) < limit or len(visible) >= limit:
            break
    return visible
