"""Evidence that a steward needs to answer a question, from one comparison.

It holds the explanation of each asked pair, why the pair is asked, the records that also match, the other
records of both children, and the verdict on every field of every shown record.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mpi.clustering.partition import ReviewReason
from mpi.domain.record_ref import RecordRef
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_record_numbers, visible_labels
from mpi.service.core.visible_features import VisibleFeatures, load_visible_features
from mpi.service.explanations.pair_evidence import (
    FieldVerdict,
    collect_evidence,
    collect_field_verdicts,
    find_caution,
)
from mpi.service.explanations.pair_explanation import FIELDS, Explanation, explain_compared_pair
from mpi.service.explanations.pair_weights import Pair
from mpi.service.explanations.past_answers import PastAnswer, find_past_answers
from mpi.service.explanations.rivals import RIVAL_REASONS, find_rivals
from mpi.service.persons.child_conditions import require_child_conditions
from mpi.service.review.open_questions import load_questions
from mpi.service.review.question_view import BURST, MAX_BURST_CARDS, QuestionView
from mpi.service.review.queue_search import Filters, list_single_questions
from mpi.service.review.record_cards import RecordCard, build_cards
from mpi.storage.unit_of_work.units import ReadUnit

CAUTION = "caution"
"""Why a pair is asked: a caution of the model."""
UNSAID = "unsaid"
"""Why a pair is asked that a rival holds which the viewer may not see."""
MAX_EXPLAINED = 6
"""Most pairs of a question that are explained."""
MAX_OTHER_RECORDS = 3
"""Most records shown of a child besides those that are asked about."""
_TWO = 2
_MAX_COMPARED = 60
"""Most records of a question that are compared."""


@dataclass(frozen=True, slots=True)
class ChildRecords:
    """One child of a question about two children.

    Args:
        enterprise_id: the child.
        records: its shown records, those that the question asks about first.
        more: number of its other records that the viewer may see.
    """

    enterprise_id: str
    records: tuple[RecordRef, ...]
    more: int


@dataclass(frozen=True, slots=True)
class AskedEvidence:
    """Evidence of one asked pair, and why the index asks.

    Args:
        left: the first record.
        right: the second record.
        explanation: why the model links the pair or not.
        is_enough: whether the evidence would be enough to link automatically, but for the reason.
        reason: code of a ``ReviewReason``, ``caution`` or ``unsaid``; empty for a closed question.
        rivals: records that also match one of the two.
        is_within: whether the rivals are other records of the two children themselves.
        past: the latest answer "cannot tell" about the pair, if it is asked about again.
    """

    left: RecordRef
    right: RecordRef
    explanation: Explanation
    is_enough: bool
    reason: str
    rivals: tuple[RecordRef, ...]
    is_within: bool
    past: PastAnswer | None = None


@dataclass(frozen=True, slots=True)
class QuestionEvidence:
    """Evidence of a question, as its page shows it.

    Args:
        reference: the record with which the others are compared; None where nothing is compared.
        verdicts: verdict on each field of each other record, by record.
        pairs: evidence of the asked pairs, heaviest first.
        children: both children, where the question is about exactly two; otherwise empty.
        other_cards: records shown besides those of the question: of both children, and rivals.
    """

    reference: RecordRef | None
    verdicts: Mapping[RecordRef, Mapping[str, FieldVerdict]]
    pairs: tuple[AskedEvidence, ...]
    children: tuple[ChildRecords, ...]
    other_cards: tuple[RecordCard, ...]


@dataclass(frozen=True, slots=True)
class _Child:
    """Record numbers of one child of a question.

    Args:
        person: number of the person.
        asked: records that the question asks about.
        others: other records that the viewer may see.
    """

    person: int
    asked: tuple[int, ...]
    others: tuple[int, ...]

    @property
    def shown(self) -> tuple[int, ...]:
        """Records that the page shows."""
        return (*self.asked, *self.others[:MAX_OTHER_RECORDS])


def load_question_evidence(index: Index, viewer: Viewer, view: QuestionView) -> QuestionEvidence:
    """Load the evidence of a question that the viewer may know.

    Only records that the viewer may see take part, and only fields that the viewer may compare.

    Args:
        index: the open index.
        viewer: who asks.
        view: the question.

    Raises:
        NotFoundError: the viewer can no longer see a record of the question.
        UnmetConditionError: a condition of the viewer's policy does not hold for one of them.
        AccessDenied: the viewer may not read records.
    """
    require_permission(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        evidence, shown = _collect(unit, index, view)
    stated = {name for card in evidence.other_cards for name in card.values}
    disclose(index, viewer, Action.RECORD_READ, shown, (*FIELDS, *sorted(stated)))
    return evidence


def _collect(unit: ReadUnit, index: Index, view: QuestionView) -> tuple[QuestionEvidence, frozenset[int]]:
    """Return the evidence of a question, and the records in question."""
    cards = list(dict.fromkeys(card.label for card in view.cards))[:_MAX_COMPARED]
    [numbers] = find_record_numbers(unit, [cards]) if cards else [()]
    for number in numbers:
        require_child_conditions(unit, [number])
    number_of = dict(zip(cards, numbers, strict=True))
    pairs = [
        (number_of[pair.left], number_of[pair.right])
        for pair in view.pairs
        if pair.left in number_of and pair.right in number_of
    ]
    is_burst = view.shape == BURST
    asked = pairs[: MAX_BURST_CARDS if is_burst else MAX_EXPLAINED]
    reasons = _read_reasons(unit, view)
    # The page of a burst shows the records of its questions alone. Each question's own page names rivals.
    rivals = {
        pair: find_rivals(unit, index, pair)
        if not is_burst and reasons.get(frozenset(pair)) in RIVAL_REASONS
        else ()
        for pair in asked
    }
    children = () if is_burst else _find_children(unit, pairs, numbers)
    others = _list_others(numbers, children, rivals.values())
    labels = visible_labels(unit, [*numbers, *others])
    visible = load_visible_features(unit, index, list(labels))
    evidence = QuestionEvidence(
        reference=labels[numbers[0]] if len(labels) > 1 else None,
        verdicts=_compare(index, visible, labels, numbers[0]) if len(labels) > 1 else {},
        pairs=tuple(_explain_asked_pairs(unit, index, visible, labels, reasons, rivals)),
        children=_label_children(unit, children, labels),
        other_cards=_build_other_cards(unit, index, numbers, others),
    )
    return evidence, frozenset(labels)


def _build_other_cards(
    unit: ReadUnit, index: Index, asked: Sequence[int], others: Sequence[int]
) -> tuple[RecordCard, ...]:
    """Return the cards of the records shown besides the asked ones.

    What is withheld of one record on the page is withheld of all: another record could tell it.
    """
    if not others:
        return ()
    cards = build_cards(unit, index, [*asked, *others])
    other_labels = set(unit.records.labels(others).values())
    return tuple(card for card in cards if card.label in other_labels)


def _read_reasons(unit: ReadUnit, view: QuestionView) -> dict[frozenset[int], str]:
    """Read why each pair is asked; empty for a closed question."""
    key = view.summary.key
    if view.shape == BURST:
        questions = list_single_questions(unit, Filters(state=None, burst=key), MAX_BURST_CARDS)
    else:
        questions = list(load_questions(unit, [key]).values())
    return {task.ends: task.reason for question in questions for task in question.tasks}


def _find_children(unit: ReadUnit, pairs: Collection[Pair], numbers: Sequence[int]) -> tuple[_Child, ...]:
    """Return the two children that all pairs are about, or none."""
    persons = unit.persons.current_persons(numbers)
    sides = {frozenset(persons.get(end, -end) for end in pair) for pair in pairs}
    if len(sides) != 1 or len(next(iter(sides))) != _TWO:
        return ()
    order = dict.fromkeys(persons[number] for number in numbers if number in persons)
    children = [person for person in order if person in next(iter(sides))]
    if len(children) != _TWO:
        return ()
    members = _read_other_members(unit, children, numbers)
    return tuple(
        _Child(
            person=person,
            asked=tuple(number for number in numbers if persons.get(number) == person),
            others=members[person],
        )
        for person in children
    )


def _read_other_members(
    unit: ReadUnit, persons: Collection[int], numbers: Collection[int]
) -> dict[int, tuple[int, ...]]:
    """Read the persons' other visible records, without corrections."""
    if not is_allowed(unit.viewer, Action.PERSON_READ):
        return dict.fromkeys(persons, ())
    corrections = {source.code for source in unit.sources.all() if source.kind == STEWARD_SOURCE_KIND}
    members = unit.persons.members(persons)
    labels = visible_labels(unit, {record for records in members.values() for record in records})
    return {
        person: tuple(
            record
            for record in records
            if record in labels and record not in numbers and labels[record].source not in corrections
        )
        for person, records in members.items()
    }


def _list_others(
    numbers: Collection[int], children: Iterable[_Child], rivals: Iterable[Iterable[int]]
) -> list[int]:
    """List the records that are shown besides those of the question."""
    candidates = [
        *(number for child in children for number in child.shown),
        *(number for found in rivals for number in found),
    ]
    return [number for number in dict.fromkeys(candidates) if number not in numbers]


def _label_children(
    unit: ReadUnit, children: Sequence[_Child], labels: Mapping[int, RecordRef]
) -> tuple[ChildRecords, ...]:
    """Return the children of a question with the labels of their records."""
    persons = unit.persons.by_ids([child.person for child in children])
    return tuple(
        ChildRecords(
            enterprise_id=persons[child.person].eid,
            records=tuple(labels[number] for number in child.shown),
            more=max(len(child.others) - MAX_OTHER_RECORDS, 0),
        )
        for child in children
    )


def _compare(
    index: Index, visible: VisibleFeatures, labels: Mapping[int, RecordRef], reference: int
) -> dict[RecordRef, Mapping[str, FieldVerdict]]:
    """Return the verdicts on each record's fields beside a reference."""
    features = visible.by_record
    if reference not in features:
        return {}
    return {
        label: collect_field_verdicts(
            collect_evidence(index.matcher.scorer, features[reference], features[number])
        )
        for number, label in labels.items()
        if number != reference and number in features
    }


def _explain_asked_pairs(
    unit: ReadUnit,
    index: Index,
    visible: VisibleFeatures,
    labels: Mapping[int, RecordRef],
    reasons: Mapping[frozenset[int], str],
    rivals: Mapping[Pair, tuple[int, ...]],
) -> Iterable[AskedEvidence]:
    """Yield the evidence of each asked pair whose records are compared."""
    link_bits = index.matcher.model.thresholds.link
    persons = unit.persons.current_persons(list(labels))
    explained = {pair: explain_compared_pair(unit, index, visible, pair) for pair in rivals}
    past_answers = _find_past_answers(unit, index, visible, explained) if reasons else {}
    for pair, found in rivals.items():
        explanation = explained[pair]
        if explanation is None:
            continue
        caution = find_caution(explanation.evidence)
        uncapped_bits = explanation.match_weight - (0.0 if caution is None else caution.bits)
        reason = reasons.get(frozenset(pair), "")
        if reason == ReviewReason.BAND.value and caution is not None:
            reason = CAUTION
        yield AskedEvidence(
            left=labels[pair[0]],
            right=labels[pair[1]],
            explanation=explanation,
            is_enough=uncapped_bits >= link_bits,
            reason=UNSAID if reason in RIVAL_REASONS and not found else reason,
            rivals=tuple(labels[number] for number in found),
            is_within=bool(found)
            and {persons.get(end) for end in found} <= {persons.get(end) for end in pair},
            past=past_answers.get(pair),
        )


def _find_past_answers(
    unit: ReadUnit, index: Index, visible: VisibleFeatures, explained: Mapping[Pair, Explanation | None]
) -> dict[Pair, PastAnswer]:
    """Find earlier answers about pairs that the viewer may compare whole.

    The levels that an answer keeps rest on all fields of both records.
    """
    evidence = {
        pair: explanation.evidence
        for pair, explanation in explained.items()
        if explanation is not None and visible.partial.isdisjoint(pair)
    }
    return find_past_answers(unit, index, evidence) if evidence else {}
