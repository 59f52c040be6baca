"""Working a question: claim it, give it back, put it off, give it to somebody. None of it changes who is who.

A claim is a lease: it ends by itself, and whatever its holder does with the question renews it. Every act
leaves a line in the question's history.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ClaimedError, ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.roles import APPROVERS
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.steps import note_text
from mpi.service.resolution.task_visibility import DATED, ASSIGNED, redact_work, select_known_scope, keep_assignment_scopes
from mpi.service.review.open_questions import OpenQuestion, QuestionSummary, find_opening_time, is_burst_key, summarize_questions
from mpi.service.review.question import require_question
from mpi.service.review.queue import FIELDS
from mpi.service.review.queue_reader import find_burst, summarize_burst
from mpi.service.sampling.practice import may_work_live
from mpi.storage.repositories.review.task_queue import Burst
from mpi.storage.repositories.review.task_work import ASLEEP, OPEN, Act, Work
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

LEASE_DURATION = timedelta(minutes=20)
"""How long a claim holds after the last act of its holder."""
MAX_DEFERRAL = timedelta(days=366)
MAX_BULK_QUESTIONS = 200
"""Questions of one bulk act."""


@dataclass(frozen=True, slots=True)
class WorkTarget:
    """What is worked on: a question, or the burst that stands for many.

    Args:
        key: its key.
        asked: the question or burst.
        records: numbers of its records; of a burst none.
        about: what its worker sees, to be kept.
        work: where it stands.
    """

    key: str
    asked: OpenQuestion | Burst
    records: tuple[int, ...]
    about: Mapping[str, Any]
    work: Work


@dataclass(frozen=True, slots=True)
class _QueueAction:
    """What is done with a question.

    Args:
        name: what goes into its history.
        change: where it stands from then on.
        detail: codes and days, for its history.
        note: free text.
        to: whom it is given to, who has to be somebody.
        gives: what it gives for the reason that its maker sees: ``ASSIGNED``, ``DATED``.
    """

    name: str
    change: Callable[[Work], Work]
    detail: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None
    to: str | None = None
    gives: tuple[str, ...] = ()


def claim(index: Index, viewer: Viewer, key: str, note: str | None = None) -> QuestionSummary:
    """Take a question, so that nobody else answers it meanwhile; claimed again, the lease is renewed.

    Args:
        index: the open index.
        viewer: who takes it.
        key: the question's, or that of one of its tasks.
        note: free text.

    Raises:
        NotFoundError: there is no such open question for this viewer.
        ClaimedError: somebody else has it.
        AccessDenied: the viewer may not work on questions, or has to practise first.
    """
    permit_live_work(index, viewer)
    return _perform_action(index, viewer, key, _QueueAction("claim", lambda work: claim_work(work, viewer), note=note))


def release(index: Index, viewer: Viewer, key: str, note: str | None = None) -> QuestionSummary:
    """Give a question back.

    Raises:
        NotFoundError: there is no such open question for this viewer.
        ClaimedError: somebody else has it.
        AccessDenied: the viewer may not work on questions.
    """
    permit(viewer, Action.TASK_WORK)

    def free(work: Work) -> Work:
        return replace(work, claimed_by=None, lease_until=None)

    return _perform_action(index, viewer, key, _QueueAction("release", free, note=note))


def defer(index: Index, viewer: Viewer, key: str, until: str, note: str | None = None) -> QuestionSummary:
    """Put a question off: it sleeps until a day, or until its evidence is another.

    Args:
        index: the open index.
        viewer: who puts it off.
        key: the question's, or a burst's.
        until: the day from which it is asked again, ``YYYY-MM-DD``, within a year.
        note: free text.

    Raises:
        InputError: it is no such day.
        NotFoundError: there is no such open question for this viewer.
        ClaimedError: somebody else has it.
        AccessDenied: the viewer may not work on questions.
    """
    permit(viewer, Action.TASK_WORK)
    day = parse_future_day(until, "until")

    def asleep(work: Work) -> Work:
        return replace(work, state=ASLEEP, asleep_until=day, claimed_by=None, lease_until=None)

    return _perform_action(index, viewer, key, _QueueAction("defer", asleep, {"until": day}, note))


def assign(
    index: Index, viewer: Viewer, key: str, to: str, due_on: str | None = None, note: str | None = None
) -> QuestionSummary:
    """Give a question to somebody to do, by a day if one is given.

    Args:
        index: the open index.
        viewer: who gives it.
        key: the question's, or a burst's.
        to: the name of an account or client.
        due_on: the day by which it is to be answered, in place of the one that follows from its kind.
        note: free text.

    Raises:
        InputError: ``due_on`` is no day to come.
        NotFoundError: there is no such open question for this viewer, or nobody of that name.
        ConflictError: whom it is given to may not see all of it.
        ClaimedError: somebody else has it.
        AccessDenied: the viewer may not work on questions.
    """
    permit(viewer, Action.TASK_WORK)
    day = None if due_on is None else parse_future_day(due_on, "due_on", least=0)

    def given(work: Work) -> Work:
        return replace(work, state=OPEN, asleep_until=None, assigned_to=to, due_on=day or work.due_on,
                       claimed_by=None, lease_until=None)  # fmt: skip

    detail = {"to": to} | ({"due_on": day} if day else {})
    gives = (ASSIGNED, DATED) if day else (ASSIGNED,)
    return _perform_action(index, viewer, key, _QueueAction("assign", given, detail, note, to, gives))


def escalate(index: Index, viewer: Viewer, key: str, note: str | None = None) -> QuestionSummary:
    """Give a question to whoever may approve.

    Raises:
        NotFoundError: there is no such open question for this viewer.
        ClaimedError: somebody else has it.
        AccessDenied: the viewer may not work on questions.
    """
    permit(viewer, Action.TASK_WORK)

    def given(work: Work) -> Work:
        return replace(work, state=OPEN, asleep_until=None, assigned_to=APPROVERS, claimed_by=None,
                       lease_until=None)  # fmt: skip

    return _perform_action(index, viewer, key, _QueueAction("escalate", given, note=note, gives=(ASSIGNED,)))


def apply_in_bulk(keys: Sequence[str], act: Callable[[str], object]) -> dict[str, MpiError | None]:
    """Do one thing with several questions, each for itself; by key: why it could not be done, or None.

    Args:
        keys: of questions or bursts.
        act: what is done with each: put it off, give it to somebody or back, or ask its source. No answer is
            ever given in bulk.

    Raises:
        InputError: there are too many, or what is to be done is not well formed.
        AccessDenied: the viewer may not work on questions.
    """
    if len(keys) > MAX_BULK_QUESTIONS:
        raise InputError(f"keys: at most {MAX_BULK_QUESTIONS} questions at once")
    errors_by_key: dict[str, MpiError | None] = {}
    for key in dict.fromkeys(keys):
        try:
            act(key)
            errors_by_key[key] = None
        except (ConflictError, NotFoundError) as error:
            errors_by_key[key] = error
    return errors_by_key


def load_target(unit: ReadUnit, key: str) -> WorkTarget:
    """What a key names, as the reader may see it.

    Raises:
        NotFoundError: there is nothing open of that key.
    """
    now = clock.iso(clock.now())
    if is_burst_key(key):
        burst = find_burst(unit, key)
        if burst is None:
            raise NotFoundError("there is no such question, or it is closed")
        work = unit.task_work.get([key]).get(key) or Work(key, OPEN, now)
        snapshot = {"kind": burst.kind, "reason": burst.pattern, "questions": burst.questions}
        return WorkTarget(key, burst, (), {**snapshot, **keep_assignment_scopes(work)}, work)
    question = require_question(unit, key)
    work = question.work or Work(question.key, OPEN, find_opening_time(unit, question))
    return WorkTarget(question.key, question, question.records, question.about(), work)


def claim_work(work: Work, viewer: Viewer) -> Work:
    """The work with the viewer's claim, which begins anew."""
    until = clock.iso(clock.now() + LEASE_DURATION)
    return replace(work, state=OPEN, asleep_until=None, claimed_by=viewer.client, lease_until=until)


def save_work(unit: WriteUnit, work: Work, *, act: str, records: Sequence[int], **more: Any) -> None:  # noqa: ANN401 - codes and numbers of the act
    """Put where a question stands, with a line of its history, unless somebody else has claimed it.

    Args:
        unit: the transaction.
        work: where it stands from now on.
        act: what was done.
        records: the records that its maker saw the question to be about.
        more: ``step``, ``note``, and what else is to be known: codes and numbers.

    Raises:
        ClaimedError: somebody else has it.
    """
    now = clock.iso(clock.now())
    if not unit.task_work.put(work, unit.viewer.client, now):
        raise make_claimed_error(unit, unit.task_work.get([work.question])[work.question])
    record_action(unit, work.question, act, records, work.about.get("decisions", {}), **more)


def record_action(
    unit: WriteUnit,
    key: str,
    act: str,
    records: Sequence[int],
    decisions: Mapping[str, Sequence[int]],
    step: int | None = None,
    note: str | None = None,
    **more: Any,  # noqa: ANN401 - codes and numbers of the act
) -> None:
    """Write a line of a question's history, with the records and decisions that its maker saw."""
    detail = {**more, "records": sorted(records), "decisions": decisions}
    number = unit.counters.take("task_action")
    now = clock.iso(clock.now())
    unit.task_work.add(Act(number, key, now, unit.viewer.client, act, detail, step, note))


def make_claimed_error(unit: ReadUnit, work: Work) -> ClaimedError:
    """Who has a question, and until when, as far as the viewer may know."""
    visible_work = redact_work(unit, work)
    return ClaimedError(visible_work.claimed_by, visible_work.lease_until)


def parse_future_day(text: str, name: str, least: int = 1) -> str:
    """A day to come, within a year.

    Raises:
        InputError: it is no date, is past, or is too far off.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{name}: give a date, YYYY-MM-DD") from None
    today = date.fromisoformat(clock.today())
    if not today + timedelta(days=least) <= day <= today + MAX_DEFERRAL:
        raise InputError(f"{name}: give a day to come, within a year")
    return day.isoformat()


def permit_live_work(index: Index, viewer: Viewer) -> None:
    """Let whoever may work on live questions pass.

    Raises:
        AccessDenied: the viewer may not work on questions, or has to practise first.
    """
    permit(viewer, Action.TASK_WORK)
    if not may_work_live(index, viewer):
        raise AccessDenied(
            "practise first: live questions open once your practice answers agree with the truth"
        )


def _perform_action(index: Index, viewer: Viewer, key: str, action: _QueueAction) -> QuestionSummary:
    clean_note = note_text(action.note)
    with index.database.write(viewer, "task", Lock.NONE) as unit:
        target = load_target(unit, key)
        if action.to is not None:
            _require_assignable(unit, target, action.to)
        snapshot = {**target.about, **dict.fromkeys(action.gives, select_known_scope(target.about))}
        work = replace(action.change(target.work), about=snapshot, closed_at=None, closed_because=None)
        save_work(unit, work, act=action.name, records=target.records, note=clean_note, **action.detail)
        summary = _summarize_target(unit, target)
    disclose(index, viewer, Action.TASK_WORK, target.records, FIELDS)
    return summary


def _summarize_target(unit: ReadUnit, target: WorkTarget) -> QuestionSummary:
    if isinstance(target.asked, Burst):
        return summarize_burst(unit, target.asked, unit.task_work.get([target.key])[target.key])
    [summary] = summarize_questions(unit, [require_question(unit, target.key)])
    return summary


def _require_assignable(unit: WriteUnit, target: WorkTarget, assignee: str) -> None:
    """Whom a question is given to has to be somebody who may work on it, and see all of it.

    Raises:
        NotFoundError: there is nobody of that name.
        ConflictError: they may not see all of it.
    """
    account = unit.accounts.by_name(assignee)
    clients = {client.name: client for client in unit.clients.all()}
    if assignee == unit.viewer.client:
        return
    if account is not None:
        sources = account.sources
    elif assignee in clients:
        sources = clients[assignee].sources
    else:
        raise NotFoundError("to: there is nobody of that name")
    labels = unit.records.labels(target.records)
    if sources is not None and any(label.source not in sources for label in labels.values()):
        raise ConflictError("to: they may not see every record of the question")
