"""Claiming, releasing, deferring and assigning review questions.

None of these acts changes which records belong to one person. Each adds a line to the question's history.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, APPROVER_ASSIGNEE, Role
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.access.colleague_rights import may_take_back
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import check_note
from mpi.service.gates.sent_back import ADDRESSEE, REPLY
from mpi.service.resolution.work_log_visibility import (
    ASSIGNED,
    DATED,
    find_escalator,
    sees_question,
    select_known_scope,
)
from mpi.service.review.due_dates import parse_future_day
from mpi.service.review.open_questions import (
    OpenQuestion,
    QuestionSummary,
    is_own_report,
    require_question,
    summarize_questions,
)
from mpi.service.review.queue import FIELDS
from mpi.service.review.queue_search import summarize_burst
from mpi.service.review.work_state import WorkTarget, claim_work, load_target, permit_live_work, save_work
from mpi.storage.repositories.review.task_queue import Burst
from mpi.storage.repositories.review.task_work import ASLEEP, OPEN, QuestionWork
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

BULK, BEFORE = "bulk", "before"
"""Members of an act's detail: token of its bulk act, and the work state before it."""
RESTORED_FIELDS = ("state", "asleep_until", "assigned_to", "due_on", "about")
"""Work state that the undo of a bulk act restores; a claim is not."""


@dataclass(frozen=True, slots=True)
class _QueueAction:
    """Act on a review question that changes only its work state.

    Args:
        name: name of the act in the question's history.
        change: computes the new work state.
        detail: codes and days for the history.
        note: free text.
        assignee: account or client that the question is assigned to, which must exist.
        given_fields: what the act sets for the part of the question that its maker sees: ``GIVEN``,
            ``DATED``.
        bulk: token of the bulk act that this act is part of; None for an act by itself.
        check: refuses the act where its maker may not do it to this question.
    """

    name: str
    change: Callable[[QuestionWork], QuestionWork]
    detail: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    assignee: str | None = None
    given_fields: tuple[str, ...] = ()
    bulk: str | None = None
    check: Callable[[ReadUnit, WorkTarget], None] | None = None


def claim(index: Index, viewer: Viewer, key: str, note: str | None = None) -> QuestionSummary:
    """Claim a review question, so that nobody else answers it.

    A second claim by the same viewer renews the lease. Who passed the question on takes it back with a claim.

    Args:
        index: the open index.
        viewer: who claims the question.
        key: key of the question or of one of its tasks.
        note: free text.

    Raises:
        NotFoundError: there is no such open question for this viewer.
        ClaimedError: somebody else has claimed the question.
        ConflictError: the question is about the viewer's own report.
        AccessDenied: the viewer may not work on questions, or must practice first.
    """
    permit_live_work(index, viewer)

    def take_up(work: QuestionWork) -> QuestionWork:
        claimed_work = claim_work(work, viewer)
        is_own = work.escalated_by == viewer.client
        return replace(claimed_work, escalated_by=None, assigned_to=None) if is_own else claimed_work

    return _perform_action(
        index, viewer, key, _QueueAction("claim", take_up, note=note, check=_require_not_own_report)
    )


def release(index: Index, viewer: Viewer, key: str, note: str | None = None) -> QuestionSummary:
    """Return a claimed review question to the queue.

    Raises:
        NotFoundError: there is no such open question for this viewer.
        ClaimedError: somebody else has claimed the question.
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)

    def clear_claim(work: QuestionWork) -> QuestionWork:
        return replace(work, claimed_by=None, lease_until=None)

    return _perform_action(index, viewer, key, _QueueAction("release", clear_claim, note=note))


def defer(
    index: Index, viewer: Viewer, key: str, until: str, note: str | None = None, *, bulk: str | None = None
) -> QuestionSummary:
    """Defer a review question to a day, or until its evidence changes.

    Args:
        index: the open index.
        viewer: who defers the question.
        key: key of the question or burst.
        until: the day on which the question reopens, ``YYYY-MM-DD``, within a year.
        note: free text.
        bulk: token of the bulk act, with which it can be undone.

    Raises:
        InputError: the day is not a date within the next year.
        NotFoundError: there is no such open question for this viewer.
        ClaimedError: somebody else has claimed the question.
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)
    day = parse_future_day(until, "until")

    def put_to_sleep(work: QuestionWork) -> QuestionWork:
        return replace(work, state=ASLEEP, asleep_until=day, claimed_by=None, lease_until=None)

    return _perform_action(
        index, viewer, key, _QueueAction("defer", put_to_sleep, {"until": day}, note, bulk=bulk)
    )


def assign(
    index: Index,
    viewer: Viewer,
    key: str,
    assignee: str,
    due_on: str | None = None,
    note: str | None = None,
    *,
    bulk: str | None = None,
) -> QuestionSummary:
    """Assign a review question to an account or client.

    Args:
        index: the open index.
        viewer: who assigns the question.
        key: key of the question or burst.
        assignee: name of an account or client.
        due_on: the day by which an answer is due, instead of the day computed from the kind.
        note: free text.
        bulk: token of the bulk act, with which it can be undone.

    Raises:
        InputError: ``due_on`` is not today or a day within the next year.
        NotFoundError: there is no such open question for this viewer, or no such account or client.
        ConflictError: the assignee may not see every record of the question.
        ClaimedError: somebody else has claimed the question.
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)
    day = None if due_on is None else parse_future_day(due_on, "due_on", min_days=0)

    def set_assignee(work: QuestionWork) -> QuestionWork:
        # An answer that comes back ends the escalation.
        escalated_by = None if work.escalated_by == assignee else work.escalated_by
        return replace(work, state=OPEN, asleep_until=None, assigned_to=assignee, due_on=day or work.due_on,
                       claimed_by=None, lease_until=None, escalated_by=escalated_by)  # fmt: skip

    detail = {"to": assignee} | ({"due_on": day} if day else {})
    given_fields = (ASSIGNED, DATED) if day else (ASSIGNED,)
    return _perform_action(
        index,
        viewer,
        key,
        _QueueAction(
            name="assign",
            change=set_assignee,
            detail=detail,
            note=note,
            assignee=assignee,
            given_fields=given_fields,
            bulk=bulk,
        ),
    )


def escalate(index: Index, viewer: Viewer, key: str, note: str | None = None) -> QuestionSummary:
    """Pass a review question on to the approvers.

    It is not offered to the viewer again, and the answer comes back to the viewer.

    Raises:
        NotFoundError: there is no such open question for this viewer.
        ConflictError: the viewer is the only approver.
        ClaimedError: somebody else has claimed the question.
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)

    def set_assignee(work: QuestionWork) -> QuestionWork:
        return replace(work, state=OPEN, asleep_until=None, assigned_to=APPROVER_ASSIGNEE, claimed_by=None,
                       lease_until=None, escalated_by=viewer.client)  # fmt: skip

    return _perform_action(
        index,
        viewer,
        key,
        _QueueAction(
            "escalate", set_assignee, note=note, given_fields=(ASSIGNED,), check=_require_other_approver
        ),
    )


def reply(index: Index, viewer: Viewer, key: str, note: str) -> QuestionSummary:
    """Reply to an escalation.

    The question goes back to the person who passed it on.

    Args:
        index: the open index.
        viewer: who replies.
        key: key of the question.
        note: the reply, for the person who passed the question on.

    Raises:
        InputError: the reply is empty or too long.
        NotFoundError: there is no such open question for this viewer.
        ConflictError: nobody else has passed the question on.
        ClaimedError: somebody else has claimed the question.
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)
    clean_note = check_note(note.strip())
    if clean_note is None:
        raise InputError("note: write what the person who passed the question on should know")

    def give_back(work: QuestionWork) -> QuestionWork:
        return replace(work, state=OPEN, asleep_until=None, assigned_to=work.escalated_by, claimed_by=None,
                       lease_until=None, escalated_by=None)  # fmt: skip

    return _perform_action(
        index,
        viewer,
        key,
        _QueueAction(
            REPLY, give_back, note=clean_note, given_fields=(ASSIGNED,), check=_require_others_escalation
        ),
    )


def _perform_action(index: Index, viewer: Viewer, key: str, action: _QueueAction) -> QuestionSummary:
    """Apply one act to a review question, and return its new summary."""
    clean_note = check_note(action.note)
    with index.database.write(viewer, "task", Lock.NONE) as unit:
        target = load_target(unit, key)
        if action.check is not None:
            action.check(unit, target)
        if action.assignee is not None:
            _require_assignable(unit, target, action.assignee)
        snapshot = {
            **target.snapshot,
            **dict.fromkeys(action.given_fields, select_known_scope(target.snapshot)),
        }
        work = replace(action.change(target.work), about=snapshot, closed_at=None, closed_because=None)
        detail = {**action.detail, **_describe_bulk(action, target.work)}
        if action.name == REPLY:
            detail[ADDRESSEE] = target.work.escalated_by
            work = _leave_open_without(unit, index, work, target.work)
        save_work(unit, work, action=action.name, records=target.records, note=clean_note, detail=detail)
        summary = _summarize_target(unit, index, target)
    disclose(index, viewer, Action.TASK_WORK, target.records, FIELDS)
    return summary


def _leave_open_without(
    unit: ReadUnit, index: Index, work: QuestionWork, before: QuestionWork
) -> QuestionWork:
    """Return a question unassigned if its assignee lost the right."""
    seen = before.about.get(ASSIGNED, before.about)
    is_able = work.assigned_to is None or may_take_back(index, unit, work.assigned_to, seen)
    return work if is_able else replace(work, assigned_to=None)


def _describe_bulk(action: _QueueAction, work: QuestionWork) -> dict[str, object]:
    """Return what the history notes for the undo of a bulk act."""
    if action.bulk is None:
        return {}
    before = {name: getattr(work, name) for name in RESTORED_FIELDS}
    return {BULK: action.bulk, BEFORE: before}


def _summarize_target(unit: ReadUnit, index: Index, target: WorkTarget) -> QuestionSummary:
    """Return the summary of a review question or burst after an act."""
    if isinstance(target.item, Burst):
        return summarize_burst(unit, target.item, unit.task_work.get([target.key])[target.key])
    [summary] = summarize_questions(unit, index, [require_question(unit, target.key)])
    return summary


def _require_not_own_report(unit: ReadUnit, target: WorkTarget) -> None:
    """Refuse to claim a question that the viewer's own report raised.

    Raises:
        ConflictError: the viewer reported the pair.
    """
    if isinstance(target.item, OpenQuestion) and is_own_report(unit, target.item):
        raise ConflictError("you reported this yourself: somebody else has to look at it")


def _require_others_escalation(unit: ReadUnit, target: WorkTarget) -> None:
    """Refuse to reply where nobody else waits for a reply.

    Raises:
        ConflictError: nobody has passed the question on as far as the viewer may know, or the viewer has.
    """
    if find_escalator(unit, target.work) is None:
        raise ConflictError("nobody else has passed this question on: answer it, or assign it")


def _require_other_approver(unit: ReadUnit, target: WorkTarget) -> None:
    """Refuse an approver's escalation if there is no other approver.

    Only an approver who signs in is refused, not an API client.

    Raises:
        ConflictError: nobody else who signs in may approve and see every record of the question.
    """
    accounts = {account.name: account for account in unit.accounts.all() if account.ended_commit is None}
    if unit.viewer.client not in accounts or not is_allowed(unit.viewer, Action.APPROVE):
        return
    sources = {label.source for label in unit.records.labels(target.records).values()}
    has_other = any(
        Action.APPROVE in ACTIONS_BY_ROLE[Role(account.role)] | account.granted
        and (account.sources is None or sources <= account.sources)
        for name, account in accounts.items()
        if name != unit.viewer.client
    )
    if not has_other:
        raise ConflictError(
            "there is no other approver to pass this on to: assign it to a person, or answer it yourself"
        )


def _require_assignable(unit: WriteUnit, target: WorkTarget, assignee: str) -> None:
    """Refuse an assignee who is unknown or may not see the question.

    Raises:
        NotFoundError: there is no such account or client, or the account has ended.
        ConflictError: the assignee may not see every record of the question.
    """
    account = unit.accounts.find_by_name(assignee)
    if account is not None and account.ended_commit is not None:
        raise NotFoundError("to: there is no account or client of this name")
    clients = {client.name: client for client in unit.clients.active()}
    if assignee == unit.viewer.client:
        return
    if account is not None:
        sources = account.sources
    elif assignee in clients:
        sources = clients[assignee].sources
    else:
        raise NotFoundError("to: there is no account or client of this name")
    if not sees_question(unit, Viewer(assignee, None, unit.viewer.actions, sources), target.snapshot):
        raise ConflictError("to: this account or client may not see every record of the question")
