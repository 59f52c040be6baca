"""Bulk acts on review questions, and their undo.

A bulk act snoozes or assigns several questions, each in a transaction of its own. Its token is noted with
each act, so that the person who did it can undo all of it: each question returns to the work state before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from mpi.domain.errors import ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.resolution.work_log_visibility import ASSIGNED, is_visible
from mpi.service.review.assignments import BEFORE, BULK, RESTORED_FIELDS, assign, defer
from mpi.service.review.queue import FIELDS
from mpi.service.review.work_state import load_target, save_work
from mpi.storage.repositories.review.task_work import ASLEEP, OPEN, QuestionAction, QuestionWork
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit

MAX_BULK_QUESTIONS = 200
"""Most questions in one bulk act."""
MAX_LATER_ACTIONS = 5_000
"""How many acts of all people a bulk act may lie back and still be undone."""
_RESTORE = "restore"
"""Name of the undo in a question's history."""


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What a bulk act did.

    Args:
        token: names the act, for its undo.
        errors: by question key, the error that prevented the act, or None.
    """

    token: str
    errors: dict[str, MpiError | None]


def snooze_questions(index: Index, viewer: Viewer, keys: Sequence[str], until: str) -> BulkResult:
    """Snooze several review questions to a day.

    Raises:
        InputError: there are too many keys, or the day is not a date within the next year.
        AccessDenied: the viewer may not work on questions.
    """
    token = uuid4().hex
    return BulkResult(token, apply_in_bulk(keys, lambda key: defer(index, viewer, key, until, bulk=token)))


def assign_questions(index: Index, viewer: Viewer, keys: Sequence[str], assignee: str) -> BulkResult:
    """Assign several review questions to an account or client.

    Raises:
        InputError: there are too many keys.
        AccessDenied: the viewer may not work on questions.
    """
    token = uuid4().hex
    return BulkResult(
        token, apply_in_bulk(keys, lambda key: assign(index, viewer, key, assignee, bulk=token))
    )


def apply_in_bulk(keys: Sequence[str], action: Callable[[str], object]) -> dict[str, MpiError | None]:
    """Apply one act to several review questions, each independently.

    Args:
        keys: keys of questions or bursts.
        action: the act on one key: defer, assign, release, or ask the source owner. No answer is ever given
            in bulk.

    Returns:
        By key, the error that prevented the act, or None.

    Raises:
        InputError: there are more than ``MAX_BULK_QUESTIONS`` keys, or the act is invalid.
        AccessDenied: the viewer may not work on questions.
    """
    if len(keys) > MAX_BULK_QUESTIONS:
        raise InputError(f"keys: at most {MAX_BULK_QUESTIONS} questions at once")
    errors_by_key: dict[str, MpiError | None] = {}
    for key in dict.fromkeys(keys):
        try:
            action(key)
            errors_by_key[key] = None
        except (ConflictError, NotFoundError) as error:
            errors_by_key[key] = error
    return errors_by_key


def undo_bulk(index: Index, viewer: Viewer, token: str) -> dict[str, MpiError | None]:
    """Undo a bulk act of the viewer's own, question by question.

    A question on which somebody has worked since stays as it is. If the viewer may not see that work, only
    what the act set, and nobody changed, is undone. Undone twice, an act changes nothing more.

    Args:
        index: the open index.
        viewer: who did the act.
        token: token of the act.

    Returns:
        By question key, the error that prevented the undo, or None.

    Raises:
        InputError: the viewer has done no such act lately.
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)
    with index.database.read(viewer) as unit:
        actions = _find_actions(unit, token)
    if not actions:
        raise InputError("bulk: you have done no such act lately, so there is nothing to undo")
    action_by_key = {action.question: action for action in actions}
    return apply_in_bulk(list(action_by_key), lambda key: _undo_action(index, viewer, action_by_key[key]))


def _find_actions(unit: ReadUnit, token: str) -> list[QuestionAction]:
    """Return the viewer's acts that were part of a bulk act."""
    latest_actions = unit.task_work.latest_actions_by(unit.viewer.client, MAX_LATER_ACTIONS)
    return [action for action in latest_actions if BEFORE in action.detail and action.detail[BULK] == token]


def _undo_action(index: Index, viewer: Viewer, action: QuestionAction) -> None:
    """Return a question to its work state before an act.

    Raises:
        ConflictError: somebody has worked on the question since.
        NotFoundError: the question is closed, or hidden from the viewer.
        ClaimedError: somebody else has claimed the question.
    """
    with index.database.write(viewer, "task", Lock.NONE) as unit:
        target = load_target(unit, action.question)
        later_actions = [act for act in unit.task_work.actions_on(target.key) if act.id > action.id]
        if any(act.actor == viewer.client or is_visible(unit, act.detail) for act in later_actions):
            raise ConflictError("somebody has worked on this question since")
        # Nobody is told that a hidden part was worked on: that work stays, and no message says so.
        work = _restore_own(target.work, action) if later_actions else _restore(target.work, action)
        detail = {BULK: action.detail[BULK]}
        save_work(unit, work, action=_RESTORE, records=target.records, note=None, detail=detail)
    disclose(index, viewer, Action.TASK_WORK, target.records, FIELDS)


def _restore(work: QuestionWork, action: QuestionAction) -> QuestionWork:
    """Return the work state before an act."""
    before = {name: action.detail[BEFORE][name] for name in RESTORED_FIELDS}
    return replace(work, **before, claimed_by=None, lease_until=None, closed_at=None, closed_because=None)


def _restore_own(work: QuestionWork, action: QuestionAction) -> QuestionWork:
    """Return a work state without what an act set and nobody changed."""
    before, detail = action.detail[BEFORE], action.detail
    sleep = (ASLEEP, detail["until"]) if "until" in detail else (OPEN, None)
    if (work.state, work.asleep_until) == sleep:
        work = replace(work, state=before["state"], asleep_until=before["asleep_until"])
    if "to" in detail and work.assigned_to == detail["to"]:
        given = before["about"].get(ASSIGNED)
        about = {name: value for name, value in work.about.items() if name != ASSIGNED}
        about |= {} if given is None else {ASSIGNED: given}
        work = replace(work, assigned_to=before["assigned_to"], about=about)
    return work
