"""Answers and mentions that are addressed to a person.

Each is unread until the person reads or dismisses it. ``find_returned_answers`` is the one function that
tells what came back for whom. It reads the histories of steps, consents, questions and notes; whoever adds a
way to answer adds it there.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_shown_record_numbers, visible_labels
from mpi.service.gates.sent_back import ADDRESSED, ADDRESSEE, REPLY, format_step_key
from mpi.service.gates.sent_back import SENT_BACK as SENT_BACK_ACTION
from mpi.service.notices.visible_steps import find_visible_steps
from mpi.service.resolution.work_log_visibility import is_visible
from mpi.service.stewardship.apply_step import AWAITING
from mpi.storage.repositories.notices.returned_answers import ReturnKey, ReturnKind, ReturnLine
from mpi.storage.repositories.review.task_work import QuestionAction
from mpi.storage.repositories.steps.consents import ConsentStatus
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit

__all__ = ["MAX_UNREAD", "ReturnKey", "ReturnKind", "ReturnedAnswer", "dismiss_all", "dismiss_answers",
           "find_returned_answers", "list_returned_answers", "parse_key"]  # fmt: skip

MAX_UNREAD = 100
"""Most unread answers that are read; one more than is counted out."""
UNREAD_PERIOD = timedelta(days=90)
"""Time after which an unread answer is no longer shown."""
SENT_BACK = "sent_back"
"""Outcome of a step that somebody sent back before it took effect."""
UNDONE = "undone"
"""Outcome of a step that was undone."""
_REFUSALS = frozenset({ConsentStatus.REFUSED.value, UNDONE})
"""Outcomes of a step that its history gives a reason and a note for."""
_KEY_PARTS = 3
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ReturnedAnswer:
    """Answer or mention that others addressed to the viewer.

    The viewer may see all that it is about.

    Args:
        key: its identity, with which it is dismissed.
        at: when (ISO, UTC).
        actor: who answered.
        outcome: ``approved``, ``given``, ``refused``, ``sent_back``, ``undone``, an owner's answer, or the
            name of an action on a question.
        question: key of the question; None for a step that answered none.
        step: the viewer's step that was answered; None for another kind.
        records: the records that it is about.
        reason: reason code of the answer; None if there is none.
        note: free text of the answer; None if there is none.
    """

    key: ReturnKey
    at: str
    actor: str
    outcome: str
    question: str | None
    step: int | None
    records: tuple[RecordRef, ...]
    reason: str | None
    note: str | None


def find_returned_answers(unit: ReadUnit) -> list[ReturnedAnswer]:
    """Return what came back for the viewer and is unread, newest first.

    Left out is what the viewer may not see whole now, and what is older than ``UNREAD_PERIOD``.
    """
    since = clock.format_timestamp(clock.now() - UNREAD_PERIOD)
    reader = unit.viewer.client
    unread = unit.returned_answers.unread(reader, unit.commit_at(since), since, MAX_UNREAD)
    lines = [line for line in unread if line.outcome != REPLY or line.detail.get(ADDRESSEE) == reader]
    if not lines:
        return []
    steps = {line.step for line in lines if line.step is not None}
    records_by_step = find_visible_steps(unit, steps)
    questions = unit.activity_log.questions_of_steps(records_by_step)
    refusals = _find_refusals(unit, lines, questions)
    records_by_key = {line.key: _find_records(unit, line, records_by_step) for line in lines}
    labels = visible_labels(
        unit, {record for records in records_by_key.values() if records for record in records}
    )
    return [
        _build_answer(
            unit.viewer,
            line,
            line.question or questions.get(line.step or 0),
            tuple(labels[record] for record in sorted(records)),
            refusals.get(line.step or 0) if line.outcome in _REFUSALS else None,
        )
        for line in lines
        if (records := records_by_key[line.key]) is not None and records <= labels.keys()
    ]


def list_returned_answers(index: Index, viewer: Viewer) -> list[ReturnedAnswer]:
    """Return the viewer's unread answers and write them to the ledger.

    Raises:
        StoreError: the ledger cannot be written; the answers must not leave.
    """
    with index.database.read(viewer) as unit:
        answers = find_returned_answers(unit)
        labels = {label for answer in answers for label in answer.records}
        numbers = find_shown_record_numbers(unit, labels)
    if numbers:
        disclose(index, viewer, Action.TASK_READ, numbers, ("source", "local_id", "reason"))
    return answers


def dismiss_answers(index: Index, viewer: Viewer, keys: Collection[ReturnKey]) -> None:
    """Mark answers to the viewer as read.

    A repeat changes nothing. A key of something that did not come back for the viewer is not stored.
    """
    with index.database.write(viewer, "notice", Lock.NONE) as unit:
        unread = {answer.key for answer in find_returned_answers(unit)}
        now = clock.format_timestamp(clock.now())
        unit.notice_marks.mark_read(viewer.client, sorted(unread & set(keys), key=str), now)


def dismiss_all(index: Index, viewer: Viewer) -> None:
    """Mark everything that came back for the viewer as read."""
    with index.database.write(viewer, "notice", Lock.NONE) as unit:
        keys = [answer.key for answer in find_returned_answers(unit)]
        unit.notice_marks.mark_read(viewer.client, keys, clock.format_timestamp(clock.now()))


def parse_key(text: str) -> ReturnKey:
    """Return the key that a form sends as ``KIND:NUMBER:PART``.

    Raises:
        InputError: the text is no such key.
    """
    kind, *numbers = text.split(":")
    is_number = all(part.isascii() and part.isdecimal() and len(part) <= _MAX_DIGITS for part in numbers)
    if kind not in set(ReturnKind) or len(numbers) != _KEY_PARTS - 1 or not is_number:
        raise InputError("item: choose an item of the list")
    return ReturnKey(ReturnKind(kind), *map(int, numbers))


def _find_records(
    unit: ReadUnit, line: ReturnLine, records_by_step: Mapping[int, frozenset[int]]
) -> frozenset[int] | None:
    """Return the records that a line is about.

    The result is None if the line is hidden from the viewer.
    """
    match line.key.kind:
        case ReturnKind.OWNER_ANSWER:
            return frozenset({line.key.part})
        case ReturnKind.ESCALATION | ReturnKind.MENTION:
            return frozenset(line.detail.get("records", ())) if is_visible(unit, line.detail) else None
        case _:
            return records_by_step.get(line.step or 0)


def _find_refusals(
    unit: ReadUnit, lines: Sequence[ReturnLine], questions: Mapping[int, str]
) -> dict[int, QuestionAction]:
    """Return the action that tells why a step was refused, by step.

    It is in the history of the step's question, or in one of its own.
    """
    steps = {line.step for line in lines if line.step is not None and line.outcome in _REFUSALS}
    refusals = {}
    for step in steps:
        keys = {questions.get(step), format_step_key(step)} - {None}
        for action in (action for key in keys for action in unit.task_work.actions_on(str(key))):
            if action.action == SENT_BACK_ACTION and action.detail.get("sent_back") == step:
                refusals[step] = action
    return refusals


def _build_answer(
    viewer: Viewer,
    line: ReturnLine,
    question: str | None,
    records: tuple[RecordRef, ...],
    refusal: QuestionAction | None,
) -> ReturnedAnswer:
    """Build the view of a line that the viewer may see.

    The note to an answer may name hidden records, and is not for a viewer of some sources. A note that
    mentions the viewer is, and so is that of an owner, who has seen the one record only, and a note that was
    written for the viewer.
    """
    was_waiting = line.key.kind is ReturnKind.UNDONE and line.detail.get(AWAITING) is True
    is_for_viewer = line.outcome in ADDRESSED or line.key.kind is not ReturnKind.ESCALATION
    is_note_hidden = viewer.sources is not None and not is_for_viewer
    reason = None if refusal is None else refusal.detail.get("reason")
    return ReturnedAnswer(
        key=line.key,
        at=line.at,
        actor=line.actor,
        outcome=SENT_BACK
        if was_waiting or (refusal is not None and line.outcome == UNDONE)
        else line.outcome,
        question=question,
        step=line.step,
        records=records,
        reason=line.reason or reason,
        note=None if is_note_hidden else line.note or (None if refusal is None else refusal.note),
    )
