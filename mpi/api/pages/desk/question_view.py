"""Contents of a question's page: records, evidence and pairs to judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.api.pages.rendering.charts import ArcDiagram, Waterfall, draw_arcs, draw_waterfall
from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.api.pages.rendering.record_comparison import ComparisonRow, ComparisonStatus, compare_records
from mpi.api.pages.rendering.record_links import build_record_link
from mpi.api.pages.rendering.record_values import format_record
from mpi.domain.errors import ConflictError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.explanations.pair_explanation import Explanation, explain_pair
from mpi.service.review.question_view import BURST, PairView, QuestionView, RecordCard
from mpi.service.statements.sources import list_visible_sources
from mpi.service.stewardship.decisions import DecisionView, get_decision

_NOTABLE = frozenset({ComparisonStatus.CLOSE, ComparisonStatus.DIFFERS})
_MAX_EXPLAINED = 6
"""Maximum number of pairs that a question's page explains."""
_SEPARATOR = "\t"
"""Separator in form values; no source code or local ID contains a tab."""


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """Column head of one record compared on a review question's page."""

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
    """Record pair that a review question asks about.

    ``verdict`` is the saved answer, ``chosen`` one entered in the form but not saved.
    """

    no: int
    key: str
    left: RecordRef
    right: RecordRef
    match_weight: float
    verdict: str | None
    chosen: str


@dataclass(frozen=True, slots=True)
class BurstPair:
    """Record pair of a burst question, with only the fields that differ.

    A burst is many alike pairs of one load, asked about together.
    """

    left: RecordRef
    right: RecordRef
    rows: tuple[ComparisonRow, ...]


@dataclass(frozen=True, slots=True)
class ExplainedPair:
    """Record pair with the explanation and the chart of its match weight."""

    left: RecordRef
    right: RecordRef
    told: Explanation
    chart: Waterfall


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """Contents of a review question's page: records, pairs, charts and decisions."""

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
    """Collect what the page of a review question shows.

    Args:
        index: the open index.
        viewer: the steward who looks at the page.
        view: the question.
        chosen: verdicts typed so far, by pair.
    """
    names = {source.code: source for source in list_visible_sources(index, viewer)}
    star = view.summary.subject is not None
    columns = tuple(
        RecordColumn(
            label=card.label,
            key=format_record_key(card.label),
            system=names[card.label.source].name,
            agency=names[card.label.source].agency,
            as_of=card.as_of,
            enterprise_id=card.enterprise_id,
            household=card.household,
            subject=star and card.label == view.summary.subject,
            url=build_record_link(index, card.label),
            version=_name_version(view.cards, position),
        )
        for position, card in enumerate(view.cards)
    )
    pairs = tuple(
        AskedPair(
            no=no,
            key=format_pair_key(pair),
            left=pair.left,
            right=pair.right,
            match_weight=pair.match_weight,
            verdict=pair.verdict,
            chosen=chosen.get(format_pair_key(pair), ""),
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
        view=view,
        columns=columns,
        rows=rows,
        pairs=pairs,
        drawing=drawing,
        seen=list_shown_values(view),
        why=explained_pairs,
        alike=burst_pairs,
        decisions=_read_decisions(index, viewer, view),
    )


def _read_decisions(index: Index, viewer: Viewer, view: QuestionView) -> tuple[DecisionView, ...]:
    """Read a review question's decisions, or none if hidden from the viewer."""
    if not is_allowed(viewer, Action.DECISION_READ):
        return ()
    return tuple(get_decision(index, viewer, number) for number in view.decisions)


def _is_side_by_side(view: QuestionView) -> bool:
    """Check whether a review question's records are shown side by side.

    A burst, many alike pairs of one load, has records of many children, so they are not.
    """
    return bool(view.cards) and view.shape != BURST


def _draw_links(view: QuestionView) -> ArcDiagram | None:
    """Draw the pairs of a review question as arcs between its records."""
    edges = [(pair.left, pair.right, pair.match_weight) for pair in view.pairs]
    return draw_arcs([card.label for card in view.cards], edges)


def _list_burst_pairs(view: QuestionView) -> tuple[BurstPair, ...]:
    """Return the pairs of a burst question, each with its differing fields.

    A burst is many alike pairs of one load, asked about together.
    """
    values = {card.label: _format_values(card) for card in view.cards}
    burst_pairs = []
    for pair in view.pairs:
        rows = compare_records([values.get(pair.left, {}), values.get(pair.right, {})], star=True)
        notable_rows = tuple(row for row in rows if row.field == "name" or row.cells[1].standing in _NOTABLE)
        burst_pairs.append(BurstPair(pair.left, pair.right, notable_rows))
    return tuple(burst_pairs)


def _name_version(cards: Sequence[RecordCard], position: int) -> str:
    """Return which of a record's two shown versions a card shows.

    ``stands`` is the version in force and ``waits`` the held one; empty if the record is shown once.
    """
    positions = [n for n, card in enumerate(cards) if card.label == cards[position].label]
    if len(positions) == 1:
        return ""
    return "stands" if positions[0] == position else "waits"


def explain_for_page(index: Index, viewer: Viewer, left: RecordRef, right: RecordRef) -> ExplainedPair | None:
    """Explain a record pair's match weight, None if not compared now."""
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
    """Format a record's source and local ID as one form value."""
    return f"{label.source}{_SEPARATOR}{label.local_id}"


def parse_record_key(key: str) -> RecordRef | None:
    """Parse a record's source and local ID from a form value.

    Returns:
        None if the value is invalid.
    """
    source, between, local_id = key.partition(_SEPARATOR)
    return RecordRef(source, local_id) if between and _SEPARATOR not in local_id else None


def format_pair_key(pair: PairView) -> str:
    """Format the sources and local IDs of two records as form value."""
    return f"{format_record_key(pair.left)}{_SEPARATOR}{format_record_key(pair.right)}"


def parse_pair_key(key: str) -> tuple[RecordRef, RecordRef] | None:
    """Parse the two records of a pair from a form value.

    Returns:
        None if the value is invalid.
    """
    match key.split(_SEPARATOR):
        case [left_source, left_id, right_source, right_id]:
            return RecordRef(left_source, left_id), RecordRef(right_source, right_id)
        case _:
            return None


def list_shown_values(view: QuestionView) -> tuple[str, ...]:
    """List what a question's page shows, for its form to keep.

    If an answer comes too late, ``describe_changes`` compares these values with the present ones.
    """
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
    """Describe what changed in a review question since its page was shown.

    Args:
        view: the question now.
        seen: values that the form kept, of ``list_shown_values``.
    """
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
    """Parse what a question's page showed, as its form kept it.

    Returns:
        Shown values by what they are about: a record, a pair or the number of acts.
    """
    sizes = {"record": 3, "pair": 5, "acts": 1}
    shown_values = {}
    for mark in seen:
        parts = tuple(mark.split(_SEPARATOR))
        size = sizes.get(parts[0])
        if size is not None and len(parts) > size:
            shown_values[parts[:size]] = parts[size:]
    return shown_values


def _format_values(card: RecordCard) -> dict[str, str]:
    """Format the values of a source record for comparison on a page."""
    return format_record(card.values, confidential=False, withheld=card.withheld)
