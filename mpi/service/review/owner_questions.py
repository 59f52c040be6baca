"""Questions to the owner of a source about one of its records.

The owner sees that one record and a question from a fixed list; never another record, another source, who
asks, or the steward's note. The answer goes into the history of the steward's question, which reopens.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.confidential_addresses import WITHHELD_FIELDS, find_withheld_records
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import check_note
from mpi.service.core.visibility import find_record_numbers
from mpi.service.resolution.work_log_visibility import select_doubts
from mpi.service.review.due_dates import parse_future_day
from mpi.service.review.open_questions import is_burst_key
from mpi.service.review.queue_search import Filters, list_single_questions
from mpi.service.review.work_state import load_target, record_action, save_work
from mpi.standardize.serialization import record_from_bytes, to_canonical_fields
from mpi.storage.repositories.review.owner_questions import ANSWERED, OPEN, StoredOwnerQuestion
from mpi.storage.repositories.review.task_work import OPEN as AWAKE
from mpi.storage.repositories.review.task_work import WAITING, QuestionWork
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

CONFIRM_RECORD = "confirm-record"
"""Code of the request to confirm the identifying fields of a record."""
FIELDS_BY_REQUEST_KIND: Mapping[str, tuple[str, ...]] = {
    CONFIRM_RECORD: ("first_name", "middle_name", "last_name", "birth_date", "sex"),
    "confirm-birth-date": ("first_name", "last_name", "birth_date", "birth_date_quality"),
    "confirm-name": ("first_name", "middle_name", "last_name", "suffix", "preferred_name", "other_names"),
    "confirm-ssn": ("first_name", "last_name", "birth_date"),
    "confirm-address": ("first_name", "last_name", "birth_date", "addresses"),
    "confirm-guardian": ("first_name", "last_name", "birth_date", "guardians"),
    "one-child": ("first_name", "last_name", "birth_date", "multiple_birth"),
    "another-child": ("first_name", "last_name", "birth_date", "previous_birth_dates", "other_names"),
}
"""Record fields that the owner is shown, by code of the request."""
OWNER_ANSWERS = ("right", "wrong", "two-children", "cannot-say")
"""Codes of the owner's answers.

The record is right; it is wrong and will be corrected; it holds two children; the owner cannot say.
"""
DAYS_TO_ANSWER = 14
"""Default number of days that an owner has to answer."""
MAX_BURST_RECORDS = 200
"""Most questions of a burst whose records one request covers."""


@dataclass(frozen=True, slots=True)
class OwnerQuestion:
    """Steward's question about one record, as the source owner sees it.

    Args:
        number: number of the question.
        record: the record.
        asks: code of the request, a key of ``FIELDS_BY_REQUEST_KIND``.
        values: current values of the record's fields for this request; empty for a withdrawn record.
        asked_at: when the question was asked (ISO, UTC).
        due_on: the day by which an answer is due.
        overdue: whether that day has passed.
        state: ``open`` or ``answered``.
        answers: codes of the possible answers.
        answer: code of the answer that was given.
        note: the owner's own note.
        alike: number of open questions of this kind that were asked of the source at once, this one included.
    """

    number: int
    record: RecordRef
    asks: str
    values: Mapping[str, object]
    asked_at: str
    due_on: str
    overdue: bool
    state: str
    answers: tuple[str, ...]
    answer: str | None
    note: str | None
    alike: int


def ask_owner(
    index: Index,
    viewer: Viewer,
    key: str,
    record: RecordRef | None,
    asks: str,
    due_on: str | None = None,
    note: str | None = None,
) -> tuple[int, ...]:
    """Ask a record's source owner, and suspend the steward's review question.

    The steward's question waits until all owners have answered, at most until the due date.

    Args:
        index: the open index.
        viewer: the steward.
        key: key of the question or burst.
        record: one record of the question. None to ask about each record, each of its own owner, who learns
            nothing of the others; for a burst, about each record that the load brought.
        asks: code of the request, a key of ``FIELDS_BY_REQUEST_KIND``.
        due_on: the day by which an answer is due; ``DAYS_TO_ANSWER`` days from now if None.
        note: free text for the question's history, hidden from the owner.

    Returns:
        Numbers of the questions to the owners.

    Raises:
        InputError: the request code does not exist, the day is invalid, or the record is not in the question.
        NotFoundError: there is no such open question or record for this viewer.
        ConflictError: the same was asked already.
        ClaimedError: somebody else has claimed the question.
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)
    if asks not in FIELDS_BY_REQUEST_KIND:
        raise InputError(f"asks: one of {', '.join(FIELDS_BY_REQUEST_KIND)}")
    due_day = _choose_due_date(due_on)
    clean_note = check_note(note)
    with index.database.write(viewer, "task") as unit:
        target = load_target(unit, key)
        if is_burst_key(target.key):
            records = _list_feed_records(unit, target.key)
        elif record is None:
            records = _select_unasked_records(unit, target.key, target.records, asks)
        else:
            records = [_find_record_number(unit, target.records, record)]
        waiting_work = replace(
            target.work, state=WAITING, asleep_until=due_day, claimed_by=None, lease_until=None,
            about=target.snapshot, closed_at=None, closed_because=None,
        )  # fmt: skip
        detail = {"asks": asks, "due_on": due_day} | ({} if record is None else {"record": records[0]})
        save_work(unit, waiting_work, action="ask", records=target.records, note=clean_note, detail=detail)
        now = clock.format_timestamp(clock.now())
        numbers = tuple(
            add_owner_question(unit, target.key, record_id, asks, due_day, now) for record_id in records
        )
    disclose(index, viewer, Action.TASK_WORK, records, ("source", "local_id"))
    return numbers


def list_owner_questions(
    index: Index, viewer: Viewer, *, answered: bool = False
) -> tuple[OwnerQuestion, ...]:
    """List questions to the owner of the viewer's sources, by due date.

    Args:
        index: the open index.
        viewer: the owner.
        answered: list the answered questions instead of the open ones.

    Raises:
        AccessDenied: the viewer may not answer for a source.
    """
    require_permission(viewer, Action.QUESTION_ANSWER)
    with index.database.read(viewer) as unit:
        sources = [source.id for source in unit.sources.all() if viewer.may_see(source.code)]
        stored_questions = unit.owner_questions.all_of_sources(sources, ANSWERED if answered else OPEN)
        views = _build_views(unit, stored_questions)
        record_ids = {question.record_id for question in stored_questions}
    fields = {name for view in views for name in view.values}
    disclose(index, viewer, Action.QUESTION_ANSWER, record_ids, ("source", "local_id", *sorted(fields)))
    return views


def answer_owner_question(
    index: Index, viewer: Viewer, number: int, answer: str, note: str | None = None, *, alike: bool = False
) -> tuple[int, ...]:
    """Store a source owner's answer, and reopen the steward's review question.

    Args:
        index: the open index.
        viewer: the owner.
        number: number of the question to the owner.
        answer: one of ``OWNER_ANSWERS``.
        note: free text for the steward who asked.
        alike: give the same answer to all questions of the burst that were asked at once.

    Returns:
        Numbers of the questions that were answered.

    Raises:
        InputError: the answer code does not exist.
        NotFoundError: there is no such question about a record of the viewer's sources.
        ConflictError: the question was answered before, or is withdrawn.
        AccessDenied: the viewer may not answer for a source.
    """
    require_permission(viewer, Action.QUESTION_ANSWER)
    if answer not in OWNER_ANSWERS:
        raise InputError(f"answer: one of {', '.join(OWNER_ANSWERS)}")
    clean_note = check_note(note)
    with index.database.write(viewer, "task") as unit:
        question = unit.owner_questions.get(number)
        if question is None or not _can_viewer_answer(unit, question):
            raise NotFoundError(f"there is no question {number}")
        if question.state != OPEN:
            raise ConflictError(f"question {number} was answered before, or was withdrawn")
        answered_questions = [question, *(_find_similar_questions(unit, question) if alike else ())]
        now = clock.format_timestamp(clock.now())
        for each_question in answered_questions:
            unit.owner_questions.answer(each_question.id, answer, viewer.client, now, clean_note)
        records = [each_question.record_id for each_question in answered_questions]
        detail = {"asks": question.asks, "answer": answer, "record": question.record_id}
        work = unit.task_work.get([question.question]).get(question.question)
        doubts = {} if work is None else select_doubts(work.about)
        record_action(unit, question.question, "answered", records, doubts, None, clean_note, **detail)
        _reopen_question(unit, question.question, question.asked_by)
    disclose(index, viewer, Action.QUESTION_ANSWER, records, ("source", "local_id"))
    return tuple(each_question.id for each_question in answered_questions)


def add_owner_question(
    unit: WriteUnit, key: str, record_id: int, asks: str, due_on: str | None = None, at: str | None = None
) -> int:
    """Store a steward's question to the source owner of a record.

    Args:
        unit: the transaction.
        key: key of the steward's question.
        record_id: number of the record.
        asks: code of the request.
        due_on: the day by which an answer is due; ``DAYS_TO_ANSWER`` days from now if None.
        at: when the question was asked (ISO, UTC); now if None.

    Returns:
        Number of the question to the owner.

    Raises:
        ConflictError: the same was asked already.
    """
    existing_questions = unit.owner_questions.all_of_questions([key])
    if any(
        question.state == OPEN and (question.record_id, question.asks) == (record_id, asks)
        for question in existing_questions
    ):
        raise ConflictError("the owner of this record was asked already: wait for the answer")
    number = unit.counters.take("owner_question")
    source_id = unit.records.get([record_id])[record_id].source_id
    day, moment = due_on or _choose_due_date(None), at or clock.format_timestamp(clock.now())
    unit.owner_questions.add(
        StoredOwnerQuestion(
            id=number,
            question=key,
            record_id=record_id,
            source_id=source_id,
            asks=asks,
            asked_by=unit.viewer.client,
            asked_at=moment,
            due_on=day,
        )
    )
    return number


def withdraw_owner_questions(unit: WriteUnit, numbers: Collection[int]) -> None:
    """Withdraw questions to source owners that are still unanswered."""
    for number in numbers:
        question = unit.owner_questions.get(number)
        if question is not None and question.state == OPEN:
            unit.owner_questions.withdraw(number)


def _build_views(unit: ReadUnit, questions: list[StoredOwnerQuestion]) -> tuple[OwnerQuestion, ...]:
    """Build the source owner's view of each question asked about a record."""
    labels = unit.records.labels({question.record_id for question in questions})
    payloads = unit.record_versions.payloads(labels)
    today = clock.today()
    withheld_records = find_withheld_records(unit, payloads)
    views = []
    for question in questions:
        label = labels.get(question.record_id)
        if label is None or not unit.viewer.may_see(label.source):
            continue
        field_values = (
            to_canonical_fields(record_from_bytes(payloads[question.record_id][1]))
            if question.record_id in payloads
            else {}
        )
        similar = [candidate for candidate in questions if _is_same_request(candidate, question)]
        views.append(
            OwnerQuestion(
                number=question.id,
                record=label,
                asks=question.asks,
                values={
                    name: field_values[name]
                    for name in FIELDS_BY_REQUEST_KIND.get(question.asks, ())
                    if name in field_values
                    and not (name in WITHHELD_FIELDS and question.record_id in withheld_records)
                },
                asked_at=question.asked_at,
                due_on=question.due_on,
                overdue=question.due_on < today,
                state=question.state,
                answers=OWNER_ANSWERS,
                answer=question.answer,
                note=question.note,
                alike=len(similar),
            )
        )
    return tuple(views)


def _is_same_request(left: StoredOwnerQuestion, right: StoredOwnerQuestion) -> bool:
    """Return whether one request on a burst of questions asked both owners.

    True also for one and the same question to an owner.
    """
    if left.id == right.id:
        return True
    left_request, right_request = (
        (question.question, question.source_id, question.asks, question.asked_at)
        for question in (left, right)
    )
    return is_burst_key(left.question) and left_request == right_request


def _find_similar_questions(unit: ReadUnit, question: StoredOwnerQuestion) -> list[StoredOwnerQuestion]:
    """Return other open owner questions that one request asked with this one."""
    return [
        candidate
        for candidate in unit.owner_questions.all_of_questions([question.question])
        if candidate.id != question.id and candidate.state == OPEN and _is_same_request(candidate, question)
    ]


def _can_viewer_answer(unit: ReadUnit, question: StoredOwnerQuestion) -> bool:
    """Return whether an owner question concerns the viewer's sources."""
    label = unit.records.labels([question.record_id]).get(question.record_id)
    return label is not None and unit.viewer.may_see(label.source)


def _select_unasked_records(unit: ReadUnit, key: str, records: Collection[int], asks: str) -> list[int]:
    """Return the records whose owner was not yet asked the same.

    Raises:
        ConflictError: the same was asked about every record.
    """
    open_questions = (
        question for question in unit.owner_questions.all_of_questions([key]) if question.state == OPEN
    )
    asked_records = {question.record_id for question in open_questions if question.asks == asks}
    unasked_records = [record for record in records if record not in asked_records]
    if not unasked_records:
        raise ConflictError("the owners of all these records were asked already: wait for their answers")
    return unasked_records


def _find_record_number(unit: ReadUnit, records: tuple[int, ...], record: RecordRef) -> int:
    """Return the number of a record; refuse one outside the review question.

    Raises:
        InputError: the record is not in the question.
    """
    [[number]] = find_record_numbers(unit, [[record]])
    if number not in records:
        raise InputError("record: give a record of this question")
    return number


def _list_feed_records(unit: ReadUnit, key: str) -> list[int]:
    """Return the records of a burst's questions that its file load brought.

    The records of the most urgent question come first.
    """
    questions = list_single_questions(unit, Filters(state=None, burst=key), MAX_BURST_RECORDS)
    source = unit.queue.source_of_load(questions[0].main_task.batch_id or 0) if questions else None
    stored = unit.records.get({record for question in questions for record in question.records})
    return [
        record
        for record in dict.fromkeys(record for question in questions for record in question.records)
        if stored[record].source_id == source
    ]


def _reopen_question(unit: WriteUnit, key: str, asker: str) -> None:
    """Reopen a steward's review question once all source owners have answered."""
    work = unit.task_work.get([key]).get(key)
    is_waiting = any(question.state == OPEN for question in unit.owner_questions.all_of_questions([key]))
    if work is None or work.state != WAITING or is_waiting:
        return
    reopened: QuestionWork = replace(
        work, state=AWAKE, asleep_until=None, assigned_to=work.assigned_to or asker
    )
    unit.task_work.save(reopened)


def _choose_due_date(due_on: str | None) -> str:
    """Return an owner question's given due date, or the default."""
    if due_on is not None:
        return parse_future_day(due_on, "due_on")
    return (clock.now() + timedelta(days=DAYS_TO_ANSWER)).date().isoformat()
