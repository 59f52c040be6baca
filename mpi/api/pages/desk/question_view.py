"""Contents of a question's page: children, records, evidence and pairs to judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.api.pages.desk.shown_values import format_pair_key, format_record_key, list_shown_values
from mpi.api.pages.rendering.answer_groups import (
    AnswerLevel,
    AskedChildren,
    AskedPair,
    group_by_children,
    join_groups,
)
from mpi.api.pages.rendering.charts import ArcDiagram, draw_arcs
from mpi.api.pages.rendering.page_texts import load_words
from mpi.api.pages.rendering.record_comparison import (
    ComparisonRow,
    ComparisonStatus,
    compare_records,
    list_side_by_side,
)
from mpi.api.pages.rendering.record_links import build_record_link
from mpi.api.pages.rendering.record_values import format_record
from mpi.api.pages.rendering.waterfall import Waterfall, draw_waterfall
from mpi.domain.errors import ConflictError
from mpi.domain.record_ref import RecordRef
from mpi.domain.survivorship.attributes import NAME_PARTS
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.domain.weight import Thresholds
from mpi.service.core.index import Index
from mpi.service.explanations.evidence_strength import round_odds
from mpi.service.explanations.pair_evidence import FieldVerdict, collect_field_verdicts, find_caution
from mpi.service.explanations.pair_explanation import Explanation, explain_pair
from mpi.service.explanations.question_evidence import AskedEvidence, QuestionEvidence, load_question_evidence
from mpi.service.review.question_view import BURST, QuestionView
from mpi.service.review.record_cards import RecordCard
from mpi.service.rosters.school_directory import SchoolDirectory, load_school_directory
from mpi.service.statements.sources import list_visible_sources
from mpi.service.stewardship.decisions import DecisionView, get_decision
from mpi.standardize.name.title_case import format_name
from mpi.storage.repositories.sources.sources import Source

_NOTABLE = frozenset({ComparisonStatus.CLOSE, ComparisonStatus.DIFFERS})
_NAME_FIELDS = frozenset({"first_name", "last_name"})


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """Column head of one record shown on a review question's page.

    ``anchor`` is the HTML ID. ``role`` is ``asked``, ``other`` for another record of the same child, or
    ``rival`` for a record that also matches.
    """

    label: RecordRef
    key: str
    anchor: str
    name: str
    role: str
    system: str
    agency: str
    as_of: str
    enterprise_id: str | None
    household: tuple[RecordRef, ...]
    subject: bool
    url: str | None
    version: str


@dataclass(frozen=True, slots=True)
class ChildColumns:
    """Head over one child's columns: name, enterprise ID and their number."""

    name: str
    enterprise_id: str | None
    width: int
    more: int


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
    """Record pair with the explanation and the chart of its match weight.

    ``caution`` is the phrase of the caution that holds it, or empty. ``asked`` tells why it is asked, on the
    page of a question.
    """

    left: RecordRef
    right: RecordRef
    told: Explanation
    chart: Waterfall
    odds: int
    caution: str
    asked: AskedEvidence | None = None


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """Contents of a review question's page: children, records, pairs and evidence."""

    view: QuestionView
    columns: tuple[RecordColumn, ...]
    heads: tuple[ChildColumns, ...]
    rows: tuple[ComparisonRow, ...]
    pairs: tuple[AskedPair, ...]
    asked: tuple[AskedChildren, ...]
    drawing: ArcDiagram | None
    seen: tuple[str, ...]
    why: tuple[ExplainedPair, ...]
    alike: tuple[BurstPair, ...]
    decisions: tuple[DecisionView, ...]
    systems: Mapping[str, str]

    @property
    def is_grouped(self) -> bool:
        """Whether one answer counts for several pairs of records."""
        return len(self.asked) < len(self.pairs)

    @property
    def column_of(self) -> Mapping[RecordRef, RecordColumn]:
        """Columns by record."""
        return {column.label: column for column in self.columns}


def build_question_page(
    index: Index,
    viewer: Viewer,
    view: QuestionView,
    chosen: Mapping[str, str],
    level: AnswerLevel = AnswerLevel.QUESTION,
) -> QuestionPage:
    """Collect what the page of a review question shows.

    Args:
        index: the open index.
        viewer: the steward who looks at the page.
        view: the question.
        chosen: verdicts typed so far, by pair.
        level: what one answer is about.
    """
    sources = {source.code: source for source in list_visible_sources(index, viewer)}
    schools = load_school_directory(index)
    evidence = load_question_evidence(index, viewer, view)
    is_burst = view.shape == BURST
    columns = _build_columns(index, view, evidence, sources)
    pairs = _list_asked_pairs(view, chosen)
    return QuestionPage(
        view=view,
        columns=columns,
        heads=_build_heads(columns, evidence),
        rows=() if is_burst else _build_rows(view, evidence, columns, schools),
        pairs=pairs,
        asked=_group_pairs(view, pairs, columns, level),
        drawing=None if is_burst or evidence.children else _draw_links(view),
        seen=list_shown_values(view),
        why=tuple(
            _explain_asked(asked, index.matcher.model.thresholds)
            for asked in evidence.pairs[: 1 if is_burst else None]
        ),
        alike=_list_burst_pairs(view, evidence, schools) if is_burst else (),
        decisions=_read_decisions(index, viewer, view),
        systems={code: source.name for code, source in sources.items()},
    )


def _list_asked_pairs(view: QuestionView, chosen: Mapping[str, str]) -> tuple[AskedPair, ...]:
    """List the pairs to answer, with what was answered and typed."""
    return tuple(
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


def _group_pairs(
    view: QuestionView, pairs: Sequence[AskedPair], columns: Sequence[RecordColumn], level: AnswerLevel
) -> tuple[AskedChildren, ...]:
    """Group the asked pairs by what one answer is about."""
    child_of = {card.label: card.enterprise_id for card in view.cards}
    groups = group_by_children(pairs, child_of, by_pair=level is AnswerLevel.PAIR)
    if level is not AnswerLevel.QUESTION:
        return groups
    name_of = {column.label: column.name for column in columns}
    return join_groups(groups, child_of, name_of, view.summary.subject)


def _order_cards(view: QuestionView, evidence: QuestionEvidence) -> list[tuple[str, RecordCard]]:
    """List the cards as columns, grouped by child, each with its role."""
    other_cards = {card.label: card for card in evidence.other_cards}
    cards = {card.label: card for card in view.cards} | other_cards
    of_children = [label for child in evidence.children for label in child.records if label in cards]
    ordered = [("other" if label in other_cards else "asked", cards[label]) for label in of_children]
    ordered += [("asked", card) for card in view.cards if card.label not in of_children]
    return ordered + [("rival", card) for label, card in other_cards.items() if label not in of_children]


def _build_columns(
    index: Index, view: QuestionView, evidence: QuestionEvidence, sources: Mapping[str, Source]
) -> tuple[RecordColumn, ...]:
    """Build the heads of the columns, one for each shown record."""
    star = view.summary.subject is not None and not evidence.children
    ordered = _order_cards(view, evidence)
    cards = [card for _, card in ordered]
    return tuple(
        RecordColumn(
            label=card.label,
            key=format_record_key(card.label),
            anchor=f"record-{position}",
            name=name_child(card.values),
            role=role,
            system=sources[card.label.source].name,
            agency=sources[card.label.source].agency,
            as_of=card.as_of,
            enterprise_id=card.enterprise_id,
            household=card.household,
            subject=star and card.label == view.summary.subject,
            url=build_record_link(index, card.label),
            version=_name_version(cards, position),
        )
        for position, (role, card) in enumerate(ordered)
    )


def _build_heads(columns: Sequence[RecordColumn], evidence: QuestionEvidence) -> tuple[ChildColumns, ...]:
    """Build the heads over the columns of both children, and over rivals."""
    if not evidence.children:
        return ()
    name_of = {column.label: column.name for column in columns}
    heads = [
        ChildColumns(
            name=next((name_of[label] for label in child.records if name_of.get(label)), ""),
            enterprise_id=child.enterprise_id,
            width=sum(1 for label in child.records if label in name_of),
            more=child.more,
        )
        for child in evidence.children
    ]
    rival_count = len(columns) - sum(head.width for head in heads)
    return (*heads, *([ChildColumns("", None, rival_count, 0)] if rival_count else []))


def _build_rows(
    view: QuestionView,
    evidence: QuestionEvidence,
    columns: Sequence[RecordColumn],
    schools: SchoolDirectory,
) -> tuple[ComparisonRow, ...]:
    """Build the table of all shown records."""
    if not columns:
        return ()
    ordered = [card for _, card in _order_cards(view, evidence)]
    if evidence.reference is None or not evidence.verdicts:
        return list_side_by_side([_format_values(card, schools) for card in ordered])
    verdicts = [
        None if card.label == evidence.reference else evidence.verdicts.get(card.label, {})
        for card in ordered
    ]
    values = [
        _format_values(card, schools) | describe_ssn(marks, verdicts)
        for card, marks in zip(ordered, verdicts, strict=True)
    ]
    return compare_records(values, verdicts)


def describe_ssn(
    marks: Mapping[str, FieldVerdict] | None, verdicts: Sequence[Mapping[str, FieldVerdict] | None]
) -> dict[str, str]:
    """Return how a record's SSN compares, never the number."""
    texts = load_words().question.ssn
    found = {
        FieldVerdict.MISSING if each is None else each.get("ssn", FieldVerdict.MISSING) for each in verdicts
    }
    if found == {FieldVerdict.MISSING}:
        return {}
    if marks is None:
        return {"ssn": texts.reference}
    text = texts.maybe(marks.get("ssn", FieldVerdict.MISSING).value)
    return {} if text is None else {"ssn": text}


def name_child(values: Mapping[str, object]) -> str:
    """Return a record's name in title case; empty if it has none."""
    first, last, suffix = (str(values.get(name) or "") for name in ("first_name", "last_name", "suffix"))
    return format_name(first, None, last, suffix)


def _explain_asked(asked: AskedEvidence, thresholds: Thresholds) -> ExplainedPair:
    """Return an asked pair with its explanation and chart."""
    return draw_explanation(asked.left, asked.right, asked.explanation, thresholds, asked)


def draw_explanation(
    left: RecordRef,
    right: RecordRef,
    explanation: Explanation,
    thresholds: Thresholds,
    asked: AskedEvidence | None = None,
) -> ExplainedPair:
    """Return an explanation with the chart of its evidence."""
    caution = find_caution(explanation.evidence)
    return ExplainedPair(
        left=left,
        right=right,
        told=explanation,
        chart=draw_waterfall(
            [(item.comparison, item.phrase, item.bits) for item in explanation.evidence], thresholds
        ),
        odds=round_odds(explanation.match_weight),
        caution="" if caution is None else caution.phrase,
        asked=asked,
    )


def _read_decisions(index: Index, viewer: Viewer, view: QuestionView) -> tuple[DecisionView, ...]:
    """Read a review question's decisions, or none if hidden from the viewer."""
    if not is_allowed(viewer, Action.DECISION_READ):
        return ()
    return tuple(get_decision(index, viewer, number) for number in view.decisions)


def _draw_links(view: QuestionView) -> ArcDiagram | None:
    """Draw the pairs of a review question as arcs between its records."""
    edges = [(pair.left, pair.right, pair.match_weight) for pair in view.pairs]
    return draw_arcs([card.label for card in view.cards], edges)


def _list_burst_pairs(
    view: QuestionView, evidence: QuestionEvidence, schools: SchoolDirectory
) -> tuple[BurstPair, ...]:
    """Return the pairs of a burst question, each with its differing fields.

    A burst is many alike pairs of one load, asked about together.
    """
    values = {card.label: _format_values(card, schools) for card in view.cards}
    burst_pairs = []
    for asked in evidence.pairs:
        verdicts = collect_field_verdicts(asked.explanation.evidence)
        rows = compare_records([values.get(asked.left, {}), values.get(asked.right, {})], [None, verdicts])
        notable_rows = tuple(
            row for row in rows if row.field in _NAME_FIELDS or row.cells[1].standing in _NOTABLE
        )
        burst_pairs.append(BurstPair(asked.left, asked.right, notable_rows))
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
    return draw_explanation(left, right, explanation, index.matcher.model.thresholds)


def _format_values(card: RecordCard, schools: SchoolDirectory) -> dict[str, str]:
    """Format the values of a source record for comparison on a page.

    Each part of the name has a row of its own, as the model compares it by itself.
    """
    values = format_record(schools.add_names(card.values), confidential=False, withheld=card.withheld)
    values.pop("name", None)
    parts = {name: str(card.values[name]) for name in NAME_PARTS if card.values.get(name)}
    return parts | values
