"""What the page of a question shows: records side by side, why, what would change it, and what is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.api.pages.rendering.charts import ArcDiagram, Waterfall, draw_arcs, draw_waterfall
from mpi.api.pages.rendering.differences import ComparisonRow, ComparisonStatus, compare_records
from mpi.api.pages.rendering.record_links import build_record_link
from mpi.api.pages.rendering.record_values import format_record
from mpi.api.pages.rendering.words import format_text, load_words
from mpi.domain.errors import ConflictError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.explanations.pair import Explanation, explain_pair
from mpi.service.review.question import BURST, PairView, QuestionView, RecordCard
from mpi.service.statements.sources import list_visible_sources
from mpi.service.stewardship.decisions import DecisionView, get_decision

_NOTABLE = frozenset({ComparisonStatus.CLOSE, ComparisonStatus.DIFFERS})
_MAX_EXPLAINED = 6
"""Pairs of one question that are explained on its page."""
_SEPARATOR = "\t"
"""Between the parts of a form's value; no source code or local ID can hold it."""


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """The head of one record."""

    label: RecordRef
    key: str
    system: str
    agency: str
    as_of: str
    enterprise_id: str | None
    household: tuple[RecordRef, ...]
    subject: bool
    url: str | None
    version: str


@dataclass(frozen=True, slots=True)
class AskedPair:
    """One pair that is asked, in the order of the page; ``chosen`` is what was typed and not yet kept."""

    no: int
    key: str
    left: RecordRef
    right: RecordRef
    match_weight: float
    verdict: str | None
    chosen: str


@dataclass(frozen=True, slots=True)
class BurstPair:
    """One of the pairs that a burst stands for: only what is not the same on both sides."""

    left: RecordRef
    right: RecordRef
    rows: tuple[ComparisonRow, ...]


@dataclass(frozen=True, slots=True)
class ExplainedPair:
    """A pair explained, with its bits drawn."""

    left: RecordRef
    right: RecordRef
    told: Explanation
    chart: Waterfall


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """A question in words."""

    view: QuestionView
    columns: tuple[RecordColumn, ...]
    rows: tuple[ComparisonRow, ...]
    pairs: tuple[AskedPair, ...]
    drawing: ArcDiagram | None
    seen: tuple[str, ...]
    why: tuple[ExplainedPair, ...]
    alike: tuple[BurstPair, ...]
    decisions: tuple[DecisionView, ...]


def build_question_page(
    index: Index, viewer: Viewer, view: QuestionView, chosen: Mapping[str, str]
) -> QuestionPage:
    """Put a question into words.

    Args:
        index: the open index.
        viewer: who looks.
        view: the question.
        chosen: verdicts typed so far, by pair.
    """
    names = {source.code: source for source in list_visible_sources(index, viewer)}
    star = view.summary.subject is not None
    columns = tuple(
        RecordColumn(
            card.label,
            format_record_key(card.label),
            names[card.label.source].name,
            names[card.label.source].agency,
            card.as_of,
            card.enterprise_id,
            card.household,
            star and card.label == view.summary.subject,
            build_record_link(index, card.label),
            _name_version(view.cards, position),
        )
        for position, card in enumerate(view.cards)
    )
    pairs = tuple(
        AskedPair(
            no,
            format_pair_key(pair),
            pair.left,
            pair.right,
            pair.match_weight,
            pair.verdict,
            chosen.get(format_pair_key(pair), ""),
        )
        for no, pair in enumerate(view.pairs)
    )
    is_burst = view.shape == BURST
    drawing = None if is_burst else _draw_links(view)
    rows = (
        compare_records([_format_values(card) for card in view.cards], star=star)
        if _is_side_by_side(view)
        else ()
    )
    explanations = [
        explain_for_page(index, viewer, pair.left, pair.right)
        for pair in view.pairs[: 1 if is_burst else _MAX_EXPLAINED]
    ]
    explained_pairs = tuple(explanation for explanation in explanations if explanation is not None)
    burst_pairs = _list_burst_pairs(view) if is_burst else ()
    return QuestionPage(
        view,
        columns,
        rows,
        pairs,
        drawing,
        list_shown_values(view),
        explained_pairs,
        burst_pairs,
        _read_decisions(index, viewer, view),
    )


def _read_decisions(index: Index, viewer: Viewer, view: QuestionView) -> tuple[DecisionView, ...]:
    """The decisions that the question is about, as far as the viewer may read them."""
    if not is_allowed(viewer, Action.DECISION_READ):
        return ()
    return tuple(get_decision(index, viewer, number) for number in view.decisions)


def _is_side_by_side(view: QuestionView) -> bool:
    """Whether the records stand side by side: those of a burst are of many children."""
    return bool(view.cards) and view.shape != BURST


def _draw_links(view: QuestionView) -> ArcDiagram | None:
    edges = [(pair.left, pair.right, pair.match_weight) for pair in view.pairs]
    return draw_arcs([card.label for card in view.cards], edges)


def _list_burst_pairs(view: QuestionView) -> tuple[BurstPair, ...]:
    values = {card.label: _format_values(card) for card in view.cards}
    burst_pairs = []
    for pair in view.pairs:
        rows = compare_records([values.get(pair.left, {}), values.get(pair.right, {})], star=True)
        notable_rows = tuple(row for row in rows if row.field == "name" or row.cells[1].standing in _NOTABLE)
        burst_pairs.append(BurstPair(pair.left, pair.right, notable_rows))
    return tuple(burst_pairs)


def _name_version(cards: Sequence[RecordCard], position: int) -> str:
    """Of a record that is shown twice, which of its versions this is: ``stands``, then ``waits``."""
    positions = [n for n, card in enumerate(cards) if card.label == cards[position].label]
    if len(positions) == 1:
        return ""
    return "stands" if positions[0] == position else "waits"


def explain_for_page(index: Index, viewer: Viewer, left: RecordRef, right: RecordRef) -> ExplainedPair | None:
    """A pair explained; None where one of its records takes no part now."""
    try:
        explanation = explain_pair(index, viewer, left, right)
    except ConflictError:
        return None
    return ExplainedPair(
        left,
        right,
        explanation,
        draw_waterfall([(part.comparison, part.sentence, part.bits) for part in explanation.parts]),
    )


def format_record_key(label: RecordRef) -> str:
    """A record as a form's value."""
    return f"{label.source}{_SEPARATOR}{label.local_id}"


def parse_record_key(key: str) -> RecordRef | None:
    """The record of a form's value; None where it is none."""
    source, between, local_id = key.partition(_SEPARATOR)
    return RecordRef(source, local_id) if between and _SEPARATOR not in local_id else None


def format_pair_key(pair: PairView) -> str:
    """A pair as a form's value."""
    return f"{format_record_key(pair.left)}{_SEPARATOR}{format_record_key(pair.right)}"


def parse_pair_key(key: str) -> tuple[RecordRef, RecordRef] | None:
    """The pair of a form's value; None where it is none."""
    parts = key.split(_SEPARATOR)
    if len(parts) != len(("source", "local ID", "source", "local ID")):
        return None
    return RecordRef(parts[0], parts[1]), RecordRef(parts[2], parts[3])


def list_shown_values(view: QuestionView) -> tuple[str, ...]:
    """What a page has shown, kept in its form, so that it can tell what changed if it is out of date."""
    cards = (
        _SEPARATOR.join(("record", format_record_key(card.label), card.as_of, card.enterprise_id or ""))
        for card in view.cards
    )
    pairs = (
        _SEPARATOR.join(("pair", format_pair_key(pair), f"{pair.match_weight:.1f}")) for pair in view.pairs
    )
    acts = (_SEPARATOR.join(("acts", str(len(view.history)))),)
    return (*cards, *pairs, *acts)


def describe_changes(view: QuestionView, seen: Sequence[str]) -> list[str]:
    """In words, what is other than a page had shown it."""
    texts = load_words().question
    before, now = _parse_shown_values(seen), _parse_shown_values(list_shown_values(view))
    changes = []
    for key in [*now, *(key for key in before if key not in now)]:
        if key[0] == "record":
            name = " ".join(key[1:])
            if key not in before:
                changes.append(format_text(texts.changed_new, record=name))
            elif key not in now:
                changes.append(format_text(texts.changed_gone, record=name))
            elif before[key][0] != now[key][0]:
                changes.append(format_text(texts.changed_record, record=name))
            elif before[key][1] != now[key][1]:
                changes.append(format_text(texts.changed_person, record=name))
        elif key[0] == "pair" and key in before and key in now and before[key] != now[key]:
            left, right = " ".join(key[1:3]), " ".join(key[3:])
            changes.append(
                format_text(
                    texts.changed_weight, left=left, right=right, before=before[key][0], after=now[key][0]
                )
            )
    shown_action_count = int(before.get(("acts",), ("0",))[0] or 0)
    changes += [
        format_text(texts.changed_action, action=texts.action.of(act.action), actor=act.actor)
        for act in view.history[shown_action_count:]
    ]
    return [str(text) for text in changes] or [texts.changed_unknown]


def _parse_shown_values(seen: Sequence[str]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """What was shown, by what it is of."""
    sizes = {"record": 3, "pair": 5, "acts": 1}
    shown_values = {}
    for mark in seen:
        parts = tuple(mark.split(_SEPARATOR))
        size = sizes.get(parts[0])
        if size is not None and len(parts) > size:
            shown_values[parts[:size]] = parts[size:]
    return shown_values


def _format_values(card: RecordCard) -> dict[str, str]:
    return format_record(card.values, confidential=False, withheld=card.withheld)
