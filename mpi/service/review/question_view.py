"""Full view of one review question: records, pairs, history and ETag."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mpi.domain.errors import NotFoundError, StaleError
from mpi.domain.record import CanonicalRecord
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.confidential_addresses import (
    WITHHELD_FIELDS,
    are_record_whereabouts_withheld,
    has_confidential_address,
)
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.minimization import keep_carried_fields
from mpi.service.core.visibility import find_shown_record_numbers, visible_labels
from mpi.service.gates.sent_back import ADDRESSED, ADDRESSEE
from mpi.service.persons.etags import compute_etag
from mpi.service.resolution.review_tasks import APPROVAL, CLAIM, CONFLICT, OVERLAY_TASK, RECHECK
from mpi.service.resolution.work_log_visibility import DOUBTS, is_visible
from mpi.service.review.households import find_household_members
from mpi.service.review.open_questions import (
    OpenQuestion,
    QuestionSummary,
    is_burst_key,
    load_questions,
    summarize_closed_question,
    summarize_questions,
)
from mpi.service.review.queue_search import Filters, find_burst, list_single_questions, summarize_burst
from mpi.service.review.visible_weights import load_visible_weights
from mpi.service.statements.overlay_detection import find_pending_overlays
from mpi.service.stewardship.overlays import REFUSE, RELEASE
from mpi.standardize.serialization import record_from_bytes, to_canonical_fields
from mpi.storage.repositories.review.task_queue import Burst
from mpi.storage.repositories.review.task_work import QuestionAction
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.units import ReadUnit

STAR, GRID, DECISION, BURST = "star", "grid", "decision", "burst"
"""Layouts of a question: one record with candidates, similar records, a decision, or a burst."""
CONFIRM, REVOKE, APPROVE = "confirm", "revoke", "approve"
"""Responses to a question about a decision."""
RESPONSES_BY_KIND: Mapping[str, tuple[str, ...]] = {
    CONFLICT: (REVOKE,),
    RECHECK: (CONFIRM, REVOKE),
    CLAIM: (CONFIRM, REVOKE),
    APPROVAL: (APPROVE, REVOKE),
    OVERLAY_TASK: (RELEASE, REFUSE),
}
"""Possible responses to a question that is not about pairs, by kind."""
MAX_BURST_CARDS = 10
"""Most questions of a burst whose records are shown."""
_HIDDEN_FIELDS = frozenset({"flags", "restrictions", "local_id", "as_of"})
"""Record fields that are not shown on a question.

Flags are not evidence (law 8), and a steward does not need them to decide.
"""


@dataclass(frozen=True, slots=True)
class RecordCard:
    """One record of a review question, with its values and household.

    Args:
        label: source and local ID of the record.
        as_of: when the record was true at its source.
        values: values by canonical field name; empty for a withdrawn record.
        enterprise_id: enterprise ID of the person that holds the record; None if it has none.
        household: records of the same source that share its household.
        withheld: names of fields that have a value but are hidden, because an address is confidential.
    """

    label: RecordRef
    as_of: str
    values: Mapping[str, object]
    enterprise_id: str | None
    household: tuple[RecordRef, ...]
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairView:
    """One candidate pair of records in a review question.

    Args:
        left: the first record.
        right: the second record.
        match_weight: match weight of the pair, in bits, without contact details withheld from the viewer.
        verdict: the last verdict, if it left the pair open: ``unsure`` or ``ask``.
    """

    left: RecordRef
    right: RecordRef
    match_weight: float
    verdict: str | None


@dataclass(frozen=True, slots=True)
class ActionView:
    """One line of a review question's history.

    Args:
        at: when (ISO, UTC).
        actor: account or client that acted.
        action: ``claim``, ``release``, ``defer``, ``assign``, ``escalate``, ``answer``, ``undo``, ``ask``,
            ``answered`` (by a source owner), ``sent-back`` (by an approver or owner), ``reply``,
            ``escalation-answered``, ``closed`` or ``reopened``.
        detail: codes and days.
        note: free text; a viewer of some sources sees only notes by themselves or for them.
        step: number of the step that the act made, which undo takes.
    """

    at: str
    actor: str
    action: str
    detail: Mapping[str, Any]
    note: str | None
    step: int | None


@dataclass(frozen=True, slots=True)
class QuestionView:
    """Clerical-review question as a steward works on it.

    Args:
        summary: the question as the queue lists it.
        shape: ``star`` (one record with its candidates), ``grid`` (several similar records), ``decision``
            (does a decision hold, or may a version become active) or ``burst`` (stands for many questions).
        cards: its records, the subject first; for a burst the first few; for an overlay the active version
            and then the waiting one.
        pairs: candidate pairs, heaviest first.
        history: acts on the question, oldest first.
        etag: ETag of what was read, for ``If-Match``.
        responses: possible responses: ``confirm``, ``revoke``, ``approve``, ``release`` or ``refuse``; empty
            for a question that is answered pair by pair.
        decisions: numbers of the decisions in question; for a conflict, the whole chain.
    """

    summary: QuestionSummary
    shape: str
    cards: tuple[RecordCard, ...]
    pairs: tuple[PairView, ...]
    history: tuple[ActionView, ...]
    etag: str
    responses: tuple[str, ...] = ()
    decisions: tuple[int, ...] = ()


def load_question_view(index: Index, viewer: Viewer, key: str) -> QuestionView:
    """Load one review question, as far as the viewer may see it.

    Args:
        index: the open index.
        viewer: who asks.
        key: key of the question or of one of its tasks.

    Raises:
        NotFoundError: there is no such question for this viewer.
        AccessDenied: the viewer may not read tasks, or may not read records.
    """
    require_permission(viewer, Action.TASK_READ)
    require_permission(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        view = _build_view(unit, index, key)
        record_ids = find_shown_record_numbers(unit, _list_view_records(view))
    disclose(index, viewer, Action.TASK_READ, record_ids, _list_field_names(view))
    return view


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


def compute_question_etag(unit: ReadUnit, index: Index, question: OpenQuestion) -> str:
    """Return the ETag of a review question as the viewer sees it.

    The ETag changes with the question's evidence, records, persons and owner answers.
    """
    persons = unit.persons.by_ids(unit.persons.current_persons(question.records).values())
    stored = unit.records.get(question.records)
    answers = [
        [owner_question.id, owner_question.answer]
        for owner_question in unit.owner_questions.all_of_questions([question.key])
        if owner_question.record_id in stored and owner_question.answer is not None
    ]
    question_state = [
        sorted([task.key, task.kind, round(task.bits * 1e6), task.quiet_until] for task in question.tasks),
        sorted([record.id, record.state] for record in stored.values()),
        compute_etag(unit, index, persons.values()),
        answers,
        sorted(
            [record, sorted(versions)]
            for record, versions in find_pending_overlays(unit, question.records).items()
        ),
    ]
    return index.keyed_hash.to_token("question", orjson.dumps([question.key, *question_state]).decode())


def require_unchanged(
    unit: ReadUnit, index: Index, question: OpenQuestion, expected_etags: Collection[str] | None
) -> None:
    """Refuse an act on a question that changed since its reading.

    Raises:
        StaleError: the question's ETag is not among the expected ones.
    """
    if (
        expected_etags is not None
        and "*" not in expected_etags
        and compute_question_etag(unit, index, question) not in expected_etags
    ):
        raise StaleError("the question has changed since you read it: look again, then answer")


def choose_layout(question: OpenQuestion) -> str:
    """Return a review question's layout: star, grid or decision.

    A star is one record with its candidates; a grid is several similar records.
    """
    if question.main_task.kind in RESPONSES_BY_KIND:
        return DECISION
    if question.subject is not None or len(question.tasks) == 1:
        return STAR
    return GRID


def build_cards(
    unit: ReadUnit, index: Index, record_ids: Sequence[int], action: Action = Action.TASK_READ
) -> tuple[RecordCard, ...]:
    """Build displays of the records that the viewer may see.

    Args:
        unit: the transaction.
        index: the open index.
        record_ids: numbers of the records, in the order of the cards.
        action: kind of request, by which the policy decides which fields the cards carry.
    """
    labels = visible_labels(unit, record_ids)
    stored = unit.records.get(labels)
    payloads = unit.record_versions.payloads(labels)
    canonical_by_id = {record_id: record_from_bytes(payload) for record_id, (_, payload) in payloads.items()}
    person_by_id = unit.persons.current_persons(labels)
    persons = unit.persons.by_ids(person_by_id.values())
    household_by_id = find_household_members(unit, index, labels)
    household_refs = visible_labels(
        unit, {member for members in household_by_id.values() for member in members}
    )
    confidential = has_confidential_address(unit, labels)
    built_cards = []
    for record_id in record_ids:
        if record_id in labels:
            canonical_record = canonical_by_id.get(record_id)
            values, withheld = (
                ({}, ())
                if canonical_record is None
                else _split_values(
                    unit.viewer, labels[record_id].source, canonical_record, action, confidential=confidential
                )
            )
            built_cards.append(
                RecordCard(
                    label=labels[record_id],
                    as_of=stored[record_id].last_seen
                    if canonical_record is None
                    else (canonical_record.as_of or ""),
                    values=values,
                    enterprise_id=persons[person_by_id[record_id]].eid if record_id in person_by_id else None,
                    household=tuple(
                        household_refs[member]
                        for member in household_by_id.get(record_id, ())
                        if member in household_refs
                    ),
                    withheld=withheld,
                )
            )
    return tuple(built_cards)


def _split_values(
    viewer: Viewer, source: str, record: CanonicalRecord, action: Action, *, confidential: bool
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the visible values of a record, and the withheld field names."""
    values: dict[str, object] = keep_carried_fields(
        viewer,
        action,
        source,
        {name: value for name, value in to_canonical_fields(record).items() if name not in _HIDDEN_FIELDS},
    )
    withheld = tuple(sorted(WITHHELD_FIELDS)) if confidential else ()
    return {name: value for name, value in values.items() if name not in withheld}, withheld


def _build_pending_cards(unit: ReadUnit, question: OpenQuestion) -> tuple[RecordCard, ...]:
    """Build displays of waiting versions, which may show another child."""
    if question.main_task.kind != OVERLAY_TASK:
        return ()
    labels = visible_labels(unit, question.records)
    pending_cards = []
    for record_id, pending_ids in find_pending_overlays(unit, labels).items():
        versions = {version.id: version for version in unit.record_versions.versions(record_id)}
        latest = versions[max(pending_ids)]
        pending_record = record_from_bytes(latest.payload)
        active_versions = [version for version in versions.values() if version.state == "active"]
        compared_records = [
            pending_record,
            *(record_from_bytes(version.payload) for version in active_versions),
        ]
        confidential = any(
            are_record_whereabouts_withheld(compared) for compared in compared_records
        ) or has_confidential_address(unit, labels)
        values, withheld = _split_values(
            unit.viewer,
            labels[record_id].source,
            pending_record,
            Action.TASK_READ,
            confidential=confidential,
        )
        pending_cards.append(
            RecordCard(
                label=labels[record_id],
                as_of=latest.as_of,
                values=values,
                enterprise_id=None,
                household=(),
                withheld=withheld,
            )
        )
    return tuple(pending_cards)


def load_history(unit: ReadUnit, key: str) -> tuple[ActionView, ...]:
    """Load the part of a question's history that the viewer may see."""
    acts = unit.task_work.actions_on(key)
    labels = visible_labels(unit, {record for act in acts for record in _list_action_records(act)})
    return tuple(_build_action(unit, act, labels) for act in acts if _is_visible_action(unit, act))


def _list_view_records(view: QuestionView) -> tuple[RecordRef, ...]:
    """Return every record that a question's view names, once each."""
    records = [*view.summary.records, *(card.label for card in view.cards)]
    records += [member for card in view.cards for member in card.household]
    records += [record for pair in view.pairs for record in (pair.left, pair.right)]
    records += [label for act in view.history for label in _iterate_action_records(act)]
    return tuple(dict.fromkeys(records))


def _iterate_action_records(act: ActionView) -> Iterator[RecordRef]:
    """Yield the records that one line of a question's history names."""
    for verdict in act.detail.get("verdicts", ()):
        yield from (verdict["left"], verdict["right"])
    if "record" in act.detail:
        yield act.detail["record"]


def _list_field_names(view: QuestionView) -> tuple[str, ...]:
    """Return the names of the record fields that a question's view discloses."""
    stated = {name for card in view.cards for name in card.values}
    persons = ("enterprise_id",) if any(card.enterprise_id for card in view.cards) else ()
    homes = ("household",) if any(card.household for card in view.cards) else ()
    return ("source", "local_id", "match_weight", *persons, *homes, *sorted(stated))


def _build_view(unit: ReadUnit, index: Index, key: str) -> QuestionView:
    """Build the view of a question, burst or closed question."""
    if is_burst_key(key):
        return _build_burst_view(unit, index, key)
    try:
        question = require_question(unit, key)
    except NotFoundError:
        return _build_closed_view(unit, index, key)
    [summary] = summarize_questions(unit, index, [question])
    weights = load_visible_weights(unit, index, question.tasks)
    labels = visible_labels(unit, question.records)
    asked_records = {
        owner_question.record_id
        for owner_question in unit.owner_questions.all_of_questions([question.key])
        if owner_question.state == "open"
    }
    decisions = {number for task in question.asked_tasks for number in question.decisions.get(task.key, ())}
    return QuestionView(
        summary=summary,
        shape=choose_layout(question),
        cards=build_cards(unit, index, question.records) + _build_pending_cards(unit, question),
        pairs=tuple(
            _build_pair(task, question, labels, asked_records, weights[task.key])
            for task in question.tasks
            if task.kind not in RESPONSES_BY_KIND
        ),
        history=load_history(unit, question.key),
        etag=compute_question_etag(unit, index, question),
        responses=RESPONSES_BY_KIND.get(question.main_task.kind, ()),
        decisions=tuple(sorted(decisions)),
    )


def _build_pair(
    task: Task,
    question: OpenQuestion,
    labels: Mapping[int, RecordRef],
    asked_records: Collection[int],
    weight: float,
) -> PairView:
    """Build the view of one candidate pair in a review question."""
    verdict = None if task in question.asked_tasks else "unsure"
    if verdict is None and {task.lo, task.hi} & set(asked_records):
        verdict = "ask"
    return PairView(labels[task.lo], labels[task.hi], weight, verdict)


def _build_burst_view(unit: ReadUnit, index: Index, key: str) -> QuestionView:
    """Build the view of a burst, with its first questions."""
    burst = find_burst(unit, key)
    if burst is None:
        raise NotFoundError("there is no such question, or it is closed")
    questions = list_single_questions(unit, Filters(state=None, burst=key), MAX_BURST_CARDS)
    records = list(dict.fromkeys(record for question in questions for record in question.records))
    labels = visible_labels(unit, records)
    summary = summarize_burst(unit, burst, unit.task_work.get([key]).get(key))
    weights = load_visible_weights(
        unit, index, (task for question in questions for task in question.asked_tasks)
    )
    pairs = tuple(
        _build_pair(task, question, labels, (), weights[task.key])
        for question in questions
        for task in question.asked_tasks
    )
    return QuestionView(
        summary=summary,
        shape=BURST,
        cards=build_cards(unit, index, records),
        pairs=pairs,
        history=load_history(unit, key),
        etag=compute_burst_etag(index, burst),
    )


def compute_burst_etag(index: Index, burst: Burst) -> str:
    """Return a burst's ETag, which changes with its number of questions."""
    return index.keyed_hash.to_token(
        "burst", f"{burst.batch_id}|{burst.pattern}|{burst.questions}|{burst.weight}"
    )


def _build_closed_view(unit: ReadUnit, index: Index, key: str) -> QuestionView:
    """Build the view of a closed review question."""
    work = unit.task_work.get([key]).get(key)
    summary = None if work is None or work.state != "closed" else summarize_closed_question(unit, work)
    if work is None or summary is None:
        raise NotFoundError("there is no such question")
    records = [record for record in work.about.get("records", ()) if isinstance(record, int)]
    record_cards = build_cards(unit, index, records)
    closed_etag = index.keyed_hash.to_token("question", orjson.dumps([key, work.closed_at]).decode())
    return QuestionView(
        summary=summary,
        shape=STAR,
        cards=record_cards,
        pairs=(),
        history=load_history(unit, key),
        etag=closed_etag,
    )


def _is_visible_action(unit: ReadUnit, act: QuestionAction) -> bool:
    """Return whether the viewer may see a line of a question's history.

    A viewer sees a line if every record and decision of the act is visible, or if the line is the viewer's
    own and names no records.
    """
    is_own = act.actor == unit.viewer.client and not act.detail.get("records")
    return is_own or is_visible(unit, act.detail)


def _list_action_records(act: QuestionAction) -> list[int]:
    """Return the record numbers that a stored line of history names."""
    record_ids = act.detail.get("records", [])
    return [record for record in record_ids if isinstance(record, int)]


def _build_action(unit: ReadUnit, act: QuestionAction, labels: Mapping[int, RecordRef]) -> ActionView:
    """Build the view of one line of a review question's history."""
    # A note by somebody else may mention hidden records; an owner has seen only the one record.
    is_note_visible = (
        unit.viewer.sources is None
        or act.actor == unit.viewer.client
        or act.action == "answered"
        or (act.action in ADDRESSED and act.detail.get(ADDRESSEE) == unit.viewer.client)
    )
    detail: dict[str, object] = {
        name: value for name, value in act.detail.items() if name not in _INTERNAL_KEYS
    }
    if "verdicts" in act.detail:
        detail["verdicts"] = [
            {"left": labels[lo], "right": labels[hi], "kind": kind} for lo, hi, kind in act.detail["verdicts"]
        ]
    if "record" in act.detail:
        detail["record"] = labels[act.detail["record"]]
    return ActionView(
        at=act.at,
        actor=act.actor,
        action=act.action,
        detail=detail,
        note=act.note if is_note_visible else None,
        step=act.step,
    )


_INTERNAL_KEYS = frozenset(
    {"records", "decisions", DOUBTS, "verdicts", "record", "claims", "asked", "rest", "bulk", "before"}
)
"""Keys of a history line's detail that are not shown.

They hold record or decision numbers, or what a bulk act can be undone with.
"""
