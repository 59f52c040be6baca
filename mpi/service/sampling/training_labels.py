"""Training labels: pairs that stewards decided, for ``training fit``.

Only decisions of people count, and only while in force: labels from the model or from sources would teach
the model itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.sampling.blind_review import DIFFERENT, SAME
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

HEADER = (
    "left_source", "left_local_id", "right_source", "right_local_id", "label", "decided_on", "reason",
)  # fmt: skip
BLIND_REASON = "blind-review"
"""Reason of a label that is a blind verdict."""
_PAGE = 1_000
_LABELS = {SAME: DecisionKind.SAME, DIFFERENT: DecisionKind.DIFFERENT}

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LabelRow:
    """Labeled pair of records: whether a person judged them one child.

    Args:
        left_source: source of the first record.
        left_local_id: local ID of the first record.
        right_source: source of the second record.
        right_local_id: local ID of the second record.
        label: ``SAME`` or ``DIFFERENT``.
        decided_on: the day, ``YYYY-MM-DD``.
        reason: the decision's reason code; ``blind-review`` for a blind verdict.
    """

    left_source: str
    left_local_id: str
    right_source: str
    right_local_id: str
    label: str
    decided_on: str
    reason: str


@dataclass(frozen=True, slots=True)
class _PairLabel:
    """Training label of a record pair: its kind, day and reason."""

    label: DecisionKind
    day: str
    reason: str


def export_labels(index: Index, viewer: Viewer, *, with_blind: bool = False) -> tuple[LabelRow, ...]:
    """Export the record pairs that stewards decided, each with its latest label.

    Left out are pairs with hidden records, and pairs with contradicting blind verdicts. A decision takes
    precedence over blind verdicts.

    Args:
        index: the open index.
        viewer: who receives the labels, and for which purpose.
        with_blind: whether to include blind verdicts.

    Raises:
        AccessDenied: the viewer may not export.
    """
    require_permission(viewer, Action.CROSSWALK_EXPORT)
    with index.database.read(viewer) as unit:
        labels_by_pair: dict[Pair, _PairLabel] = {}
        for pair_label, day in _iterate_steward_decisions(unit):
            labels_by_pair.update(
                {
                    pair: _PairLabel(pair_label.kind, day, pair_label.reason)
                    for pair in _list_pairs(pair_label)
                }
            )
        if with_blind:
            labels_by_pair = _load_blind_labels(unit) | labels_by_pair
        labels = visible_labels(unit, {end for pair in labels_by_pair for end in pair})
    visible_pairs = {
        pair: pair_label
        for pair, pair_label in labels_by_pair.items()
        if pair[0] in labels and pair[1] in labels
    }
    disclose(index, viewer, Action.CROSSWALK_EXPORT, {end for pair in visible_pairs for end in pair}, HEADER)
    rows = (
        LabelRow(
            left_source=labels[left].source,
            left_local_id=labels[left].local_id,
            right_source=labels[right].source,
            right_local_id=labels[right].local_id,
            label=pair_label.label.value,
            decided_on=pair_label.day,
            reason=pair_label.reason,
        )
        for (left, right), pair_label in sorted(visible_pairs.items())
    )
    return tuple(rows)


def _iterate_steward_decisions(unit: ReadUnit) -> Iterator[tuple[StoredDecision, str]]:
    """Yield stewards' SAME and DIFFERENT decisions in force, with their days."""
    decision_ids = sorted(
        named_decision.decision.id for named_decision in unit.decisions_in_force.all_in_force()
    )
    for start in range(0, len(decision_ids), _PAGE):
        decisions = unit.decisions.by_ids(decision_ids[start : start + _PAGE])
        commits = unit.commit_info({decision.commit_no for decision in decisions.values()})
        for decision_id in sorted(decisions):
            decision = decisions[decision_id]
            is_stewards = (
                decision.authority is Authority.STEWARD and decision.status is DecisionStatus.IN_FORCE
            )
            if is_stewards and decision.kind in (DecisionKind.SAME, DecisionKind.DIFFERENT):
                yield decision, commits[decision.commit_no][0][: len("2026-01-01")]


def _list_pairs(decision: StoredDecision) -> Iterator[Pair]:
    """Yield the record pairs that a decision labels, lower number first."""
    if decision.kind is DecisionKind.SAME:
        pairs = (pair for group in decision.groups for pair in combinations(group, 2))
    else:
        pairs = (
            pair
            for left_group, right_group in combinations(decision.groups, 2)
            for pair in product(left_group, right_group)
        )
    return ((min(pair), max(pair)) for pair in pairs)


def _load_blind_labels(unit: ReadUnit) -> dict[Pair, _PairLabel]:
    """Load pair labels from blind verdicts, without pairs on which judges disagree."""
    labels_by_pair: dict[Pair, _PairLabel] = {}
    disputed: set[Pair] = set()
    for pair, answer in unit.blind_pairs.all_with_answers():
        kind = _LABELS.get(answer.verdict)
        ends = (pair.lo, pair.hi)
        earlier_label = labels_by_pair.get(ends)
        first_kind = _LABELS.get(pair.first_verdict or "")
        if (
            kind is None
            or (earlier_label and earlier_label.label is not kind)
            or (first_kind and first_kind is not kind)
        ):
            disputed.add(ends)
            continue
        labels_by_pair[ends] = _PairLabel(kind, answer.at[: len("2026-01-01")], BLIND_REASON)
    return {pair: pair_label for pair, pair_label in labels_by_pair.items() if pair not in disputed}
