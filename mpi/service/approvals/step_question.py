"""Question of a waiting step, for an approver or source owner.

It has the same cards and evidence as the page of the question that the step answered, as far as the viewer
may see the records. An owner who may not see all of the step gets the cards of the own records alone.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations, product

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_shown_record_numbers, visible_labels
from mpi.service.review.open_questions import QuestionSummary
from mpi.service.review.question_history import ActionView, load_history
from mpi.service.review.question_view import STAR, PairView, QuestionView
from mpi.service.review.record_cards import RecordCard, build_cards
from mpi.service.stewardship.pending_steps import REDACTED_KIND, PendingDecision, PendingStep
from mpi.storage.repositories.review.task_work import WAITING
from mpi.storage.unit_of_work.units import ReadUnit

MAX_RECORDS = 20
"""Most records of a step whose values are shown."""
MAX_PAIRS = 6
"""Most pairs of a step whose evidence is shown."""

_RecordPair = tuple[RecordRef, RecordRef]


def load_step_question(index: Index, viewer: Viewer, step: PendingStep) -> QuestionView:
    """Load a waiting step's question, within what the viewer may see.

    Args:
        index: the open index.
        viewer: an approver, or an owner of a source that was asked.
        step: the step, as the viewer was shown it.

    Raises:
        AccessDenied: the viewer may neither read decisions nor consent, or may not read records.
    """
    reads_decisions = is_allowed(viewer, Action.DECISION_READ)
    if not reads_decisions:
        require_permission(viewer, Action.CONSENT)
    require_permission(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        numbers = sorted(find_shown_record_numbers(unit, step.records))[:MAX_RECORDS]
        # An owner who may read no task reads the own records as records.
        reads_tasks = is_allowed(viewer, Action.TASK_READ)
        cards = build_cards(unit, index, numbers, Action.TASK_READ if reads_tasks else Action.RECORD_READ)
        key, history = _read_question(unit, step)
        view = QuestionView(
            summary=_summarize(step, key),
            shape=STAR,
            cards=_order_cards(step, cards),
            pairs=_list_pairs(step, cards),
            history=history,
            etag="",
            decisions=tuple(each.id for each in step.decisions) if reads_decisions else (),
        )
        labels = visible_labels(unit, numbers)
    fields = {name for card in cards for name in card.values}
    action = Action.DECISION_READ if reads_decisions else Action.CONSENT
    disclose(index, viewer, action, labels.keys(), ("source", "local_id", *sorted(fields)))
    return view


def _read_question(unit: ReadUnit, step: PendingStep) -> tuple[str, tuple[ActionView, ...]]:
    """Return the key and history of the question that a step answered.

    Both are empty if the viewer may not know the question.
    """
    if step.kind == REDACTED_KIND or not is_allowed(unit.viewer, Action.TASK_READ):
        return "", ()
    acts = unit.task_work.actions_of_step(step.step, step.at[: len("2026-01-01")])
    key = next((act.question for act in acts), "")
    return key, load_history(unit, key) if key else ()


def _summarize(step: PendingStep, key: str) -> QuestionSummary:
    """Return the summary of a waiting step's question."""
    return QuestionSummary(
        key=key,
        kind="approval",
        reason="",
        subject=None,
        records=step.records,
        match_weight=0.0,
        state=WAITING,
        claimed_by=None,
        lease_until=None,
        assigned_to=None,
        due_on=None,
        opened_at=step.at,
    )


def _order_cards(step: PendingStep, cards: Sequence[RecordCard]) -> tuple[RecordCard, ...]:
    """Return cards with the records of the step's decisions first.

    The cards of those records are ordered by group.
    """
    named = [label for decision in step.decisions for group in decision.groups for label in group]
    position = {label: place for place, label in enumerate(dict.fromkeys(named))}
    return tuple(sorted(cards, key=lambda card: position.get(card.label, len(position))))


def _list_pairs(step: PendingStep, cards: Sequence[RecordCard]) -> tuple[PairView, ...]:
    """Return the pairs of records that a step joins or keeps apart."""
    child_of = {card.label: card.enterprise_id for card in cards}
    pairs = dict.fromkeys(
        pair
        for decision in step.decisions
        for pair in _pair_records(decision)
        if set(pair) <= child_of.keys()
    )
    between_children = [(left, right) for left, right in pairs if _are_two(child_of, (left, right))]
    shown = (between_children or list(pairs))[:MAX_PAIRS]
    return tuple(PairView(left, right, 0.0, None) for left, right in shown)


def _pair_records(decision: PendingDecision) -> list[_RecordPair]:
    """Return the pairs of records that a decision is about."""
    if decision.kind is DecisionKind.DIFFERENT:
        return [pair for left, right in combinations(decision.groups, 2) for pair in product(left, right)]
    return [pair for group in decision.groups for pair in combinations(group, 2)]


def _are_two(child_of: Mapping[RecordRef, str | None], pair: _RecordPair) -> bool:
    """Return whether two records belong to two children now."""
    left, right = (child_of[label] for label in pair)
    return left is None or left != right
