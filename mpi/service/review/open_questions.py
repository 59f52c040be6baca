"""Open review questions as one viewer may see them.

A viewer who may see a part of a question gets that part: the question of an index without the rest. So
neither the rest nor its existence is disclosed.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.service.core.index import Index
from mpi.service.core.minimization import sees_all_flags
from mpi.service.core.visibility import visible_source_ids
from mpi.service.core.visible_features import find_partial_records
from mpi.service.decisions.decision_log import find_conflict_chain, find_visible_groups, is_wholly_visible
from mpi.service.gates.own_reports import find_reporters
from mpi.service.resolution.review_tasks import APPROVAL, CLAIM, CONFLICT, PAIR, may_be_asked
from mpi.service.resolution.work_log_visibility import (
    DOUBTS,
    ScopeVisibility,
    keep_assignment_scopes,
    redact_works,
)
from mpi.service.review.due_dates import compute_due_date
from mpi.service.review.visible_weights import load_visible_weights
from mpi.storage.driver.chunks import MAX_BIGINT
from mpi.storage.repositories.derived.features_and_edges import MICROBITS
from mpi.storage.repositories.review.task_work import ASLEEP, CLOSED, OPEN, WAITING, QuestionWork
from mpi.storage.repositories.review.tasks import NEVER, Task
from mpi.storage.repositories.steps.decisions import StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

CLAIMED = "claimed"
"""State of a question that somebody has claimed, until the lease ends."""
MIN_BURST_QUESTIONS = 20
"""Least questions of one pattern and load that form a burst."""
BURST_PREFIX = "burst:"
_DIGEST_BYTES = 6


@dataclass(frozen=True, slots=True)
class QuestionSummary:
    """Clerical-review question as one row of the queue.

    Args:
        key: stable key of the question.
        kind: kind of its most urgent task: ``pair``, ``conflict``, ``recheck``, ``claim``, ``approval``, …
        reason: why the index does not decide the question automatically.
        subject: the record that the question compares with others; None if it is about several similar
            records.
        records: every record of the question, the subject first.
        match_weight: match weight of its heaviest pair, in bits, without contact details withheld from the
            reader; 0 for a closed question about a record of which such details are withheld.
        state: ``open``, ``claimed``, ``asleep``, ``waiting`` or ``closed``.
        claimed_by: who has claimed the question; None also if they claimed it for a part that is hidden from
            the reader.
        lease_until: when the claim expires (ISO, UTC).
        assigned_to: who the question is assigned to; None also if the assignment is hidden like
            ``claimed_by``.
        due_on: the day by which an answer is due: the day that a person set, unless hidden like
            ``claimed_by``, or else the day computed from the kind.
        opened_at: when the oldest task was opened (ISO, UTC).
        burst: number of questions that a burst stands for; 0 for a single question.
        asleep_until: the day on which the question reopens; None if only new evidence reopens it.
        closed_because: ``answered``, or ``went`` if its reason ceased to exist and no steward answered it.
    """

    key: str
    kind: str
    reason: str
    subject: RecordRef | None
    records: tuple[RecordRef, ...]
    match_weight: float
    state: str
    claimed_by: str | None
    lease_until: str | None
    assigned_to: str | None
    due_on: str | None
    opened_at: str
    burst: int = 0
    asleep_until: str | None = None
    closed_because: str | None = None


@dataclass(frozen=True)
class OpenQuestion:
    """Review tasks that one viewer sees as one question.

    Args:
        key: key of the question.
        tasks: the tasks that the viewer may see, heaviest first.
        decisions: decision numbers by key of each task about decisions; for a conflict, the whole chain.
        work: stored work state (claim, assignment, deferral); None if nobody worked on the question yet.
        now: the moment of the read (ISO, UTC).
        sees_flags: whether the viewer may see every special-population flag, and so the expected harm that
            counts them.
    """

    key: str
    tasks: tuple[Task, ...]
    decisions: Mapping[str, tuple[int, ...]]
    work: QuestionWork | None
    now: str
    sees_flags: bool

    @cached_property
    def asked_tasks(self) -> tuple[Task, ...]:
        """Review tasks of the question that are open today."""
        today = self.now[:10]
        return tuple(task for task in self.tasks if task.quiet_until is None or task.quiet_until <= today)

    @cached_property
    def main_task(self) -> Task:
        """Most urgent review task of the question."""
        return max(
            self.asked_tasks or self.tasks, key=lambda task: (self.get_harm(task), task.bits, task.key)
        )

    @cached_property
    def records(self) -> tuple[int, ...]:
        """Record numbers of the review question, its subject first, then by weight."""
        subject = [task.subject for task in self.tasks if task.subject in {task.lo, task.hi}]
        record_ids = [record_id for task in self.tasks for record_id in (task.lo, task.hi)]
        return tuple(dict.fromkeys([*subject, *record_ids]))

    @property
    def subject(self) -> int | None:
        """Number of the one record that the review question is about.

        None for a question about several similar records.
        """
        task = self.main_task
        if task.subject in {task.lo, task.hi}:
            return task.subject
        return task.lo if task.lo == task.hi else None

    @property
    def claimed_by(self) -> str | None:
        """Account or client with a valid claim on the question."""
        work = self.work
        if work is None or work.claimed_by is None or (work.lease_until or "") <= self.now:
            return None
        return work.claimed_by

    @cached_property
    def state(self) -> str:
        """Current state of the review question, such as open or claimed."""
        work = self.work
        if not self.asked_tasks:
            return ASLEEP
        if work is not None and work.state in {ASLEEP, WAITING} and self._is_asleep(work):
            return work.state
        return OPEN if self.claimed_by is None else CLAIMED

    def get_harm(self, task: Task) -> int:
        """Return the expected harm of leaving a review task open, in millionths.

        The figure excludes special-population flags for a viewer who may not see them.
        """
        return task.harm if self.sees_flags else task.harm_unflagged

    def to_snapshot(self) -> dict[str, Any]:
        """Return what the viewer sees of the review question, for storage."""
        return {
            "kind": self.main_task.kind,
            "reason": self.main_task.reason,
            "subject": self.subject,
            "records": list(self.records),
            "decisions": self.decisions,
            "tasks": {task.key: round(task.bits * MICROBITS) for task in self.tasks},
            DOUBTS: [list(doubt) for doubt in sorted({(task.kind, task.reason) for task in self.tasks})],
            **({} if self.work is None else keep_assignment_scopes(self.work)),
        }

    def _is_asleep(self, work: QuestionWork) -> bool:
        """Return whether a deferred question is unchanged and not yet due."""
        stored_weights = work.about.get("tasks", {})
        is_unchanged = all(
            stored_weights.get(task.key) == round(task.bits * MICROBITS) for task in self.asked_tasks
        )
        return is_unchanged and (work.asleep_until is None or work.asleep_until > self.now[:10])


def load_questions(unit: ReadUnit, keys: Collection[str]) -> dict[str, OpenQuestion]:
    """Load questions by key, each reduced to the viewer's sight.

    Returns:
        Questions by key; a question that is hidden whole has no entry.
    """
    sources = visible_source_ids(unit)
    tasks_by_question = unit.queue.tasks_by_question(keys, sources)
    decisions_by_task = find_decisions_of_tasks(
        unit, [task for tasks in tasks_by_question.values() for task in tasks]
    )
    work_by_question = unit.task_work.get(tasks_by_question)
    now = clock.format_timestamp(clock.now())
    sees_flags = sees_all_flags(unit.viewer)
    questions = {}
    for key, tasks in tasks_by_question.items():
        visible_tasks = tuple(task for task in tasks if decisions_by_task[task.key] is not None)
        decisions = {task.key: numbers for task in visible_tasks if (numbers := decisions_by_task[task.key])}
        if visible_tasks:
            questions[key] = OpenQuestion(
                key=key,
                tasks=visible_tasks,
                decisions=decisions,
                work=work_by_question.get(key),
                now=now,
                sees_flags=sees_flags,
            )
    return questions


def require_question(unit: ReadUnit, key: str) -> OpenQuestion:
    """Load an open question by its key or a task's key.

    Raises:
        NotFoundError: there is no such open question that the viewer may see.
    """
    question = load_questions(unit, [key]).get(key)
    if question is None and (question_key := unit.queue.question_of(key)) is not None:
        question = load_questions(unit, [question_key]).get(question_key)
        if question is not None and key not in {task.key for task in question.tasks}:
            # The viewer may see a part of the question, but not the task that the key names.
            question = None
    if question is None:
        raise NotFoundError("there is no such question, or it is closed")
    return question


def is_own_report(unit: ReadUnit, question: OpenQuestion) -> bool:
    """Return whether a question asks only about reports that the viewer made."""
    tasks = question.asked_tasks
    if not tasks or any(task.kind != CLAIM for task in tasks):
        return False
    reports = unit.decisions.by_ids({task.decision_id for task in tasks if task.decision_id is not None})
    return all(unit.viewer.client in find_reporters(unit, report) for report in reports.values())


def find_decisions_of_tasks(unit: ReadUnit, tasks: Collection[Task]) -> dict[str, tuple[int, ...] | None]:
    """Return the decisions of review tasks, by key of the task.

    Returns:
        Decision numbers, empty for a task about a pair; None for a task that is hidden from the viewer.
    """
    decisions = unit.decisions.by_ids({task.decision_id for task in tasks if task.decision_id is not None})
    groups = find_visible_groups(unit, decisions.values()) if decisions else {}
    return {
        task.key: ()
        if task.decision_id is None
        else _find_task_decisions(unit, task, decisions[task.decision_id])
        if groups.get(task.decision_id) is not None
        else None
        for task in tasks
    }


def _find_task_decisions(unit: ReadUnit, task: Task, decision: StoredDecision) -> tuple[int, ...] | None:
    """Return the decisions of a task about a visible decision, or None."""
    if task.kind == APPROVAL and not _can_see_approval(unit, decision):
        return None
    if task.kind != CONFLICT:
        return (decision.id,)
    chain = find_conflict_chain(unit, decision)
    # Without the hidden decisions there is no conflict for this viewer, and so no question.
    return None if chain is None else tuple(sorted({*chain, decision.id}))


def _can_see_approval(unit: ReadUnit, decision: StoredDecision) -> bool:
    """Return whether the viewer sees every step that a decision waits for.

    Otherwise the wait would disclose another agency's record.
    """
    return all(
        is_wholly_visible(unit, decision, approval.step_id)
        for approval in unit.pending_approvals.all_of_decisions([decision.id])
    )


def summarize_questions(
    unit: ReadUnit, index: Index, questions: Iterable[OpenQuestion]
) -> list[QuestionSummary]:
    """Return a summary of each review question, as the queue lists it.

    Contact details that are withheld from the viewer do not count in the match weight.
    """
    question_list = list(questions)
    weights = load_visible_weights(unit, index, (task for each in question_list for task in each.tasks))
    labels = unit.records.labels({record for question in question_list for record in question.records})
    times = unit.commit_info({task.opened_commit for question in question_list for task in question.tasks})
    work_by_key = redact_works(unit, [each.work for each in question_list if each.work is not None])
    return [
        _summarize_question(question, work_by_key.get(question.key), labels, times, weights)
        for question in question_list
    ]


def find_opening_time(unit: ReadUnit, question: OpenQuestion) -> str:
    """Return when the question's oldest review task was opened (ISO, UTC)."""
    first_commit = min(task.opened_commit for task in question.asked_tasks or question.tasks)
    return unit.commit_info({first_commit}).get(first_commit, (question.now, "", ""))[0]


def _summarize_question(
    question: OpenQuestion,
    work: QuestionWork | None,
    labels: Mapping[int, RecordRef],
    times: Mapping[int, tuple[str, str, str]],
    weights: Mapping[str, float],
) -> QuestionSummary:
    """Build the summary of one review question from loaded database rows."""
    tasks = question.asked_tasks or question.tasks
    opened_at = {task.key: times[task.opened_commit][0] for task in tasks if task.opened_commit in times}
    due_days = [
        compute_due_date(task.kind, question.get_harm(task), opened_at[task.key])
        for task in tasks
        if task.key in opened_at
    ]
    pair_weights = [weights[task.key] for task in question.tasks if task.kind == PAIR]
    is_claimed = question.claimed_by is not None and work is not None
    subject = question.subject
    is_asleep = question.state in {ASLEEP, WAITING}
    return QuestionSummary(
        key=question.key,
        kind=question.main_task.kind,
        reason=question.main_task.reason,
        subject=None if subject is None else labels.get(subject),
        records=tuple(labels[record] for record in question.records if record in labels),
        match_weight=max(pair_weights, default=weights[question.main_task.key]),
        state=question.state,
        claimed_by=work.claimed_by if is_claimed and work is not None else None,
        lease_until=work.lease_until if is_claimed and work is not None else None,
        assigned_to=None if work is None else work.assigned_to,
        due_on=(None if work is None else work.due_on) or min(due_days, default=None),
        opened_at=min(opened_at.values(), default=question.now),
        burst=0,
        asleep_until=_find_wake_day(question) if is_asleep else None,
    )


def _find_wake_day(question: OpenQuestion) -> str | None:
    """Return the day set for a deferred review question to reopen.

    It can reopen earlier, if its evidence changes or all owners who were asked have answered. None if no day
    is set.
    """
    if question.asked_tasks and question.work is not None:
        return question.work.asleep_until
    days = (task.quiet_until for task in question.tasks if task.quiet_until not in {None, NEVER})
    return min((day for day in days if day is not None), default=None)


def make_burst_key(batch_id: int, pattern: str) -> str:
    """Return a burst's key: a load's questions of one error pattern.

    The pattern is hashed, because words of a model do not go into a URL path.
    """
    digest = hashlib.blake2b(pattern.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{BURST_PREFIX}{batch_id}:{digest}"


def is_burst_key(key: str) -> bool:
    """Return whether a key names a burst of similar review questions."""
    return key.startswith(BURST_PREFIX)


def parse_burst_key(unit: ReadUnit, key: str) -> tuple[int, str] | None:
    """Return the load number and error pattern of a burst's key.

    Returns:
        None if there is no such burst.
    """
    batch = key.removeprefix(BURST_PREFIX).partition(":")[0]
    if not is_burst_key(key) or not batch.isdecimal() or int(batch) > MAX_BIGINT:
        return None
    patterns = unit.queue.patterns_of_load(int(batch))
    return next(
        ((int(batch), pattern) for pattern in patterns if make_burst_key(int(batch), pattern) == key), None
    )


def summarize_closed_question(unit: ReadUnit, work: QuestionWork) -> QuestionSummary | None:
    """Return the queue summary of a closed review question.

    Returns:
        None if the viewer may not see every record and decision of the question, or might not be asked it.
    """
    return summarize_closed_questions(unit, [work])[0]


def summarize_closed_questions(unit: ReadUnit, works: Sequence[QuestionWork]) -> list[QuestionSummary | None]:
    """Return the queue summary of each closed review question; None if hidden."""
    scopes = ScopeVisibility(unit, [work.about for work in works])
    visible_works = [work for work in works if _may_see_closed(unit, work, scopes)]
    redacted = redact_works(unit, visible_works)
    records = {record for work in visible_works for record in work.about.get("records", ())}
    labels = unit.records.labels(records)
    partial = find_partial_records(unit, records)
    return [
        _summarize_closed_question(redacted[work.question], labels, partial)
        if work.question in redacted
        else None
        for work in works
    ]


def _may_see_closed(unit: ReadUnit, work: QuestionWork, scopes: ScopeVisibility) -> bool:
    """Return whether the viewer may see a closed question."""
    if work.about.get("kind") == APPROVAL and unit.viewer.sources is not None:
        # The stored records are only some of the decision's; the wait would disclose the others.
        return False
    is_asked = may_be_asked(unit.viewer, work.about.get("kind", ""), work.about.get("reason", ""))
    return is_asked and scopes.is_visible(work.about)


def _summarize_closed_question(
    work: QuestionWork, labels: Mapping[int, RecordRef], partial: Collection[int]
) -> QuestionSummary:
    records = work.about.get("records", [])
    subject = work.about.get("subject")
    kind = work.about.get("kind", "")
    # The stored weights may rest on what the viewer may not compare.
    is_partial = any(record in partial for record in records)
    weights = () if is_partial else work.about.get("tasks", {}).values()
    return QuestionSummary(
        key=work.question,
        kind=kind,
        reason=work.about.get("reason", ""),
        subject=None if subject is None else labels[subject],
        records=tuple(labels[record] for record in records),
        match_weight=max(weights, default=0) / MICROBITS,
        state=CLOSED,
        claimed_by=None,
        lease_until=None,
        assigned_to=work.assigned_to,
        due_on=work.due_on,
        opened_at=work.opened_at,
        burst=0,
        asleep_until=None,
        closed_because=work.closed_because,
    )
