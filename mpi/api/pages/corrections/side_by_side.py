"""Two children side by side, with what the model says about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.api.pages.corrections.child_choice import Child
from mpi.api.pages.desk.person_view import SourceRecordCard, read_record_cards
from mpi.api.pages.desk.question_view import ExplainedPair, describe_ssn, draw_explanation
from mpi.api.pages.rendering.child_labels import ChildLabel
from mpi.api.pages.rendering.record_comparison import ComparisonRow, compare_records, list_side_by_side
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.domain.weight import Thresholds
from mpi.service.core.index import Index
from mpi.service.explanations.group_evidence import GroupEvidence, compare_groups
from mpi.service.explanations.pair_evidence import FieldVerdict
from mpi.service.persons.golden_record import has_withheld_whereabouts


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: some records of a child.

    Args:
        label: the child.
        eid: its enterprise ID.
        records: the records to compare.
    """

    label: ChildLabel
    eid: str
    records: Sequence[RecordRef]


@dataclass(frozen=True, slots=True)
class ComparedSide:
    """Head over the columns of one side.

    ``more`` is the number of its records without a column.
    """

    label: ChildLabel
    eid: str
    columns: tuple[SourceRecordCard, ...]
    more: int


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Comparison of two sides: heads, rows of values, and the evidence."""

    sides: tuple[ComparedSide, ComparedSide]
    rows: tuple[ComparisonRow, ...]
    why: ExplainedPair | None

    @property
    def columns(self) -> tuple[SourceRecordCard, ...]:
        """Columns of both sides, in order."""
        return tuple(card for side in self.sides for card in side.columns)


def make_side(child: Child, records: Sequence[RecordRef] | None = None) -> Side:
    """Return a side of all or some records of a child."""
    return Side(child.label, child.eid, child.person.records if records is None else records)


def build_side_by_side(index: Index, viewer: Viewer, left: Side, right: Side) -> SideBySide | None:
    """Compare two sides, within what the viewer may see and compare.

    Whereabouts that one of the children withholds are shown of neither: the record of the other could tell
    them.

    Returns:
        None if the viewer may read no records, or a side has none.
    """
    if not is_allowed(viewer, Action.RECORD_READ) or not left.records or not right.records:
        return None
    evidence = compare_groups(index, viewer, left.records, right.records)
    confidential = any(has_withheld_whereabouts(index, viewer, side.eid) for side in (left, right))
    cards = read_record_cards(index, viewer, (*evidence.left, *evidence.right), confidential=confidential)
    if not cards:
        return None
    sides = _build_side(left, evidence.left, cards), _build_side(right, evidence.right, cards)
    shown = [card for side in sides for card in side.columns]
    return SideBySide(sides, _build_rows(shown, evidence), _draw(evidence, index.matcher.model.thresholds))


def _build_side(side: Side, shown: Sequence[RecordRef], cards: Sequence[SourceRecordCard]) -> ComparedSide:
    """Return the head and columns of one side."""
    columns = tuple(card for card in cards if card.label in shown)
    return ComparedSide(side.label, side.eid, columns, len(side.records) - len(columns))


def _build_rows(cards: Sequence[SourceRecordCard], evidence: GroupEvidence) -> tuple[ComparisonRow, ...]:
    """Return the table of values, marked by the model where it compares."""
    values = [_split_name(card) for card in cards]
    verdicts: list[Mapping[str, FieldVerdict] | None] = [
        None if card.label == evidence.left[0] else evidence.verdicts.get(card.label, {}) for card in cards
    ]
    if not evidence.verdicts or None not in verdicts:
        return list_side_by_side(values)
    ssn = [describe_ssn(marks, verdicts) for marks in verdicts]
    return compare_records([row | number for row, number in zip(values, ssn, strict=True)], verdicts)


def _split_name(card: SourceRecordCard) -> dict[str, str]:
    """Return a card's values with each part of a name separate.

    The model compares each part of a name by itself.
    """
    return {**card.name_parts, **{name: value for name, value in card.rows.items() if name != "name"}}


def _draw(evidence: GroupEvidence, thresholds: Thresholds) -> ExplainedPair | None:
    """Return the evidence of the strongest pair with its chart."""
    if evidence.explanation is None:
        return None
    return draw_explanation(evidence.left[0], evidence.right[0], evidence.explanation, thresholds)
