"""Full view of one review question: records, pairs and history."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import orjson

from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_shown_record_numbers, visible_labels
from mpi.service.resolution.review_tasks import APPROVAL, CLAIM, CONFLICT, OVERLAY_TASK, RECHECK
from mpi.service.review.open_questions import (
    OpenQuestion,
    QuestionSummary,
    is_burst_key,
    require_question,
    summarize_closed_question,
    summarize_questions,
)
from mpi.service.review.question_etags import compute_burst_etag, compute_question_etag
from mpi.service.review.question_history import ActionView, load_history
from mpi.service.review.queue_search import Filters, find_burst, list_single_questions, summarize_burst
from mpi.service.review.record_cards import RecordCard, build_cards, build_pending_cards
from mpi.service.review.visible_weights import load_visible_weights
from mpi.service.stewardship.overlays import REFUSE, RELEASE
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


def choose_layout(question: OpenQuestion) -> str:
    """Return a review question's layout: star, grid or decision.

    A star is one record with its candidates; a grid is several similar records.
    """
    if question.main_task.kind in RESPONSES_BY_KIND:
        return DECISION
    if question.subject is not None or len(question.tasks) == 1:
        return STAR
    return GRID


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
        cards=build_cards(unit, index, question.records) + build_pending_cards(unit, question),
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
