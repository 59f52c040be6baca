"""Open questions: what is asked together, as a reader may see it, and where that stands.

A question of which a reader may see a part is that part: what an index without the rest would ask. So neither
the rest nor that there is one shows.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.service.core.visibility import visible_sources
from mpi.service.decisions.decision_log import conflict, projected, seen_whole
from mpi.service.resolution.review_tasks import APPROVAL, CONFLICT, PAIR
from mpi.service.resolution.task_visibility import redact_work, is_visible, keep_assignment_scopes
from mpi.service.review.due_dates import compute_due_date
from mpi.storage.driver.chunks import MAX_BIGINT
from mpi.storage.repositories.derived.derived import MICROBITS
from mpi.storage.repositories.review.task_work import ASLEEP, CLOSED, OPEN, WAITING, Work
from mpi.storage.repositories.review.tasks import NEVER, Task
from mpi.storage.repositories.steps.decisions import StoredDecision
from mpi.storage.unit_of_work.unit import ReadUnit

CLAIMED = "claimed"
"""Somebody has it, until the lease ends."""
MIN_BURST_QUESTIONS = 20
"""Questions of one pattern from one load that are shown as one."""
BURST_PREFIX = "burst:"
_DIGEST_BYTES = 6


@dataclass(frozen=True, slots=True)
class QuestionSummary:
    """A question as the queue lists it.

    Args:
        key: names it; the same whenever it is asked again.
        kind: ``pair``, ``conflict``, ``recheck``, ``claim``, ``approval``, … of its most harmful task.
        reason: why the index does not answer it by itself.
        subject: the record that it is about; None where it is about several alike.
        records: every record that it is about, the subject first.
        match_weight: of its heaviest pair, in bits.
        state: ``open``, ``claimed``, ``asleep``, ``waiting`` or ``closed``.
        claimed_by: who has it; None also where they claimed it for what the reader may not see.
        lease_until: when that ends by itself (ISO, UTC).
        assigned_to: whose it is to do; None also as ``claimed_by`` is.
        due_on: the day by which it is to be answered: the one that somebody gave it, unless it is as
            ``claimed_by``, or else the one that follows from its kind.
        opened_at: when it was first asked (ISO, UTC).
        burst: how many questions it stands for; 0 for itself alone.
        asleep_until: the day from which it is asked again; None where only other evidence wakes it.
        closed_because: ``answered``, or ``went`` where its reason went.
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
    """What is asked together, as a reader may see it.

    Args:
        key: the question's.
        tasks: those that the reader may see, the heaviest first.
        decisions: by task that is about decisions, their numbers; of a conflict, the chain.
        work: where it stands; None where nobody ever worked on it.
        now: the moment (ISO, UTC).
        flagged: whether the reader may see every flag.
    """

    key: str
    tasks: tuple[Task, ...]
    decisions: Mapping[str, tuple[int, ...]]
    work: Work | None
    now: str
    flagged: bool

    @cached_property
    def asked(self) -> tuple[Task, ...]:
        """Those of its tasks that are asked today."""
        today = self.now[:10]
        return tuple(task for task in self.tasks if task.quiet_until is None or task.quiet_until <= today)

    @cached_property
    def first(self) -> Task:
        """Its most harmful task."""
        return max(self.asked or self.tasks, key=lambda task: (self.harm(task), task.bits, task.key))

    @cached_property
    def records(self) -> tuple[int, ...]:
        """Numbers of all its records, its subject first, then by weight."""
        subject = [task.subject for task in self.tasks if task.subject in {task.lo, task.hi}]
        record_ids = [record_id for task in self.tasks for record_id in (task.lo, task.hi)]
        return tuple(dict.fromkeys([*subject, *record_ids]))

    @property
    def subject(self) -> int | None:
        """The record that it is about, if it is one."""
        task = self.first
        if task.subject in {task.lo, task.hi}:
            return task.subject
        return task.lo if task.lo == task.hi else None

    @property
    def claimed_by(self) -> str | None:
        """Who has it now."""
        work = self.work
        if work is None or work.claimed_by is None or (work.lease_until or "") <= self.now:
            return None
        return work.claimed_by

    @cached_property
    def state(self) -> str:
        """Where it stands."""
        work = self.work
        if not self.asked:
            return ASLEEP
        if work is not None and work.state in {ASLEEP, WAITING} and self._sleeps(work):
            return work.state
        return OPEN if self.claimed_by is None else CLAIMED

    def harm(self, task: Task) -> int:
        """The expected harm of a task, as far as the reader may know of it."""
        return task.harm if self.flagged else task.harm_unflagged

    def about(self) -> dict[str, Any]:
        """The question as the reader sees it now, to be kept with what is done to it."""
        return {
            "kind": self.first.kind,
            "reason": self.first.reason,
            "subject": self.subject,
            "records": list(self.records),
            "decisions": self.decisions,
            "tasks": {task.key: round(task.bits * MICROBITS) for task in self.tasks},
            **({} if self.work is None else keep_assignment_scopes(self.work)),
        }

    def _sleeps(self, work: Work) -> bool:
        """Whether it still is what was put to sleep, and its day has not come."""
        known = work.about.get("tasks", {})
        unchanged = all(known.get(task.key) == round(task.bits * MICROBITS) for task in self.asked)
        return unchanged and (work.asleep_until is None or work.asleep_until > self.now[:10])


def load_questions(unit: ReadUnit, keys: Collection[str]) -> dict[str, OpenQuestion]:
    """Questions as the reader may see them; those of which nothing shows are left out."""
    sources = visible_sources(unit)
    tasks_by_question = unit.queue.tasks(keys, sources)
    decisions_by_task = {task.key: find_task_decisions(unit, task) for tasks in tasks_by_question.values() for task in tasks}
    work_by_question = unit.task_work.get(tasks_by_question)
    now = clock.iso(clock.now())
    questions = {}
    for key, tasks in tasks_by_question.items():
        visible_tasks = tuple(task for task in tasks if decisions_by_task[task.key] is not None)
        decisions = {task.key: numbers for task in visible_tasks if (numbers := decisions_by_task[task.key])}
        if visible_tasks:
            questions[key] = OpenQuestion(key, visible_tasks, decisions, work_by_question.get(key), now, sources is None)
    return questions


def find_task_decisions(unit: ReadUnit, task: Task) -> tuple[int, ...] | None:
    """The decisions that a task is about; None where the reader may not know of what it asks."""
    if task.decision_id is None:
        return ()
    decision = unit.decisions.get([task.decision_id]).get(task.decision_id)
    if decision is None or projected(unit, decision) is None:
        return None
    if task.kind == APPROVAL and not _can_see_approval(unit, decision):
        return None
    if task.kind != CONFLICT:
        return (decision.id,)
    chain = conflict(unit, decision)
    # Without what the reader may not see there is no conflict, and so no question.
    return None if chain is None else tuple(sorted({*chain, decision.id}))


def _can_see_approval(unit: ReadUnit, decision: StoredDecision) -> bool:
    """Whether the reader sees all that it is about: else that it waits would tell of another agency."""
    return all(seen_whole(unit, decision, approval.step_id) for approval in unit.awaited.of([decision.id]))


def summarize_questions(unit: ReadUnit, questions: Iterable[OpenQuestion]) -> list[QuestionSummary]:
    """Questions as the queue lists them."""
    question_list = list(questions)
    labels = unit.records.labels({record for question in question_list for record in question.records})
    times = unit.commit_info({task.opened_commit for question in question_list for task in question.tasks})
    work_by_key = {question.key: redact_work(unit, question.work) for question in question_list if question.work is not None}
    return [_summarize_question(question, work_by_key.get(question.key), labels, times) for question in question_list]


def find_opening_time(unit: ReadUnit, question: OpenQuestion) -> str:
    """When the oldest of a question's tasks was opened (ISO, UTC)."""
    first_commit = min(task.opened_commit for task in question.asked or question.tasks)
    return unit.commit_info({first_commit}).get(first_commit, (question.now, "", ""))[0]


def _summarize_question(
    question: OpenQuestion,
    work: Work | None,
    labels: Mapping[int, RecordRef],
    times: Mapping[int, tuple[str, str, str]],
) -> QuestionSummary:
    tasks = question.asked or question.tasks
    opened_at = {task.key: times[task.opened_commit][0] for task in tasks if task.opened_commit in times}
    due_days = [compute_due_date(task.kind, question.harm(task), opened_at[task.key]) for task in tasks if task.key in opened_at]
    pair_weights = [task.bits for task in question.tasks if task.kind == PAIR]
    is_claimed = question.claimed_by is not None and work is not None
    subject = question.subject
    is_asleep = question.state in {ASLEEP, WAITING}
    return QuestionSummary(
        question.key,
        question.first.kind,
        question.first.reason,
        None if subject is None else labels.get(subject),
        tuple(labels[record] for record in question.records if record in labels),
        max(pair_weights, default=question.first.bits),
        question.state,
        work.claimed_by if is_claimed and work is not None else None,
        work.lease_until if is_claimed and work is not None else None,
        None if work is None else work.assigned_to,
        (None if work is None else work.due_on) or min(due_days, default=None),
        min(opened_at.values(), default=question.now),
        0,
        _find_wake_day(question) if is_asleep else None,
    )


def _find_wake_day(question: OpenQuestion) -> str | None:
    if question.asked and question.work is not None:
        return question.work.asleep_until
    days = (task.quiet_until for task in question.tasks if task.quiet_until not in {None, NEVER})
    return min((day for day in days if day is not None), default=None)


def make_burst_key(batch_id: int, pattern: str) -> str:
    """Names a burst; a pattern is words of a model, which do not go into a path."""
    digest = hashlib.blake2b(pattern.encode(), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{BURST_PREFIX}{batch_id}:{digest}"


def is_burst_key(key: str) -> bool:
    """Whether a key names a burst."""
    return key.startswith(BURST_PREFIX)


def parse_burst_key(unit: ReadUnit, key: str) -> tuple[int, str] | None:
    """The load and pattern that a key names; None where there are none such."""
    batch = key.removeprefix(BURST_PREFIX).partition(":")[0]
    if not is_burst_key(key) or not batch.isdecimal() or int(batch) > MAX_BIGINT:
        return None
    patterns = unit.queue.patterns(int(batch))
    return next(((int(batch), pattern) for pattern in patterns if make_burst_key(int(batch), pattern) == key), None)


def summarize_closed_question(unit: ReadUnit, work: Work) -> QuestionSummary | None:
    """A closed question as the queue lists it; None where the reader may not see all of it."""
    if work.about.get("kind") == APPROVAL and unit.viewer.sources is not None:
        # It names the ends of its decision only, and that something waited would tell of the rest.
        return None
    if not is_visible(unit, work.about):
        return None
    visible_work = redact_work(unit, work)
    records = work.about.get("records", [])
    labels = unit.records.labels(records)
    subject = work.about.get("subject")
    weights = work.about.get("tasks", {}).values()
    return QuestionSummary(
        work.question,
        work.about.get("kind", ""),
        work.about.get("reason", ""),
        None if subject is None else labels[subject],
        tuple(labels[record] for record in records),
        max(weights, default=0) / MICROBITS,
        CLOSED,
        None,
        None,
        visible_work.assigned_to,
        visible_work.due_on,
        work.opened_at,
        0,
        None,
        work.closed_because,
    )
