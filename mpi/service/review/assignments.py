"""Claiming, releasing, deferring and assigning review questions.

None of these acts changes which records belong to one person. A claim is a lease: it expires by itself, and
each act of its holder on the question renews it. Each act adds a line to the question's history.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ClaimedError, ConflictError, InputError, MpiError, NotFoundError
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
    keep_assignment_scopes,
    redact_work,
    sees_question,
    select_doubts,
    select_known_scope,
)
from mpi.service.review.open_questions import (
    OpenQuestion,
    QuestionSummary,
    find_opening_time,
    is_burst_key,
    is_own_report,
    summarize_questions,
)
from mpi.service.review.question_view import require_question
from mpi.service.review.queue import FIELDS
from mpi.service.review.queue_search import find_burst, summarize_burst
from mpi.service.sampling.practice import may_work_live
from mpi.storage.repositories.review.task_queue import Burst
from mpi.storage.repositories.review.task_work import ASLEEP, OPEN, QuestionAction, QuestionWork
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

LEASE_DURATION = timedelta(minutes=20)
"""Time that a claim lasts after its holder's last act."""
MAX_DEFERRAL = timedelta(days=366)
"""Longest time for which a question can be deferred."""
MAX_BULK_QUESTIONS = 200
"""Most questions in one bulk act."""
BULK, BEFORE = "bulk", "before"
"""Members of an act's detail: token of its bulk act, and the work state before it."""
RESTORED_FIELDS = ("state", "asleep_until", "assigned_to", "due_on", "about")
"""Work state that the undo of a bulk act restores; a claim is not."""


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


def parse_future_day(text: str, field_name: str, min_days: int = 1) -> str:
    """Parse a day within the next year.

    Args:
        text: the day, ``YYYY-MM-DD``.
        field_name: name of the field, for the error message.
        min_days: least days from today; 0 permits today.

    Raises:
        InputError: the text is not a date, or the day is past or more than a year ahead.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{field_name}: give a date, YYYY-MM-DD") from None
    today = date.fromisoformat(clock.today())
    if not today + timedelta(days=min_days) <= day <= today + MAX_DEFERRAL:
        raise InputError(f"{field_name}: give a future day within a year")
    return day.isoformat()


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
